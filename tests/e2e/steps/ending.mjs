// The deleter deletes the account, the admin reads what happened, and the writer signs out.
import assert from "node:assert/strict";
import { CONTOSO } from "./take_on.mjs";

async function deleteTheAccount(world) {
  const { deleter } = world;
  await deleter.open("/accounts/contoso");
  await deleter.look("account, as the deleter");
  await deleter.press("Delete");
  await deleter.look("delete account");
  await deleter.press("Delete account");
  await deleter.page.locator("[data-error-summary]").waitFor();
  await deleter.refused("delete account, numbers not given up", /289/);
  await deleter.page.locator("[name=release]").check();
  await world.play("_faults", { latencyMs: 700 });
  await deleter.press("Delete account");
  await deleter.page.waitForLoadState();
  await deleter.open("/accounts/contoso");
  await deleter.look("account, being deleted");
  await world.play("_faults", { latencyMs: 0 });
  const gone = deleter.page.getByText("Page not found").or(deleter.page.getByRole("heading", { name: /no .*account/i }));
  await deleter.until(gone, { byItself: false });
  await deleter.open("/accounts");
  assert.ok(!(await deleter.rows("accounts")).includes("contoso"));
  const held = (await world.state()).tenants[CONTOSO].numbers;
  assert.equal(Object.keys(held).length, 0);
}

async function adminReadsTheAudit(world) {
  const admin = await world.person("admin");
  await admin.open("/audit");
  await admin.look("audit");
  await admin.field("ticket").fill("CHG-1001");
  await admin.press("Apply");
  const row = admin.page.locator("main tbody tr");
  assert.equal(await row.count(), 1, "the change of the relationship");
  await row.locator("summary").click();
  await row.getByText("AgreementSigned").first().waitFor();
  await admin.look("audit, filtered");
  await admin.field("ticket").fill("none-such");
  await admin.press("Apply");
  await admin.look("audit, none matches");
  await admin.open("/");
  await admin.look("overview, as the admin");
}

async function signOut(world) {
  const { writer } = world;
  await writer.open("/");
  await writer.look("overview, at the end");
  await writer.page.locator("header .who-wrap summary").click();
  await writer.look("overview, menu open");
  await writer.page.locator("header").getByRole("button", { name: "Dark" }).click();
  await writer.page.locator("html[data-theme=dark]").waitFor();
  await writer.look("overview, dark by choice");
  if (!writer.script) await writer.page.locator("header .who-wrap summary").click();
  await writer.page.locator("header").getByRole("button", { name: "Sign out" }).click();
  await writer.page.waitForURL("**/signed-out");
  await writer.look("signed out");
  await writer.press(/sign in/i);
  await writer.page.locator("button[name=person]").first().waitFor();
  await writer.open("/numbers");
  await writer.page.locator("button[name=person]").first().waitFor();
}

export const steps = [deleteTheAccount, adminReadsTheAudit, signOut];
