// The checks that need no test runner, one table. `npm run check` runs this file.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { inRoot, root } from "./root.mjs";

const compiler = "node_modules/typescript/bin/tsc";
const incremental = (name) => ["--incremental", "--tsBuildInfoFile", `dist/.check-${name}.tsbuildinfo`];

const checks = [
  { name: "types", program: [compiler, "--noEmit", ...incremental("project")] },
  {
    name: "types of the report's browser code",
    program: [compiler, "--noEmit", "-p", "reports/client", ...incremental("client")],
    onlyWith: "reports/client/tsconfig.json",
  },
  {
    name: "types of the server page's browser code",
    program: [compiler, "--noEmit", "-p", "server/client", ...incremental("server-client")],
    onlyWith: "server/client/tsconfig.json",
  },
  {
    name: "types of the explorer's browser code",
    program: [compiler, "--noEmit", "-p", "explorer/client", ...incremental("explorer-client")],
    onlyWith: "explorer/client/tsconfig.json",
  },
  { name: "format and lint", program: ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."] },
  {
    name: "folder arrows",
    program: ["node_modules/dependency-cruiser/bin/dependency-cruise.mjs", "--config", ".dependency-cruiser.cjs", "."],
  },
  { name: "unused code", program: ["node_modules/knip/bin/knip.js", "--no-progress"] },
  { name: "format of C++", program: ["setup/format-cpp.mjs", "--check"] },
];

/** Runs every check, shows the output of those that fail, and returns the counts. */
export function runChecks() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, program, onlyWith } of checks) {
    if (onlyWith !== undefined && !existsSync(inRoot(onlyWith))) continue;
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, program, {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${status === 0 ? "ok  " : "FAIL"}  ${name} (${seconds} s)`);
    if (status !== 0) console.log(`${stdout}${stderr}`);
    counts[status === 0 ? "passed" : "failed"] += 1;
  }
  return counts;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = runChecks().failed === 0 ? 0 : 1;
}
