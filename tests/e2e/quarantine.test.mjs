// A number is released, looked for, and given to another account before its time.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

let world;
before(async () => {
  world = await openWorld({ accounts: true });
});
after(() => world?.close());

let number;

test("released numbers are in quarantine, and their pages say who had them", async () => {
  const admin = await world.person("admin");
  await admin.open("/numbers/quarantine");
  await admin.page.getByText("No number is in quarantine").waitFor();
  await admin.look("quarantine, nothing yet");
  await admin.open("/numbers?account=wide-world");
  number = await admin.page.locator("#numbers tbody input[name=number]").first().getAttribute("value");
  await admin.page.locator("[name=all_matching]").check();
  await admin.press("Release");
  await admin.page.waitForURL("**/review");
  await admin.press(/^Release [\d,]+ /);
  await admin.page.waitForURL(/\/orders\/\d+$/);
  await admin.until(admin.page.locator("#status", { hasText: /^\s*Complete\s*$/ }));
  await admin.open("/numbers");
  await admin.press("In quarantine");
  await admin.look("quarantine");
  assert.ok((await admin.rows("quarantined")).length >= 1);
  await admin.open("/numbers/quarantine?country=GBR");
  await admin.refused("quarantine, a filter that is none", /two letters/);
  await admin.open("/numbers/quarantine?account=nobody");
  await admin.look("quarantine, nothing matches");

  await admin.open("/");
  await admin.page.locator("[name=q]").first().fill(number);
  await admin.page.keyboard.press("Enter");
  await admin.page.waitForURL("**/numbers/**");
  await admin.page.getByText("wide-world had it until").waitFor();
  await admin.look("number in quarantine");
  const today = new Date().toISOString().slice(0, 10);
  await admin.field("on").fill(today);
  await admin.press("Look up");
  await admin.page.getByText("it was with:").waitFor();
  await admin.look("who had a number on a day");
  await admin.open(`/numbers/${number}?on=9000-01-01`);
  await admin.refused("who had a number in the future", /in the future/);
});

test("an administrator gives one to another account", async () => {
  const admin = await world.person("admin");
  await admin.open("/numbers/upload?account=fourth-coffee");
  await admin.field("numbers").fill(number);
  await admin.page.locator("[name=service][value=directRouting], [name=further_service][value=directRouting]").first().check();
  await admin.press("Review");
  await admin.page.waitForURL("**/review");
  await admin.page.locator("#quarantine-title", { hasText: "In quarantine: 1" }).waitFor();
  await admin.look("review, in quarantine");
  const review = admin.page.url();
  const writer = await world.person("writer");
  await writer.open(new URL(review).pathname);
  await writer.page.getByText("can override that here").waitFor();
  await writer.look("review, in quarantine, as the writer");
  await admin.press("Override quarantine");
  await admin.refused("override without a reason", /Say why/, /Tick the numbers/);
  await admin.page.locator("#f-number").check();
  await admin.field("reason").fill("The shop moved to the corner");
  await admin.press("Override quarantine");
  await admin.page.getByText("The shop moved to the corner").first().waitFor();
  await admin.look("review, overridden");
  await admin.press(/^Upload 1 number/);
  await admin.page.waitForURL(/\/orders\/\d+$/);
  await admin.look("order with an override");
});

test("nothing is wrong with any page", () => nothingFound(world));
