// Plays the main job in a browser and takes the pictures of docs/images.
// node scripts/screenshots.mjs PORTAL BACKEND FOLDER
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const [portal, backend, folder] = process.argv.slice(2);
const CONTOSO = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
const NUMBERS = [
  "+441632960300-0599",
  "+44 1632 960 700",
  "01632 960 500",
  "+441632960900-0800",
  "+44163296abc1",
  "+441632960310",
].join("\n");

const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM ?? usual.find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function signIn(person, options) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/London", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  await page.goto(portal);
  await page.locator(`button[name=person][value=${person}]`).click();
  await page.waitForURL(`${portal}**`);
  return page;
}

const open = (page, path) => page.goto(new URL(path, portal).href);
const shoot = async (page, name, options) => {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${folder}/${name}.png`, ...options });
};
const play = (path, body) =>
  fetch(`${backend}/${path}`, {
    method: path === "_faults" ? "PUT" : "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

/** Opens a page until it shows `locator`. */
async function until(page, path, locator) {
  const end = Date.now() + 30_000;
  do {
    if (Date.now() > end) throw new Error(`${path} never showed what the picture is of`);
    await open(page, path);
  } while (!(await locator.count()));
}

/** Waits until the order says what it came to. */
async function finished(page) {
  await page.locator("#status", { hasText: /Complete|Failed/ }).waitFor({ timeout: 60_000 });
}

const desk = { viewport: { width: 1280, height: 760 }, colorScheme: "light" };
const writer = await signIn("writer", desk);

// The consents are pulled in the first moments.
await until(writer, "/consents", writer.getByText("Contoso Ltd"));
await shoot(writer, "consents");

await open(writer, `/consents/${CONTOSO}`);
await writer.locator("[name=status][value=AgreementSigned]").check();
await writer.locator("[name=ticket]").fill("CHG-2041");
await shoot(writer, "consent");
await writer.locator("form[action$='/relationship'] button[type=submit]").first().click();
await writer.waitForLoadState();

// The account, unless the demo brought one.
await open(writer, "/accounts/contoso");
if (!(await writer.locator("h1", { hasText: "contoso" }).count())) {
  await open(writer, `/accounts/new?tenant=${CONTOSO}`);
  await writer.locator("[name=name]").fill("contoso");
  for (const box of await writer.locator("input[value=operatorConnect]").all()) await box.check();
  await writer.locator("main form button[type=submit].main").click();
  await writer.waitForURL("**/accounts/contoso");
}

await until(writer, "/numbers/upload?account=contoso", writer.locator("select[name=civic_address] option").nth(1));
await writer.locator("[name=numbers]").fill(NUMBERS);
await writer.locator("[name=ticket]").fill("CHG-2042");
await writer.locator("[name=service][value=operatorConnect]").check();
await writer.locator("select[name=usage]").selectOption("CallingUserAssignment");
for (const name of ["InboundCalling", "OutboundCalling"]) {
  await writer.locator(`[name=capability][value=${name}]`).check();
}
await writer.locator("select[name=civic_address]")
  .selectOption("ef245fa1-6b14-5bee-938d-5bd5879f6afa");
await shoot(writer, "upload");
await writer.getByRole("button", { name: "Review", exact: true }).click();
await writer.waitForURL("**/review");
await shoot(writer, "review");

// Slow enough that the order is seen at work, with two numbers that the backend refuses.
await play("_faults", { jobSeconds: 20, rejectNumbers: ["+441632960307", "+441632960308"] });
await writer.locator("[name=good_only]").check();
await writer.getByRole("button", { name: /^Upload \d/ }).click();
await writer.waitForURL(/\/orders\/\d+$/);
await writer.locator("progress:not([value='0'])").waitFor({ timeout: 60_000 });
await shoot(writer, "order");
await play("_faults", { jobSeconds: 1, rejectNumbers: [] });
await finished(writer);
await writer.goto(writer.url());
await shoot(writer, "order-errors");

// Some of them are taken into use by the enterprise.
const inUse = Array.from({ length: 9 }, (_, n) => `+44163296031${n}`);
await play("_assign", { tenantId: CONTOSO, numbers: inUse });
await open(writer, "/connection");
await writer.locator("tr", { hasText: "Contoso Ltd" }).locator("form:has(input[name=kind][value=numbers]) button").click();
await writer.waitForLoadState();
await until(writer, "/numbers?account=contoso", writer.locator("#numbers td", { hasText: /^Assigned$/ }));
await shoot(writer, "numbers");
await open(writer, "/");
await shoot(writer, "overview");
// The example of Direct Routing, once its names were checked.
await until(writer, "/accounts/fourth-coffee", writer.getByText("Provisioned", { exact: true }));
await shoot(writer, "direct-routing", { fullPage: true });
await open(writer, "/accounts/fourth-coffee/hand-over");
await shoot(writer, "hand-over", { fullPage: true });
const dark = await signIn("writer", { ...desk, colorScheme: "dark" });
await open(dark, "/numbers?account=contoso");
await shoot(dark, "numbers-dark");

const phone = await signIn("reader", { viewport: { width: 390, height: 844 }, colorScheme: "light" });
await open(phone, "/numbers?account=contoso");
await shoot(phone, "numbers-phone");

await browser.close();
