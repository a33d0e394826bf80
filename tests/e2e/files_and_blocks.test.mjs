// Numbers come from blocks and from files as people have them, are changed and moved many at once, and an order is undone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

for (const script of [true, false]) {
  const how = script ? "with script" : "without script";
  let world, admin;

  const submit = async (words) => {
    await admin.press(words);
    await admin.page.waitForURL(/\/orders\/\d+$/);
    await admin.until(admin.page.locator("#status", { hasText: /^\s*Complete\s*$/ }));
    return admin.page.url();
  };
  const upload = async (file) => {
    await admin.open("/numbers/upload?account=wide-world");
    await admin.field("file").setInputFiles(file);
    await admin.page.locator("[name=further_service][value=zoomPhoneCloudPeering]").check();
    await admin.press("Review");
  };

  before(async () => {
    world = await openWorld({ script, accounts: true });
    admin = await world.person("admin");
  });
  after(() => world?.close());

  test(`a block is added, and its free numbers go to an account ${how}`, async () => {
    await admin.open("/blocks");
    await admin.look("blocks, none yet");
    await admin.press("Add block");
    await admin.look("add a block");
    await admin.press(/^(Add|Save)/);
    await admin.refused("add a block, nothing typed", /number/i);
    await admin.field("first").fill("+12025550100");
    await admin.field("last").fill("+12025550199");
    await admin.press(/^(Add|Save)/);
    await admin.page.waitForURL(/\/blocks(\?.*)?$/);
    await admin.look("blocks");
    await admin.field("account").fill("wide-world");
    await admin.field("count").fill("10");
    await admin.press("Find and reserve");
    await admin.page.waitForURL("**/numbers/upload**");
    assert.match(await admin.field("numbers").inputValue(), /\+12025550100-\+12025550109/);
    await admin.page.locator("[name=further_service][value=zoomPhoneCloudPeering]").check();
    await admin.press("Review");
    await admin.page.waitForURL("**/review");
    await submit(/^Upload 10 /);
    await admin.open("/blocks");
    assert.equal(await admin.page.locator("#reservations").count(), 0, "it ended with the upload");
    await admin.look("blocks, in use");
  });

  test(`a file whose headings nobody knows is asked about once ${how}`, async () => {
    const text = "Rufnummer;Kunde;Bemerkung\r\n+12025550120;wide-world;Empfang\r\n+12025550121;wide-world;\r\n";
    // UTF-16, as Excel saves "Unicode text".
    const buffer = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
    await upload({ name: "nummern.csv", mimeType: "text/csv", buffer });
    await admin.page.waitForURL("**/numbers/upload/headings**");
    await admin.look("columns of a file");
    await admin.press("Review");
    await admin.refused("columns of a file, nothing said", /Kunde: say what it is/);
    await admin.page.getByRole("combobox", { name: /Kunde/ }).selectOption({ label: "Account" });
    await admin.field("rest_not_read").check();
    await admin.press("Review");
    await admin.page.waitForURL("**/review");
    await admin.look("review of a file whose columns were told");
    await admin.page.locator("main a.tile", { hasText: /2\s*New/ }).waitFor();
    await admin.press("Discard");
    await upload({ name: "nummern.csv", mimeType: "text/csv", buffer });
    await admin.page.waitForURL("**/review");
    await submit(/^Upload 2 /);
  });

  test(`a workbook that was exported comes back unchanged ${how}`, async () => {
    await admin.open("/numbers?account=wide-world");
    const [download] = await Promise.all([
      admin.page.waitForEvent("download"),
      admin.page.locator("a[href^='/numbers.xlsx']").first().evaluate((link) => link.click()),
    ]);
    const chunks = await (await download.createReadStream()).toArray();
    await upload({ name: "numbers.xlsx", mimeType: "application/octet-stream", buffer: Buffer.concat(chunks) });
    await admin.page.waitForURL("**/review");
    const found = await admin.page.locator("main ul.tiles").innerText();
    assert.match(found.replaceAll(/\s+/g, " "), /2\d Unchanged/);
    await admin.look("review of a workbook");
    await admin.press("Discard");
  });

  test(`numbers are changed by list, and the order is undone ${how}`, async () => {
    await admin.open("/numbers/manage");
    await admin.look("manage numbers");
    await admin.field("numbers").fill("+12025550100-0104");
    await admin.field("custom_sip_header_change").selectOption("set");
    await admin.field("custom_sip_header").fill("reception");
    await admin.press("Review");
    await admin.page.waitForURL("**/review");
    await admin.look("review of a change");
    await submit(/^(Change|Upload) 5 /);
    await admin.look("order of a change");
    await admin.page.locator("form[action$='/undo'] button").first().click();
    await admin.page.waitForURL("**/review");
    await admin.look("review of an undo");
    await submit(/^(Change|Restore) 5 /);
    await admin.open("/numbers/+12025550100");
    assert.equal(await admin.page.getByText("reception").count(), 0);
  });

  test(`nothing is wrong with any page ${how}`, () => nothingFound(world));
}
