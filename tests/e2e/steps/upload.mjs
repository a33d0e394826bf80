// The writer uploads numbers as text and as files, reviews them, and follows the orders to their end.
import assert from "node:assert/strict";
import { CONTOSO } from "./take_on.mjs";

// Northwind Traders, who have a consent and no account, hold this number at the backend: the review refuses it.
const HELD = "+12065550165";
// An enterprise without a consent holds this one: the portal learns it only when the backend refuses it.
const STRANGER = "ad5c8e63-5f7b-4d29-81e8-83bad2f607aa";
const TAKEN = "+441632960865";
const HARBOUR_STREET = "ef245fa1-6b14-5bee-938d-5bd5879f6afa";
const CALLING = { usage: "CallingUserAssignment", capabilities: ["InboundCalling", "OutboundCalling"] };

async function fillIn(writer, { numbers, ticket = "" }) {
  await writer.field("numbers").fill(numbers);
  await writer.field("ticket").fill(ticket);
  await writer.page.locator("[name=service][value=operatorConnect]").check();
  await writer.field("usage").selectOption(CALLING.usage);
  for (const name of CALLING.capabilities) await writer.page.locator(`[name=capability][value=${name}]`).check();
  await writer.field("civic_address").selectOption(HARBOUR_STREET);
}

/** The counts of the tiles of a review: { New: 300, … }. */
async function tiles(person) {
  const found = await person.page.locator("main ul.tiles a.tile").allTextContents();
  const counts = found.map((text) => /([\d,]+)\s*(.+)/.exec(text.trim()).slice(1));
  return Object.fromEntries(counts.map(([count, word]) => [word.trim(), Number(count.replaceAll(",", ""))]));
}

const status = (person, words) => person.page.locator("#status", { hasText: new RegExp(`^\\s*${words}\\s*$`) });

async function refuseAFormWithNothingInIt({ writer }) {
  await writer.open("/numbers");
  await writer.look("numbers, of the examples");
  await writer.press("Upload numbers");
  await writer.look("upload, choose an account");
  await writer.field("account").selectOption("contoso");
  await writer.press("Continue");
  // The plans and addresses of a new tenant are pulled in the first moments.
  await writer.until(writer.page.locator("select[name=civic_address] option:nth-child(1)").nth(1), { byItself: false });
  await writer.look("upload");
  await writer.page.locator("main form summary").first().click();
  await writer.field("ticket").fill("T".repeat(64));
  await writer.field("country").fill("G1");
  await writer.press("Review");
  await writer.refused("upload, refused", /Enter at least one number/, /what the numbers are for/, /country is two letters/);
  assert.equal(await writer.field("ticket").inputValue(), "T".repeat(64));
  await writer.press("columns with headings");
  await writer.look("columns of a CSV file");
  assert.match((await writer.download("Download a template")).text, /accountName/);
}

async function reviewATypedList({ writer }) {
  await writer.open("/numbers/upload?account=contoso");
  const typed = [
    "+441632960000-0299",
    "+44 1632 960 400",
    "01632 960 500",
    "+441632960700-0600",
    "+44163296abc1",
    "+44123456789012345",
    "+441632960010",
    HELD,
    TAKEN,
  ].join("\n");
  await fillIn(writer, { numbers: typed, ticket: "CHG-2001" });
  await writer.press("Review");
  await writer.page.waitForURL("**/review");
  await writer.look("review");
  assert.deepEqual(await tiles(writer), { New: 302, Changed: 0, Unchanged: 0, Refused: 6 });
  const report = await writer.download("Download report");
  for (const value of ["01632 960 500", "+441632960700-0600", "+44163296abc1", "+44123456789012345", HELD]) {
    assert.ok(report.text.includes(value), `the report names ${value}`);
  }
  await writer.press(/^Upload [\d,]+ /);
  await writer.page.getByText(/good lines only/i).first().waitFor();
  await writer.look("review, not decided about the refused", { status: 409 });
}

async function findADraftAgain({ writer }) {
  await writer.press("Back to the form");
  assert.match(await writer.field("numbers").inputValue(), /\+441632960000-0299/);
  await writer.look("upload, of a draft");
  await writer.open("/orders");
  await writer.look("orders, with a draft");
  await writer.page.locator("#orders tbody tr", { hasText: "Draft" }).getByRole("link").first().click();
  await writer.page.waitForLoadState();
  if (!writer.page.url().endsWith("/review")) {
    await writer.look("order, a draft");
    await writer.press("Open the review");
  }
}

async function submitAndFollowTheOrder(world) {
  const { writer, play } = world;
  const rejected = ["+441632960007", "+441632960008", "+441632960400"];
  await play("_faults", { jobSeconds: 4, rejectNumbers: rejected });
  await writer.page.locator("[name=good_only]").check();
  await writer.press(/^Upload [\d,]+ /);
  await writer.page.waitForURL(/\/orders\/\d+$/);
  world.order = writer.page.url();
  await writer.until(status(writer, "In progress"));
  await writer.look("order, in progress");
  const left = [];
  writer.page.on("request", (request) => request.isNavigationRequest() && left.push(request.url()));
  // The bar moves: by itself where there is script.
  await writer.until(writer.page.locator("progress:not([value='0'])"));
  await writer.until(status(writer, "Complete with errors"));
  if (writer.script) assert.deepEqual(left, [], "the page moved by itself");
  await writer.look("order, complete with errors");
  assert.deepEqual(await tiles(writer), { Done: 298, Waiting: 0, Failed: 4 });
  const causes = writer.page.locator("section[aria-labelledby=causes] section");
  assert.equal(await causes.count(), 2, "what failed for one cause stands together");
  await writer.page.goto(`${world.order}?state=failed`);
  assert.equal((await writer.rows("items")).length, 4);
  await writer.look("order, what failed");
  await causes.filter({ hasText: "3 numbers" }).getByRole("link", { name: "Numbers that fail like this" }).click();
  await writer.page.waitForLoadState();
  assert.equal((await writer.rows("numbers")).length, 3);
  await writer.look("numbers that fail alike");
  await writer.page.locator("#numbers tbody th a").first().click();
  await writer.page.getByText("What the backend says").waitFor();
  await writer.look("number, failed");
}

async function retryWhatFailed(world) {
  const { writer, play } = world;
  await play("_faults", { jobSeconds: 1, rejectNumbers: null });
  await play("_release", { tenantId: STRANGER, numbers: [TAKEN] });
  await writer.page.goto(world.order);
  await writer.press("Retry failed");
  await writer.until(status(writer, "Complete"));
  await writer.look("order, complete");
  const held = (await world.state()).tenants[CONTOSO].numbers;
  assert.equal(Object.keys(held).length, 302, "the backend holds what was uploaded");
  assert.equal(held["+441632960007"].settings.usage, CALLING.usage);
}

async function uploadAFile({ writer }) {
  await writer.open("/numbers/upload?account=contoso");
  await fillIn(writer, { numbers: "", ticket: "CHG-2002" });
  const csv = ["Numbers", "+441632960290-0299", "+441632960300-0309", "+441632960299", "not a number"].join("\r\n");
  await writer.field("usage").selectOption("FirstPartyAppAssignment").catch(() => writer.field("usage").selectOption({ index: 2 }));
  if (writer.script) {
    // Dropped from the desktop instead of chosen.
    const carried = await writer.page.evaluateHandle((text) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text], "numbers.csv", { type: "text/csv" }));
      return transfer;
    }, csv);
    const form = writer.page.locator("form[data-drop]");
    await form.dispatchEvent("dragover", { dataTransfer: carried });
    await form.dispatchEvent("drop", { dataTransfer: carried });
    await writer.page.locator("#live", { hasText: "numbers.csv chosen" }).waitFor({ state: "attached" });
  } else {
    await writer.field("file").setInputFiles({ name: "numbers.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
  }
  await writer.press("Review");
  await writer.page.waitForURL("**/review");
  assert.deepEqual(await tiles(writer), { New: 10, Changed: 10, Unchanged: 0, Refused: 2 });
  await writer.look("review of a file");
  await writer.press("Discard");
  await writer.look("draft discarded");
}

async function refuseFilesThatCannotBeRead({ writer }) {
  const bad = [
    ["an empty file", "", /The file is empty/],
    ["a quote that never closes", 'telephoneNumber,accountName\n+441632960310,"contoso\n', /A quote is opened here/],
  ];
  for (const [what, content, words] of bad) {
    await writer.open("/numbers/upload?account=contoso");
    await fillIn(writer, { numbers: "", ticket: "CHG-2003" });
    await writer.field("file").setInputFiles({ name: "bad.csv", mimeType: "text/csv", buffer: Buffer.from(content) });
    await writer.press("Review");
    if (writer.seen.status === 422) {
      await writer.refused(`upload of ${what}`, words);
      assert.equal(await writer.field("ticket").inputValue(), "CHG-2003");
    } else {
      await writer.page.locator("#line-table").getByText(words).first().waitFor();
      await writer.look(`review of ${what}`);
      assert.equal(await writer.page.getByRole("button", { name: /^Upload / }).count(), 0, "there is nothing to upload");
      await writer.press("Discard");
    }
  }
}

async function uploadAFileWithColumns({ writer }) {
  await writer.open("/numbers?account=contoso&q=%2B4416329600");
  const exported = await writer.download("Export CSV");
  assert.match(exported.text.split(/\r?\n/)[0], /accountName/);
  await writer.open("/numbers/upload");
  await writer.field("file").setInputFiles({ name: "numbers.csv", mimeType: "text/csv", buffer: Buffer.from(exported.text) });
  await writer.press("Review");
  await writer.page.waitForURL("**/review");
  const found = await tiles(writer);
  assert.deepEqual([found.New, found.Changed, found.Refused], [0, 0, 0], "an export can be uploaded again unchanged");
  assert.equal(found.Unchanged, 100);
  await writer.look("review with nothing to do");
  await writer.press("Discard");
}

export const steps = [
  refuseAFormWithNothingInIt,
  reviewATypedList,
  findADraftAgain,
  submitAndFollowTheOrder,
  retryWhatFailed,
  uploadAFile,
  refuseFilesThatCannotBeRead,
  uploadAFileWithColumns,
];
