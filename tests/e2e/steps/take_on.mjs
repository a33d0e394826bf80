// The writer signs in, finds the enterprise's consent, signs the agreement, and creates its account.
import assert from "node:assert/strict";

export const CONTOSO = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

async function signInAsWriter(world) {
  const writer = (world.writer = await world.person());
  await writer.open("/");
  await writer.look("sign-in page of the sandbox");
  await writer.signIn("writer");
  await writer.look("overview, at first");
  assert.match(await writer.page.locator("header.top").textContent(), /writer/i);
}

async function findTheConsent({ writer }) {
  await writer.open("/consents");
  await writer.until(writer.page.getByRole("link", { name: "Contoso Ltd", exact: true }));
  await writer.look("consents");
  assert.equal((await writer.rows("consents")).length, 9);

  await writer.field("relationship").selectOption({ label: "Agreement signed" });
  await writer.field("country").selectOption("GB");
  await writer.press("Filter");
  assert.deepEqual((await writer.rows("consents")).sort(), ["Northwind Traders", "Proseware & Sønner", "Woodgrove Bank"]);
  await writer.field("status").selectOption({ label: "Suspended" });
  await writer.press("Filter");
  assert.deepEqual(await writer.rows("consents"), ["Woodgrove Bank"]);
  await writer.look("consents, filtered");
  await writer.field("q").fill("no such company");
  await writer.press("Filter");
  await writer.look("consents, none matches");
  await writer.press("Clear the filters");
  await writer.field("q").fill("contoso");
  await writer.press("Filter");
  assert.deepEqual(await writer.rows("consents"), ["Contoso Ltd"]);
  await writer.press("Contoso Ltd");
  await writer.look("consent");
}

async function updateTheRelationship(world) {
  const { writer, play } = world;
  const earlier = await world.person("writer");
  await earlier.open(`/consents/${CONTOSO}`);

  await writer.page.getByLabel("Contract terminated").check();
  await writer.field("ticket").fill("x".repeat(30));
  await writer.press(/^Update status$/);
  await writer.refused("consent, reason missing", /reason/i);
  assert.equal(await writer.field("ticket").inputValue(), "x".repeat(30), "what was typed stands");

  // The backend takes its time, so that "on its way" shows.
  await play("_faults", { latencyMs: 1500 });
  await writer.page.getByLabel("Agreement signed").check();
  await writer.field("reason").fill("Signed by both sides.");
  await writer.field("ticket").fill("CHG-1001");
  await writer.press(/^Update status$/);
  const sync = writer.page.locator("#relationship .kv > div", { hasText: "At the backend" });
  await sync.getByText("Pending").waitFor();
  await writer.look("consent, on its way to the backend");
  await play("_faults", { latencyMs: 0 });
  await writer.until(sync.getByText("Synced"));
  await writer.look("consent, in step with the backend");
  const told = (await world.state()).tenants[CONTOSO].consent.customerRelationship;
  assert.equal(told.status, "AgreementSigned");
  assert.equal(told.comment, "Signed by both sides.");

  // The other window still shows what was before.
  await earlier.page.getByLabel("Consent declined").check();
  await earlier.field("reason").fill("No numbers there.");
  await earlier.press(/^Update status$/);
  await earlier.page.getByText("Somebody else changed this meanwhile").waitFor();
  await earlier.look("consent, changed by somebody else", { status: 409 });
  assert.equal(await earlier.field("reason").inputValue(), "No numbers there.");
  await earlier.press("Keep theirs");
  await earlier.page.context().close();
}

async function createTheAccount({ writer }) {
  await writer.press("Create account");
  await writer.look("create account");
  const name = writer.field("name");
  assert.match(await name.inputValue(), /^contoso/i, "a name is suggested");
  assert.equal(await writer.field("tenant").inputValue(), CONTOSO, "the tenant is filled in");
  await name.fill("con toso!");
  await writer.field("tenant").fill("not-a-tenant");
  await writer.press("Create account");
  await writer.refused("create account, refused", /name/i, /tenant/i);
  await name.fill("contoso");
  await writer.field("tenant").fill(CONTOSO);
  await writer.page.locator("[name=service][value=operatorConnect]").check();
  await writer.page.locator("[name=sync][value=operatorConnect]").check();
  await writer.field("ticket").fill("CHG-1002");
  await writer.press("Create account");
  await writer.page.waitForURL("**/accounts/contoso");
  await writer.look("account, new");
  await writer.press("Edit");
  await writer.look("edit account");
  await writer.field("correlation_id").fill("customer 4711");
  await writer.press("Save");
  await writer.page.getByText("customer 4711").first().waitFor();
  await writer.open("/accounts");
  await writer.look("accounts");
  await writer.field("q").fill("nobody has this name");
  await writer.press("Apply");
  await writer.look("accounts, none matches");
}

export const steps = [signInAsWriter, findTheConsent, updateTheRelationship, createTheAccount];
