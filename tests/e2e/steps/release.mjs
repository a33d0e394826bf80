// The deleter releases numbers, also those in use.
import assert from "node:assert/strict";
import { CONTOSO } from "./take_on.mjs";

const complete = (person) => person.page.locator("#status", { hasText: /^\s*Complete\s*$/ });

async function pullWhatTheEnterpriseAssigned(world) {
  const { writer, play } = world;
  await play("_assign", { tenantId: CONTOSO, numbers: ["+441632960000", "+441632960001", "+441632960100"] });
  await writer.open("/connection");
  await writer.look("connection");
  const row = writer.page.locator("#status tr", { hasText: /contoso/i })
    .filter({ has: writer.page.locator("input[name=kind][value=numbers]") });
  await row.getByRole("button", { name: /^Pull now/ }).click();
  await writer.page.waitForLoadState();
  await writer.open("/numbers/+441632960000");
  const assigned = writer.page.locator("#live-number", { hasText: "Assigned" }).getByText("Assigned", { exact: true });
  await writer.until(assigned, { byItself: false });
  await writer.look("number, assigned");
}

async function releaseTickedNumbers(world) {
  const deleter = (world.deleter = await world.person("deleter"));
  await deleter.open("/numbers?account=contoso");
  await deleter.look("numbers, as the deleter");
  assert.equal(await deleter.page.getByRole("link", { name: "Upload numbers" }).count(), 0);
  await deleter.press("Release");
  await deleter.refused("release, nothing ticked", /Enter at least one number/);
  await deleter.open("/numbers?account=contoso");
  for (const last of ["00", "01", "02"]) await deleter.page.getByLabel(`Select +4416329600${last}`).check();
  await deleter.press("Release");
  await deleter.page.waitForURL("**/review");
  const named = deleter.page.locator("#assigned");
  assert.match(await named.textContent(), /2 /);
  for (const shown of ["0000", "0001"]) await named.getByText(shown).first().waitFor();
  await deleter.look("review of a release, two in use");
  await deleter.press(/^Release [\d,]+ /);
  await deleter.page.waitForURL(/\/orders\/\d+$/);
  await deleter.until(complete(deleter));
  await deleter.look("order of a release");
  const held = (await world.state()).tenants[CONTOSO].numbers;
  assert.equal(Object.keys(held).length, 299);
  assert.ok(!held["+441632960000"], "the number in use is gone too");
  await deleter.open("/numbers/+441632960000");
  await deleter.look("number, released");
}

async function releaseAllThatMatch(world) {
  const { deleter } = world;
  await deleter.open("/numbers?account=contoso&starts=%2B44163296010");
  await deleter.page.locator("[name=all_matching]").check();
  await deleter.press("Release");
  await deleter.page.waitForURL("**/review");
  await deleter.page.getByText("To release: 10").waitFor();
  assert.match(await deleter.page.locator("#assigned").textContent(), /0100/);
  await deleter.press(/^Release [\d,]+ /);
  await deleter.page.waitForURL(/\/orders\/\d+$/);
  await deleter.until(complete(deleter));
  await deleter.open("/numbers/+441632960050");
  await deleter.look("number, as the deleter");
}

export const steps = [pullWhatTheEnterpriseAssigned, releaseTickedNumbers, releaseAllThatMatch];
