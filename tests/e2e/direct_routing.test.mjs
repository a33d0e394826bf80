// A Direct Routing customer from the account to the last step of the hand-over, with script and without.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

const CONTOSO = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
const NAMES = ["contoso.1r1.pstn.example.com", "contoso.1r2.pstn.example.com"];

for (const script of [true, false]) {
  const how = script ? "with script" : "without script";
  let world;
  let writer;
  let page;
  before(async () => {
    world = await openWorld({ script });
    writer = await world.person("writer");
    page = writer.page;
    await writer.open(`/consents/${CONTOSO}`);
    await writer.until(page.getByRole("heading", { name: "Contoso Ltd" }), { byItself: false });
  });
  after(() => world?.close());

  const step = (words) => page.locator(".hand-over > li", { hasText: words });

  test(`an account gets a subdomain ${how}`, async () => {
    await writer.open(`/accounts/new?tenant=${CONTOSO}`);
    assert.ok(await writer.field("subdomain").isHidden(), "nobody is asked for what the services do not need");
    await page.getByLabel("Enable Operator Connect").uncheck();
    await page.getByLabel("Enable Direct Routing").check();
    await page.getByLabel("Enable Zoom Phone Cloud Peering").check();
    assert.equal(await page.getByLabel("Enable Azure Operator Call Protection").count(), 0, "off unless configured");
    assert.ok(await page.getByLabel("Enable call screening").isChecked());
    await writer.field("name").fill("contoso");
    await writer.field("subdomain").fill("1r1");
    if (script) {
      const live = page.locator("#subdomain-names");
      await live.getByText("3 of 10 characters").waitFor();
      await live.getByText("is reserved").waitFor();
      await writer.field("subdomain").fill("con_toso");
      await live.getByText("con_toso.1r2.pstn.example.com").waitFor();
      await live.getByText("29 of 48 characters").first().waitFor();
      await live.getByText("underscore").waitFor();
      await writer.look("create account, subdomain typed");
    }
    await writer.field("subdomain").fill("con.toso-and-more");
    await writer.field("token1").fill('MS="ms1"');
    await writer.field("token2").fill("MS=ms;2");
    await writer.press("Create account");
    await writer.refused("create account, subdomain refused", /17 characters/, /without dots/, /region 1/, /region 2/);
    assert.equal(await writer.field("subdomain").inputValue(), "con.toso-and-more");
    await page.locator("#subdomain-names").getByText("17 of 10 characters").waitFor();
    await writer.field("subdomain").fill("Contoso");
    await writer.field("token1").fill("");
    await writer.field("token2").fill("");
    await writer.press("Create account");
    await page.waitForURL("**/accounts/contoso");
    const routing = page.locator("#account-routing");
    await routing.getByText("Not provisioned").waitFor();
    assert.equal(await routing.getByText("Not received yet").count(), 2);
    await writer.look("account with Direct Routing, no tokens yet");
  });

  test(`its names are handed over ${how}`, async () => {
    await writer.press("Hand-over to the enterprise");
    await writer.look("hand-over, at first");
    const text = await page.locator("#hand-over-text").textContent();
    for (const name of NAMES) assert.ok(text.includes(`   ${name}\n`), text);
    assert.equal(
      await page.locator("#voice-route").textContent(),
      `Set-CsOnlineVoiceRoute -Identity "<voice-route-id>" -OnlinePstnGatewayList "${NAMES[0]}", "${NAMES[1]}"`,
    );
    const file = await writer.download("Download as text");
    assert.deepEqual([file.name, file.text], ["direct-routing-contoso.txt", text]);
    await page.emulateMedia({ media: "print" });
    assert.ok(await page.getByRole("heading", { name: "How far it is" }).isHidden(), "the tracker is not the enterprise's business");
    assert.ok(await page.locator("#voice-route").isVisible());
    await page.emulateMedia({ media: null });
    await step("Names sent").getByText("Next").waitFor();
    await step("Names sent").getByRole("button", { name: /^Done/ }).click();
    await step("Names sent").getByText(/entered by/).waitFor();
  });

  test(`its tokens come and are served ${how}`, async () => {
    await writer.open("/accounts/contoso/edit");
    await writer.look("edit account with Direct Routing");
    await writer.field("token1").fill("MS=ms10000001");
    await writer.field("token2").fill("MS=ms10000002");
    await writer.press("Save");
    await page.waitForURL("**/accounts/contoso");
    const routing = page.locator("#account-routing");
    await writer.until(routing.getByText("Provisioned", { exact: true }));
    await writer.press("Check now");
    await page.getByText("answers as it should").waitFor();
    await writer.look("account with Direct Routing, provisioned");
    const reader = await world.person("reader");
    await reader.open("/accounts/contoso/hand-over");
    assert.equal(await reader.page.getByRole("button", { name: /^(Done|Undo)/ }).count(), 0, "ticking is writing");
    await reader.look("hand-over, as a reader sees it");
    await reader.page.context().close();
  });

  test(`the steps of the enterprise are ticked with their day ${how}`, async () => {
    await writer.open("/accounts/contoso/hand-over");
    await step("Records served").getByText("Done", { exact: true }).waitFor();
    const verified = step("Names verified");
    await verified.locator("[name=on]").fill("2199-01-01");
    await verified.getByRole("button", { name: /^Done/ }).click();
    await writer.refused("hand-over, a day to come", /still to come/);
    await step("Names verified").locator("[name=on]").fill("2026-01-05");
    await step("Names verified").getByRole("button", { name: /^Done/ }).click();
    await step("Names verified").getByText(/Done on .*5/).waitFor();
    for (const words of ["Names activated", "Call routing set"]) {
      await step(words).getByRole("button", { name: /^Done/ }).click();
      await step(words).getByText(/entered by/).waitFor();
    }
    assert.equal(await page.getByText("To do").count(), 0);
    await writer.look("hand-over, all done");
    await step("Call routing set").getByRole("button", { name: /^Undo/ }).click();
    await step("Call routing set").getByText("Next").waitFor();
  });

  test(`numbers are created, managed and deleted ${how}`, async () => {
    await writer.open("/numbers/upload?account=contoso");
    await writer.look("upload, services without a backend");
    assert.equal(await writer.field("usage").count(), 0, "nobody asks for what no backend needs");
    await page.getByLabel("Direct Routing").check();
    await page.getByLabel("Zoom Phone Cloud Peering").check();
    await writer.field("numbers").fill("+441632960000-0009");
    await writer.field("custom_sip_header").fill("a b");
    await writer.press("Review");
    await writer.refused("upload, header refused", /SIP header/);
    await writer.field("custom_sip_header").fill("sales");
    await writer.press("Review");
    await page.waitForURL("**/review");
    await writer.look("review, Direct Routing");
    await writer.press(/^Upload /);
    await page.waitForURL(/\/orders\/\d+$/);
    await page.locator("#status").getByText("Complete").waitFor();
    await writer.look("order, Direct Routing");
    await writer.open("/numbers/+441632960003");
    await page.getByText("Synced", { exact: true }).waitFor();
    assert.equal(await page.getByText("Usage", { exact: true }).count(), 0);
    await writer.look("number, Direct Routing");
    await writer.press("Manage number");
    await page.getByLabel("Zoom Phone Cloud Peering").selectOption("-");
    await writer.press("Review");
    await writer.press(/^Change /);
    await page.waitForURL(/\/orders\/\d+$/);
    await writer.open("/numbers?account=contoso&service=zoomPhoneCloudPeering");
    assert.equal((await writer.rows("numbers")).length, 9);
    await writer.look("numbers, filtered by service");
    await writer.open("/accounts/contoso/edit");
    await page.getByLabel("Enable Direct Routing").uncheck();
    await writer.press("Save");
    await writer.refused("edit account, service in use", /10 numbers/);
  });

  test(`nothing is wrong with any page ${how}`, () => nothingFound(world));
}
