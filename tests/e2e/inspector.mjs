// Looks at a page as it stands: accessibility, validity, width on a phone, and what the browser complained about.
// Findings are collected, so that one run tells all of them.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { HtmlValidate } from "html-validate";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// Rows of a table that are looked at for accessibility; those behind them are made by the same lines of the template.
const ROWS = 8;
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

const rules = {
  // A form may hold a checkbox and another one of the same name: a list of values.
  "form-dup-name": ["error", { shared: ["radio", "button", "reset", "submit", "checkbox"] }],
  // A telephone number on these pages is data with its own page, not something to call.
  "tel-non-breaking": "off",
};
const served = new HtmlValidate({ extends: ["html-validate:recommended"], rules });
// What a browser writes down of its document has its own style: always ="" and no omitted quotes.
const serialised = new HtmlValidate({
  extends: ["html-validate:recommended"],
  rules: { ...rules, "attribute-boolean-style": "off", "attribute-empty-style": "off", "doctype-style": "off" },
});

/** Watches `page` from now on: complaints of the browser, and the last document that was served. */
export function watch(page, findings) {
  const seen = { status: 0, served: null };
  const complain = (text) => findings.add(new URL(page.url() === "about:blank" ? "http://-/" : page.url()).pathname, text);
  page.on("pageerror", (error) => complain(`script error: ${error.message}`));
  page.on("console", (message) => {
    // An answer that is not 2xx is judged below, by who asked for it.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complain(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => {
    // Leaving a page ends what it was asking for; so does a download.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") complain(`request failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on("response", (response) => {
    const request = response.request();
    const document = request.isNavigationRequest() && request.frame() === page.mainFrame();
    if (!document) {
      if (response.status() >= 400) complain(`${response.status()} for ${request.method()} ${response.url()}`);
    } else if (response.headers()["content-type"]?.startsWith("text/html")) {
      seen.status = response.status();
      seen.served = response.text().catch(() => null);
      if (response.status() >= 500) complain(`${response.status()} for ${request.method()} ${response.url()}`);
    }
  });
  return seen;
}

export class Findings {
  #all = new Map();
  pages = 0;

  /** Keeps a finding, once for all the pages that have it. */
  add(where, what) {
    const places = this.#all.get(what) ?? new Set();
    this.#all.set(what, places.add(where));
  }

  get count() {
    return this.#all.size;
  }

  toString() {
    const found = ([what, places]) => {
      const more = places.size > 6 ? ` and ${places.size - 6} more` : "";
      return `${what}\n    on ${[...places].slice(0, 6).join(", ")}${more}`;
    };
    return [...this.#all].map(found).join("\n");
  }
}

/** A second browser window in which a page is looked at without disturbing the one it came from. */
export class Inspector {
  #window;
  #findings;

  static async open(browser, findings) {
    const context = await browser.newContext({ bypassCSP: true, reducedMotion: "reduce" });
    const inspector = new Inspector();
    inspector.#findings = findings;
    inspector.#window = await context.newPage();
    return inspector;
  }

  /** Looks at `page` under the name `where`. `html` is what was served, when the page runs no script. */
  async look(where, page, html) {
    this.#findings.pages += 1;
    const shown = await page.content();
    for (const result of (await (html ? served : serialised).validateString(html ?? shown)).results) {
      for (const { ruleId, message, line, column } of result.messages) {
        const source = (html ?? shown).split("\n")[line - 1]?.slice(Math.max(0, column - 20), column + 100);
        this.#findings.add(where, `html ${ruleId}: ${message}: ${source}`);
      }
    }
    await this.#stage(page.url(), shown);
    await this.#axe(where, DESK, "light");
    await this.#axe(where, PHONE, "dark");
    const wide = await this.#window.evaluate(() => {
      const edge = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= edge) return [];
      const out = [...document.body.querySelectorAll("*")].filter((element) => element.getBoundingClientRect().right > edge + 0.5);
      return out.slice(0, 3).map((element) => element.cloneNode(false).outerHTML.slice(0, 120));
    });
    if (wide.length) this.#findings.add(where, `wider than a phone of 390 px: ${wide.join(" ")}`);
  }

  /** Shows the document as it stands, without its scripts, at its own address. */
  async #stage(address, html) {
    const url = address.split("#")[0];
    await this.#window.unrouteAll();
    await this.#window.route("**/*", (route) => {
      const request = route.request();
      if (request.isNavigationRequest()) return route.fulfill({ contentType: "text/html; charset=utf-8", body: html });
      return request.resourceType() === "script" ? route.abort() : route.continue();
    });
    await this.#window.setViewportSize(DESK);
    await this.#window.emulateMedia({ colorScheme: "light" });
    await this.#window.goto(url);
    await this.#window.evaluate((most) => {
      for (const row of document.querySelectorAll(`tbody > tr:nth-child(n + ${most + 1})`)) row.remove();
    }, ROWS);
    await this.#window.evaluate(axe);
  }

  async #axe(where, viewport, colorScheme) {
    await this.#window.setViewportSize(viewport);
    await this.#window.emulateMedia({ colorScheme });
    const violations = await this.#window.evaluate(async (standard) => {
      const { violations } = await globalThis.axe.run(document, { runOnly: standard, resultTypes: ["violations"] });
      const example = (node) => [node.html.slice(0, 160), node.failureSummary?.split("\n")[1]?.trim().slice(0, 200)];
      return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(example) }));
    }, STANDARD);
    for (const { id, help, nodes } of violations) {
      const [[example, why]] = nodes;
      const seen = `axe ${id} (${viewport.width} px, ${colorScheme})`;
      const count = nodes.length > 1 ? ` (${nodes.length} elements)` : "";
      this.#findings.add(where, `${seen}: ${help}: ${example} ${why ?? ""}${count}`);
    }
  }
}
