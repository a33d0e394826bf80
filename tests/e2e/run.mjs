// Runs the end-to-end suites against the built program: npm run e2e
//
// NMP names another program than target/debug/nmp, CHROMIUM another browser than the one on the path.
// Names of suites as arguments run only those: npm run e2e -- keyboard
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const folder = new URL(".", import.meta.url).pathname;
const wanted = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => !wanted.length || wanted.some((part) => name.includes(part)))
  .map((name) => folder + name);

run({ files, concurrency: Math.min(availableParallelism(), 3) })
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);
