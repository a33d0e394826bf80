// The whole main job, from signing in to signing out. Both suites play it; only script is on or off.
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";
import * as takeOn from "./steps/take_on.mjs";
import * as upload from "./steps/upload.mjs";
import * as numbers from "./steps/numbers.mjs";
import * as release from "./steps/release.mjs";
import * as roles from "./steps/roles.mjs";
import * as ending from "./steps/ending.mjs";

export function mainJob({ script }) {
  let world;
  before(async () => {
    world = await openWorld({ script });
  });
  after(() => world?.close());

  test(`the main job ${script ? "with" : "without"} script`, async (suite) => {
    const steps = [takeOn, upload, numbers, release, roles, ending].flatMap((part) => part.steps);
    for (const step of steps) {
      // One step needs what the one before it made.
      const words = step.name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      let done = false;
      await suite.test(words, async () => {
        await step(world);
        done = true;
      });
      if (!done) break;
    }
  });
  test("nothing is wrong with any page", () => nothingFound(world));
}
