// What those see who may less: reader, writeonly, nobody.
import assert from "node:assert/strict";
import { CONTOSO } from "./take_on.mjs";

const PAGES = [
  "/",
  "/consents",
  `/consents/${CONTOSO}`,
  "/accounts",
  "/accounts/contoso",
  "/numbers",
  "/numbers/+441632960020",
  "/orders",
  "/civic-addresses",
  `/civic-addresses?tenant=${CONTOSO}`,
  "/connection",
  "/search?q=contoso",
];
const FORBIDDEN = [
  "/accounts/new",
  "/accounts/contoso/edit",
  "/accounts/contoso/delete",
  "/numbers/upload",
  "/numbers/+441632960020/edit",
  "/audit",
];

async function readerSeesAndCannotWrite(world) {
  const reader = await world.person("reader");
  for (const path of PAGES) {
    await reader.open(path);
    await reader.look(`${path.replace(CONTOSO, "…")}, as the reader`);
    assert.equal(await reader.page.locator("main form[method=post]").count(), 0, `${path} has nothing to write`);
    const changing = { name: /release|manage|retry|pull|update|create|delete|upload/i };
    assert.equal(await reader.page.locator("main").getByRole("button", changing).count(), 0, path);
    assert.equal(await reader.page.locator("main input[data-tick]").count(), 0, path);
  }
  await reader.page.goto(world.order);
  await reader.look("order, as the reader");
  for (const path of FORBIDDEN) {
    await reader.open(path);
    await reader.look(`${path}, refused to the reader`, { status: 403 });
    const text = await reader.page.locator("main").textContent();
    assert.match(text, /You need another role/);
    assert.match(text, path === "/audit" ? /AdminUser/ : path.endsWith("/delete") ? /DeleteUser/ : /WriteUser/, path);
  }
}

async function rolesThatOpenNothing(world) {
  for (const [who, missing] of [["writeonly", /ReadUser/], ["nobody", /no role/]]) {
    const person = await world.person(who);
    await person.look(`first page of ${who}`, { status: 403 });
    assert.match(await person.page.locator("main").textContent(), missing);
    await person.open("/numbers");
    await person.look(`numbers, refused to ${who}`, { status: 403 });
    await person.press("Sign out");
    await person.look(`signed out, ${who}`);
  }
}

export const steps = [readerSeesAndCannotWrite, rolesThatOpenNothing];
