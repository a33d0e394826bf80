// A demo of its own in a temporary folder on free ports.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const usual = fileURLToPath(new URL("../../target/debug/nmp", import.meta.url));

/**
 * Starts a demo, without examples if `empty`, with example accounts if `accounts`. Answers { portal, backend, play,
 * state, alarms, stop }: alarms are errors in its log.
 */
export async function startDemo({ empty = false, accounts = false } = {}) {
  const program = process.env.NMP ?? usual;
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw new Error(`There is no ${program}. Build it (cargo build), or name another with NMP=.`);
  }
  const folder = await mkdtemp(join(tmpdir(), "nmp-e2e-"));
  const any = "127.0.0.1:0";
  const options = ["--data-dir", join(folder, "data"), "--portal", any, "--api", any, "--operations", any, "--sandbox", any, "--dns", any];
  const child = spawn(program, ["demo", ...(accounts ? [] : ["--no-accounts"]), ...options, ...(empty ? ["--empty"] : [])], {
    stdio: ["ignore", "pipe", "pipe"],
    // A script is faster than people.
    env: { ...process.env, NMP_PORTAL__RATE_PER_SECOND: "0" },
  });
  const alarms = [];
  createInterface(child.stderr).on("line", (line) => {
    if (/panicked|\bERROR\b/.test(line)) alarms.push(line);
  });
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const said = {};
  for await (const line of createInterface(child.stdout)) {
    const [, what, address] = /^ {2}(Portal|Operator Connect) +(\S+)$/.exec(line) ?? [];
    if (what) said[what] = address;
    if (line.includes("Ctrl-C")) break;
  }
  const portal = said.Portal;
  const backend = said["Operator Connect"];
  if (!portal || !backend) {
    await stop();
    throw new Error("The demo ended before it had started.");
  }
  /** Plays the world around the backend: _faults, _assign, and so on. */
  const play = async (route, body) => {
    const answer = await fetch(`${backend}/${route}`, {
      method: route === "_faults" ? "PUT" : "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${route}: ${answer.status} ${await answer.text()}`);
  };
  const state = async () => (await fetch(`${backend}/_state`)).json();
  return { portal, backend, play, state, alarms, stop };
}
