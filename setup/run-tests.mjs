// All checks and all tests, ending with one line of counts. With arguments (`npm test -- test/plan`) only the tests
// that match them, without the checks.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium } from "./chromium.mjs";
import { root } from "./root.mjs";
import { runChecks } from "./run-checks.mjs";
import { addCounts, closingLine, countVitest } from "./test-counts.mjs";

async function runVitest(filters) {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-tests-"));
  try {
    const reportFile = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
    const browser = await findChromium();
    const { status } = spawnSync(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...filters],
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
        env: { ...process.env, ...(browser === undefined ? {} : { LORATWIN_CHROMIUM: browser }) },
      },
    );
    return countVitest(existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")) : undefined, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const filters = process.argv.slice(2);
const checks = filters.length === 0 ? runChecks() : { passed: 0, failed: 0, skipped: 0 };
const total = addCounts([checks, await runVitest(filters)]);
console.log(closingLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;
