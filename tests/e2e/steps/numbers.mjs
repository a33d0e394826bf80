// The writer finds numbers, looks at one, changes it and several, and reads the addresses they use.
import assert from "node:assert/strict";
import { CONTOSO } from "./take_on.mjs";

async function filterNumbers({ writer }) {
  await writer.open("/numbers?account=contoso&country=GB");
  await writer.look("numbers of an account");
  assert.equal((await writer.rows("numbers")).length, 50);
  await writer.press("Next");
  const second = await writer.rows("numbers");
  assert.match(second[0], /0050$/);
  await writer.look("numbers, second page");
  await writer.press("Previous");
  assert.match((await writer.rows("numbers"))[0], /0000$/);

  await writer.open("/numbers?account=contoso");
  await writer.page.locator("main summary", { hasText: "More filters" }).click();
  await writer.look("numbers, all filters open");
  await writer.field("starts").fill("+44 1632 96001");
  await writer.press("Filter");
  await writer.page.getByText("Starts with:").waitFor();
  assert.equal((await writer.rows("numbers")).length, 10);
  await writer.field("ends").fill("7");
  await writer.press("Filter");
  await writer.page.getByText("Ends with:").waitFor();
  assert.equal((await writer.rows("numbers")).length, 1);
  await writer.look("numbers, filtered");
  const exported = await writer.download("Export CSV");
  assert.match(exported.name, /\.csv$/);
  const lines = exported.text.trim().split(/\r?\n/);
  assert.equal(lines.length, 2);
  assert.match(lines[1], /\+441632960017/);
  await writer.field("country").fill("FR");
  await writer.press("Filter");
  await writer.page.getByText("No number matches").waitFor();
  await writer.look("numbers, none matches");
  await writer.open("/numbers?q=letters&country=nowhere&tenant=x&starts=abc");
  await writer.refused("numbers, filters that cannot be", /country/i, /tenant/i);

  await writer.open("/numbers?account=contoso");
  await writer.press("Show ranges");
  const ranges = await writer.rows("ranges");
  assert.equal(ranges.length, 3, "300 numbers in a row and two alone");
  assert.ok(ranges.some((range) => /0000 to .*0299$/s.test(range)), ranges.join("; "));
  await writer.look("numbers, folded into ranges");
}

async function filterWhileTyping({ writer }) {
  if (!writer.script) return;
  await writer.open("/numbers?account=contoso");
  await writer.page.evaluate(() => (globalThis.same = true));
  await writer.field("q").pressSequentially("60123");
  await writer.page.locator("#live", { hasText: "1 number found" }).waitFor({ state: "attached" });
  assert.equal((await writer.rows("numbers")).length, 1);
  assert.ok(await writer.page.evaluate(() => globalThis.same), "without leaving the page");
  await writer.look("numbers, found while typing");
}

async function manageOneNumber({ writer }) {
  await writer.open("/numbers/+441632960005");
  await writer.look("number");
  await writer.press("Manage number");
  await writer.page.getByRole("heading", { name: "Manage number +44 1632 960005" }).waitFor();
  await writer.look("manage number");
  await writer.field("custom_sip_header").fill("Gate_17");
  await writer.press("Review");
  await writer.refused("manage number, refused", /header/i);
  await writer.field("custom_sip_header_change").selectOption("set");
  await writer.field("custom_sip_header").fill("Gate_17");
  await writer.field("ticket").fill("CHG-3001");
  await writer.press("Review");
  await writer.page.waitForURL("**/review");
  await writer.page.locator("#change-table ins", { hasText: "Gate_17" }).waitFor();
  await writer.look("review of a change");
  await writer.press(/^Change /);
  await writer.page.waitForURL(/\/orders\/\d+$/);
  await writer.until(writer.page.locator("#status", { hasText: /^\s*Complete\s*$/ }));
  await writer.open("/numbers/+441632960005");
  await writer.page.getByText("Gate_17").first().waitFor();
  await writer.look("number, changed");
}

async function manageSeveral({ writer }) {
  await writer.open("/numbers?account=contoso");
  for (const last of ["0", "1", "2"]) await writer.page.getByLabel(`Select +44163296000${last}`).check();
  if (writer.script) {
    await writer.page.locator("[data-selected]", { hasText: "3 selected" }).waitFor();
    await writer.look("numbers, three ticked");
  }
  await writer.press("Manage numbers");
  await writer.page.getByRole("heading", { name: "Manage 3 numbers" }).waitFor();
  await writer.look("manage several numbers");
  await writer.press("Review");
  await writer.refused("manage several numbers, nothing chosen", /Choose what to change/);
  await writer.field("country_change").selectOption("set");
  await writer.field("country").fill("IE");
  await writer.press("Review");
  await writer.page.waitForURL("**/review");
  await writer.page.locator("#change-table ins", { hasText: "IE" }).waitFor();
  await writer.look("review of a change of several");
  await writer.press(/^Change 3 numbers/);
  await writer.page.waitForURL(/\/orders\/\d+$/);
  await writer.until(writer.page.locator("#status", { hasText: /^\s*Complete\s*$/ }));
  await writer.press("Undo: former settings for 3 numbers");
  await writer.page.waitForURL("**/review");
  await writer.page.getByText("This undoes order").waitFor();
  await writer.look("review of an undo");
  await writer.press("Discard");
  await writer.open("/numbers/manage");
  await writer.look("manage numbers by list");
}

async function moveByList({ writer }) {
  await writer.open("/numbers/move");
  await writer.look("move numbers");
  await writer.field("numbers").fill("+441632960010-0011");
  await writer.press("Review");
  await writer.refused("move numbers, refused", /account/i);
  await writer.field("to").fill("contoso");
  await writer.press("Review");
  await writer.page.waitForURL("**/review");
  await writer.look("review of a move");
  await writer.press("Discard");
}

async function readCivicAddresses({ writer }) {
  await writer.open("/civic-addresses");
  await writer.look("civic addresses, choose an enterprise");
  await writer.press("Contoso Ltd");
  await writer.until(writer.page.locator("#addresses"));
  await writer.look("civic addresses");
  await writer.page.locator("#addresses tbody th a", { hasText: "Harbour" }).click();
  await writer.page.getByText("+441632960190").waitFor();
  await writer.look("civic address");
  await writer.press("Numbers that use it");
  await writer.page.locator("#numbers").waitFor();
  assert.equal((await writer.rows("numbers")).length, 50);
  await writer.open(`/civic-addresses?tenant=${CONTOSO}&q=nowhere`);
  await writer.look("civic addresses, none matches");
  await writer.page.locator("#f-q").fill("warehouse");
  await writer.press("Apply");
  assert.equal((await writer.rows("addresses")).length, 1);
}

async function searchAndLookAround({ writer }) {
  const search = writer.page.locator("#search");
  await search.fill("cont");
  await search.press("Enter");
  await writer.page.waitForURL("**/search**");
  await writer.look("search");
  await search.fill("nothing is called this");
  await search.press("Enter");
  await writer.page.getByText("Nothing found").waitFor();
  await writer.look("search, nothing found");
  await search.fill("+44 1632 960 005");
  await search.press("Enter");
  await writer.page.waitForURL("**/numbers/**");
  await writer.open("/orders?status=complete");
  await writer.look("orders, filtered");
  await writer.open("/orders?ticket=none-such");
  await writer.look("orders, none matches");
  await writer.open("/orders?status=sideways");
  await writer.look("orders, a filter that cannot be", { status: 422 });
  await writer.open("/api");
  await writer.look("reference of the API");
  const put = writer.page.locator("#Accounts_CreateOrReplaceNumber");
  for (const fold of await put.locator("summary").all()) await fold.click();
  await put.getByText("serviceDetails.teamsOperatorConnect.configuration.usage").waitFor();
  await writer.look("reference of the API, an operation opened");
  await writer.open("/no-such-page");
  await writer.look("page not found", { status: 404 });
  await writer.open("/orders/999999");
  await writer.look("order not found", { status: 404 });
}

export const steps = [
  filterNumbers,
  filterWhileTyping,
  manageOneNumber,
  manageSeveral,
  moveByList,
  readCivicAddresses,
  searchAndLookAround,
];
