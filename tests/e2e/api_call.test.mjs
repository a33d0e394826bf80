// "Show as API call": opened by keys and copied with script; opened and read without.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

const CONTOSO = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";

for (const script of [true, false]) {
  const how = script ? "with script" : "without script";
  let world;
  let admin;
  before(async () => {
    world = await openWorld({ script });
    admin = await world.person("admin");
    if (script) await admin.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await admin.open(`/consents/${CONTOSO}`);
    await admin.until(admin.page.getByRole("heading", { name: "Contoso Ltd" }), { byItself: false });
  });
  after(() => world?.close());

  const details = () => admin.page.locator("details.api-call");
  const code = () => details().locator("pre code");
  const open = async () => {
    await details().locator("summary").click();
    await code().first().waitFor();
  };

  test(`the call of every form and review is shown ${how}`, async () => {
    assert.ok(await code().first().isHidden(), "closed at first");
    await open();
    assert.match(await code().textContent(), /-X PATCH '.*teamsRequestsForInformation/);
    await admin.look("consent, its call shown");

    await admin.open(`/accounts/new?tenant=${CONTOSO}`);
    await admin.field("name").fill("contoso");
    await admin.field("correlation_id").fill("it's <b>O'Neil</b> & \"sons\" $HOME");
    await admin.field("ticket").evaluate((field) => field.removeAttribute("maxlength"));
    await admin.field("ticket").fill("T".repeat(65));
    await admin.press("Create account");
    await open();
    assert.ok((await code().textContent()).includes(JSON.stringify("it's <b>O'Neil</b> & \"sons\" $HOME")));
    await admin.look("create account, its call shown", { status: 422 });
    await admin.field("ticket").fill("");
    await admin.press("Create account");
    await admin.page.waitForURL("**/accounts/contoso");
    await open();
    await admin.look("account, its call shown");
    await admin.open("/accounts/contoso/delete");
    await open();
    await admin.look("delete account, its call shown");

    await admin.open("/numbers/upload?account=contoso");
    await admin.field("numbers").fill("+441632960000-0119");
    await admin.field("usage").selectOption("CallingUserAssignment");
    await admin.field("allow_tenant_address_update").check();
    await admin.press("Review");
    await admin.page.waitForURL("**/review");
    await open();
    await admin.page.getByText("3 numbers of 120").waitFor();
    await admin.look("review, its call shown");
    const whole = await admin.download("Download script");
    assert.match(whole.name, /^order-\d+\.sh$/);
    assert.equal(whole.text.match(/"telephoneNumber"/g).length, 120);
    await admin.press(/^Upload /);
    await admin.page.waitForURL(/\/orders\/\d+$/);
    await admin.open("/numbers/+441632960000");
    await open();
    assert.equal(await code().count(), 2);
    await admin.look("number, its calls shown");
    await admin.open("/numbers/+441632960000/edit");
    await open();
    await admin.look("manage number, its calls shown");
    await admin.open("/numbers/+441632960000");
    await admin.press("Release");
    await admin.page.waitForURL("**/review");
    await open();
    await admin.look("review of a release, its call shown");
  });

  test(`it is opened and copied by keys ${how}`, async () => {
    await admin.open(`/consents/${CONTOSO}`);
    await details().locator("summary").focus();
    await admin.page.keyboard.press("Enter");
    await code().waitFor();
    const copy = details().getByRole("button", { name: "Copy command: Set the relationship status" });
    if (!script) {
      assert.equal(await copy.count(), 0, "nothing to press that could not work");
      return;
    }
    // Before it there may be a link to the reference.
    const reached = () => copy.evaluate((button) => button === document.activeElement);
    for (let presses = 0; presses < 3 && !(await reached()); presses += 1) await admin.page.keyboard.press("Tab");
    assert.ok(await reached());
    await admin.page.keyboard.press("Enter");
    await admin.page.locator("#live", { hasText: "Copied" }).waitFor({ state: "attached" });
    assert.equal(await admin.page.evaluate(() => navigator.clipboard.readText()), await code().textContent());
    await admin.page.keyboard.press("Tab");
    const focused = await admin.page.evaluate(() => document.activeElement.getAttribute("aria-label"));
    assert.equal(focused, "Command: Set the relationship status");
  });

  test(`nothing is wrong with any page ${how}`, () => nothingFound(world));
}
