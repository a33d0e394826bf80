// People at a browser: each has a window of their own, and what they see is inspected.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Findings, Inspector, watch } from "./inspector.mjs";
import { startDemo } from "./demo.mjs";

const PATIENCE = 30_000;

function chromiumProgram() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = process.env.PATH.split(":").flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
  assert.ok(found, "There is no Chromium on the path. Install it (apt-get install chromium), or name it with CHROMIUM=.");
  return found;
}

/** A person's window. */
export class Person {
  #world;

  constructor(world, page, seen, script) {
    this.#world = world;
    this.page = page;
    this.seen = seen;
    this.script = script;
  }

  /** Opens a page of the portal. */
  async open(path) {
    await this.page.goto(new URL(path, this.#world.portal).href);
  }

  /** Signs in at the sandbox's page. */
  async signIn(name) {
    await this.open("/");
    await this.page.locator(`button[name=person][value=${name}]`).click();
    await this.page.waitForURL(`${this.#world.portal}**`);
  }

  /** Presses a button or follows a link by its words. */
  async press(name, within = this.page.locator("main")) {
    const named = { name, exact: typeof name === "string" };
    const control = within.getByRole("button", named).or(within.getByRole("link", named));
    await control.first().click();
    await this.page.waitForLoadState();
  }

  field(name) {
    return this.page.locator(`main [name="${name}"]`);
  }

  /** Waits until `locator` shows: by itself where the page has script, otherwise by asking for the page again. */
  async until(locator, { byItself = this.script } = {}) {
    if (byItself) {
      await locator.first().waitFor({ timeout: PATIENCE });
      return;
    }
    const end = Date.now() + PATIENCE;
    while (!(await locator.count())) {
      assert.ok(Date.now() < end, `${this.page.url()} never showed ${locator}`);
      const refresh = this.page.getByRole("link", { name: /^refresh$/i });
      if (await refresh.count()) await refresh.first().click();
      else await this.page.reload();
      await this.page.waitForLoadState();
    }
  }

  /** The page must have been answered with `status`; then everything about it is inspected. */
  async look(where, { status = 200 } = {}) {
    assert.equal(this.seen.status, status, `${where} (${this.page.url()})`);
    const html = this.script ? undefined : await this.seen.served;
    if (html === null) assert.fail(`${where}: what was served could not be read`);
    await this.#world.inspector.look(where, this.page, html);
  }

  /** The page came back with everything that is wrong: a summary that has the focus and leads to each field. */
  async refused(where, ...messages) {
    await this.look(where, { status: this.seen.status === 409 ? 409 : 422 });
    const summary = this.page.locator("[data-error-summary]");
    for (const message of messages) await summary.getByText(message).first().waitFor();
    assert.match(await this.page.title(), /^Error: /, where);
    if (this.script) await this.page.locator("[data-error-summary]:focus").waitFor();
    for (const link of await summary.locator("a[href^='#']").all()) {
      const target = this.page.locator(await link.getAttribute("href"));
      assert.equal(await target.count(), 1, `${where}: the summary leads to ${await link.getAttribute("href")}`);
    }
  }

  /** Downloads what a link leads to, as text. */
  async download(name) {
    const [download] = await Promise.all([this.page.waitForEvent("download"), this.page.getByRole("link", { name }).first().click()]);
    const chunks = await (await download.createReadStream()).toArray();
    return { name: download.suggestedFilename(), text: Buffer.concat(chunks).toString("utf8") };
  }

  /** The words of the row headings of a table. */
  async rows(table) {
    const heads = await this.page.locator(`#${table} tbody th[scope=row]`).allTextContents();
    return heads.map((text) => text.trim());
  }
}

/** A demo, a browser and an inspector. */
export async function openWorld({ script = true, empty = false, accounts = false } = {}) {
  const demo = await startDemo({ empty, accounts });
  const browser = await chromium.launch({ executablePath: chromiumProgram(), args: ["--no-sandbox"] });
  const findings = new Findings();
  const world = { ...demo, findings, inspector: await Inspector.open(browser, findings) };

  /** A new window; signs `name` in, if given. */
  world.person = async (name) => {
    const context = await browser.newContext({
      javaScriptEnabled: script,
      locale: "en-GB",
      timezoneId: "Europe/London",
      reducedMotion: "reduce",
      viewport: { width: 1280, height: 860 },
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const person = new Person(world, page, watch(page, findings), script);
    if (name) await person.signIn(name);
    return person;
  };
  world.close = async () => {
    await browser.close();
    await demo.stop();
  };
  return world;
}

/** Fails with every finding of every page at once. */
export function nothingFound(world) {
  for (const line of world.alarms) world.findings.add("the log of the demo", line);
  assert.equal(world.findings.count, 0, `\n${world.findings.count} findings on ${world.findings.pages} pages\n${world.findings}`);
}
