// All checks and the tests of a level, ending with one line of counts. Without arguments those that take a second or
// two; with `--all` what has to pass before a change lands; with `--nightly` everything. With other arguments
// (`npm test -- test/plan`) only the tests that match them, slow or not, without the checks.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium } from "./chromium.mjs";
import { root } from "./root.mjs";
import { runChecks } from "./run-checks.mjs";
import { addCounts, closingLine, countVitest } from "./test-counts.mjs";

/** What each level leaves out, by tag; test/level.ts has the tags. */
const LEVELS = {
  quick: {
    leftOut: ["slow", "nightly"],
    more: "Slow tests and those of C++ were left out; npm run test:all has them.",
  },
  all: { leftOut: ["nightly"], more: "What takes minutes was left out; npm run test:nightly has it." },
  nightly: { leftOut: [], more: "" },
};

async function runVitest(level, filters) {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-tests-"));
  try {
    // Tests act as other users, too.
    chmodSync(folder, 0o755);
    const reportFile = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    const browser = await findChromium();
    const { status } = spawnSync(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...filters],
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
        env: {
          ...process.env,
          ...(browser === undefined ? {} : { LORATWIN_CHROMIUM: browser }),
          LORATWIN_TESTS: level,
          // What tests leave goes with this folder.
          TMPDIR: folder,
        },
      },
    );
    const report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")) : undefined;
    return countVitest(report, status, LEVELS[level].leftOut);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

const args = process.argv.slice(2);
const filters = args.filter((arg) => arg !== "--all" && arg !== "--nightly");
const isWhole = filters.length === 0;
const wanted = args.includes("--nightly") ? "nightly" : "all";
const level = isWhole && !args.includes(`--${wanted}`) ? "quick" : wanted;
const checks = isWhole ? runChecks() : { passed: 0, failed: 0, skipped: 0 };
const total = addCounts([checks, await runVitest(level, filters)]);
if (isWhole && LEVELS[level].more !== "") console.log(LEVELS[level].more);
console.log(closingLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;
