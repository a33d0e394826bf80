// The portal without a mouse: skip link, order and visibility of the focus, menus, shortcuts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nothingFound, openWorld } from "./people.mjs";

let world;
let writer;
before(async () => {
  world = await openWorld();
  writer = await world.person("writer");
  await writer.open("/consents");
  await writer.until(writer.page.getByRole("link", { name: "Contoso Ltd", exact: true }), { byItself: false });
});
after(() => world?.close());

/** What has the focus: its words, whether one sees that it has it, and whether something covers it. */
const focused = () =>
  writer.page.evaluate(() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
    const top = document.elementFromPoint(box.left + Math.min(box.width / 2, 40), box.top + Math.min(box.height / 2, 12));
    return {
      words: label.replace(/\s+/g, " ").trim(),
      where: element.cloneNode(false).outerHTML.slice(0, 100),
      outlined: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2,
      covered: !(top && (element.contains(top) || top.contains(element) || top.closest("label")?.contains(element))),
    };
  });

/** Goes through the whole page with Tab, from its beginning to its end. */
async function walk() {
  const stops = [];
  for (let presses = 0; presses < 200; presses += 1) {
    await writer.page.keyboard.press("Tab");
    const stop = await focused();
    if (!stop) break;
    stops.push(stop);
  }
  return stops;
}

const pages = {
  "/": [],
  "/consents": ["Export CSV", "Pull now", "Contoso Ltd", "Create account for Contoso Ltd"],
  "/consents/a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a": ["Create account", "Numbers", "Update status"],
  "/accounts/new?tenant=a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a": ["Account name", "Create account", "Cancel"],
  "/numbers": ["Filter", "More filters"],
  "/orders": ["Filter"],
  "/civic-addresses": ["Show addresses"],
  "/connection": ["Refresh"],
};

test("Tab reaches every control of a page, in its order, and one always sees where one is", async () => {
  for (const [path, controls] of Object.entries(pages)) {
    await writer.open(path);
    const stops = await walk();
    assert.equal(stops[0]?.words, "Skip to main content", path);
    for (const stop of stops) {
      if (!stop.outlined) world.findings.add(path, `the focus cannot be seen: ${stop.where}`);
      if (stop.covered) world.findings.add(path, `the focus is covered: ${stop.where}`);
    }
    const words = stops.map((stop) => stop.words);
    let last = -1;
    for (const control of controls) {
      const at = words.findIndex((text, index) => index > last && text.startsWith(control));
      if (at < 0) {
        const after = words[last] ?? "the beginning";
        world.findings.add(path, `Tab does not reach “${control}” after “${after}”: ${words.join(" | ")}`);
      }
      else last = at;
    }
  }
});

test("the skip link goes past the navigation", async () => {
  await writer.open("/consents");
  await writer.page.keyboard.press("Tab");
  assert.ok(await writer.page.locator(".skip").isVisible());
  await writer.page.keyboard.press("Enter");
  await writer.page.keyboard.press("Tab");
  assert.ok(await writer.page.evaluate(() => document.querySelector("main").contains(document.activeElement)));
});

test("the search, the menu of the person and the shortcuts work by keys", async () => {
  await writer.open("/consents");
  await writer.page.keyboard.press("/");
  assert.equal(await writer.page.evaluate(() => document.activeElement.id), "search");
  await writer.page.keyboard.press("Escape");
  await writer.page.locator("header .who-wrap summary").focus();
  await writer.page.keyboard.press("Enter");
  await writer.page.locator("header .who-wrap[open]").waitFor();
  await writer.page.keyboard.press("Escape");
  await writer.page.locator("header .who-wrap:not([open])").waitFor();

  await writer.page.keyboard.press("?");
  await writer.page.locator("dialog#keys[open]").waitFor();
  await writer.look("keyboard shortcuts");
  await writer.page.keyboard.press("Escape");
  await writer.page.locator("dialog#keys:not([open])").waitFor({ state: "attached" });
  await writer.page.keyboard.press("g");
  await writer.page.keyboard.press("n");
  await writer.page.waitForURL("**/numbers");
});

test("the search box does not take shortcuts, and they can be switched off", async () => {
  await writer.open("/consents");
  await writer.page.locator("#search").fill("g");
  await writer.page.keyboard.type("n?");
  assert.equal(await writer.page.locator("#search").inputValue(), "gn?");
  await writer.page.locator("h1").click();
  await writer.page.keyboard.press("?");
  await writer.page.getByLabel("Use keyboard shortcuts in this browser").uncheck();
  await writer.page.keyboard.press("Escape");
  await writer.page.keyboard.press("?");
  assert.equal(await writer.page.locator("dialog#keys[open]").count(), 0);
});

test("the menu on a phone opens by keys and holds the navigation", async () => {
  await writer.page.setViewportSize({ width: 390, height: 844 });
  await writer.open("/accounts");
  await writer.page.locator("header .menu summary").focus();
  await writer.page.keyboard.press("Enter");
  await writer.page.locator("header .menu").getByRole("link", { name: "Orders" }).click();
  await writer.page.waitForURL("**/orders");
  await writer.page.setViewportSize({ width: 1280, height: 860 });
});

test("nothing is wrong with any page", () => nothingFound(world));
