// A portal in which there is nothing yet: each place says what it is for, and the one way on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

let world;
before(async () => {
  world = await openWorld({ empty: true });
});
after(() => world?.close());

const places = {
  "/": /three steps/,
  "/consents": /No consents yet/,
  "/accounts": /No accounts yet/,
  "/numbers": /No numbers yet/,
  "/numbers/upload": /No account yet/,
  "/orders": /No orders yet/,
  "/civic-addresses": /No enterprises yet/,
  "/audit": /Nothing was changed yet/,
  "/connection": /Connection/,
  "/search": /What are you looking for/,
};

test("empty places teach", async () => {
  const admin = await world.person("admin");
  for (const [path, words] of Object.entries(places)) {
    await admin.open(path);
    assert.match(await admin.page.locator("main").textContent(), words, path);
    await admin.look(`${path}, empty`);
  }
});

test("when the backend is away, the pages say so and stay", async () => {
  await world.play("_faults", { down: true });
  const admin = await world.person("admin");
  await admin.open("/connection");
  await admin.page.locator("#status form button").first().click();
  await admin.until(admin.page.locator("#status").getByText("Failed").first(), { byItself: false });
  await admin.look("connection, backend away");
  await admin.open("/consents");
  await admin.page.getByText("The last pull did not go through").waitFor();
  await admin.look("consents, backend away");
  await admin.open("/");
  await admin.look("overview, backend away");
  await world.play("_faults", { down: false });
});

test("nothing is wrong with any page", () => nothingFound(world));
