// The demo as a newcomer finds it: an account for Direct Routing whose names are answered, and one for Zoom.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

let world;
before(async () => {
  world = await openWorld({ accounts: true });
});
after(() => world?.close());

test("the examples show every service", async () => {
  const reader = await world.person("reader");
  await reader.open("/accounts");
  assert.deepEqual(await reader.rows("accounts"), ["fourth-coffee", "wide-world"]);
  await reader.look("accounts, the examples");
  await reader.press("fourth-coffee");
  const routing = reader.page.locator("#account-routing");
  await reader.until(routing.getByText("Provisioned", { exact: true }));
  assert.equal(await routing.getByText("The token", { exact: true }).count(), 2);
  await reader.look("the example for Direct Routing");
  await reader.press("Hand-over to the enterprise");
  await reader.page.getByText("entered by Examples").waitFor();
  await reader.look("the example's hand-over");
  await reader.open("/numbers?account=wide-world");
  assert.equal((await reader.rows("numbers")).length, 10);
  await reader.look("numbers for Zoom");
});

test("nothing is wrong with any page", () => nothingFound(world));
