// All checks and all tests but the slow ones, ending with one line of counts; with `--all` those too, with `--nightly`
// those that take an hour, alone. With other arguments (`npm test -- test/plan`) only the tests that match them, slow or
// not, without the checks.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium } from "./chromium.mjs";
import { root } from "./root.mjs";
import { runChecks } from "./run-checks.mjs";
import { NIGHTLY_TESTS, partlyNightlyTests, SLOW_TESTS } from "./slow-tests.mjs";
import { addCounts, closingLine, countVitest } from "./test-counts.mjs";

async function runVitest(selection) {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-tests-"));
  try {
    const reportFile = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    const browser = await findChromium();
    const { status } = spawnSync(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...selection],
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
        env: {
          ...process.env,
          ...(browser === undefined ? {} : { LORATWIN_CHROMIUM: browser }),
          ...(isNightly ? { LORATWIN_NIGHTLY: "1" } : {}),
        },
      },
    );
    return countVitest(existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")) : undefined, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const args = process.argv.slice(2);
const isAll = args.includes("--all");
const isNightly = args.includes("--nightly");
const filters = isNightly ? [...NIGHTLY_TESTS, ...partlyNightlyTests()] : args.filter((arg) => arg !== "--all");
const isWhole = filters.length === 0;
const isQuick = isWhole && !isAll;
const checks = isWhole ? runChecks() : { passed: 0, failed: 0, skipped: 0 };
const leftOut = [...NIGHTLY_TESTS, ...(isAll ? [] : SLOW_TESTS)];
const selection = isWhole ? leftOut.map((file) => `--exclude=${file}`) : filters;
const total = addCounts([checks, await runVitest(selection)]);
if (isQuick) console.log(`${SLOW_TESTS.length} files of slow tests were left out; npm run test:all has them.`);
if (isWhole) console.log(`${NIGHTLY_TESTS.length} files of long tests were left out; npm run test:nightly has them.`);
console.log(closingLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;
