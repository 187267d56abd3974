import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../workbench/package-file.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-unpacked-"));
const archive = path.join(folder, "loratwin-gpu.tar.gz");
const unpacked = path.join(folder, "unpacked");
const tools = path.join(folder, "tools");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the script itself calls, and no Node. */
const TOOLS = ["sh", "dirname", "grep", "head", "ldd", "cmake", "g++"];

function runScript(...argv: readonly string[]) {
  const env = { PATH: tools, HOME: folder, LORATWIN_PYTHON: "no-python" };
  return spawnSync(path.join(unpacked, "run.sh"), argv, { cwd: folder, env, encoding: "utf8" });
}

describe("npm run gpu:bundle", () => {
  beforeAll(() => {
    execFileSync(process.execPath, [packageFile("dist", "gpu", "bundle.js"), "-o", archive], {
      env: { ...process.env, LORATWIN_SHARED: SHARED },
    });
    mkdirSync(unpacked);
    execFileSync("tar", ["-xf", archive, "-C", unpacked]);
    mkdirSync(tools);
    for (const tool of TOOLS) {
      const found = spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
      symlinkSync(found, path.join(tools, tool));
    }
  }, 180_000);

  test("stays below 60 MB", () => {
    expect(statSync(archive).size).toBeLessThan(60e6);
  });

  test("holds no build, no test and no package that only development needs", () => {
    for (const absent of ["native/build", "test", "node_modules/typescript", "node_modules/vitest", "native/device.ts"])
      expect(existsSync(path.join(unpacked, absent))).toBe(false);
    for (const present of [
      "native/build.mjs",
      "native/src/cuda/lora.h",
      "include/node/node_api.h",
      "gpu/programs/CMakeLists.txt",
    ])
      expect(existsSync(path.join(unpacked, present))).toBe(true);
    expect(existsSync(path.join(unpacked, "shared/oracle/cases/two-adapters/case.json"))).toBe(HAS_SHARED);
  });

  test("lists the stages on a machine without Node", () => {
    const { status, stdout, stderr } = runScript("--dry");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("operators");
  });

  test("runs stages there and leaves results/ beside the script", () => {
    const { status, stderr } = runScript("--emulated", "--only", "environment");
    expect(stderr).toContain("environment: passed");
    expect(status).toBe(0);
    const summary = JSON.parse(readFileSync(path.join(unpacked, "results/summary.json"), "utf8"));
    expect(summary.stages[0].results).toContainEqual({ program: "g++", version: expect.stringContaining("g++") });
  });

  test("has the command line whole: the carried packages are those that it needs", () => {
    const main = path.join(unpacked, "dist/cli/main.js");
    const args = [main, "validate", packageFile("examples", "unit-workload.yaml")];
    const { status, stderr } = spawnSync(path.join(unpacked, "bin/node"), args, {
      env: { PATH: tools },
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});
