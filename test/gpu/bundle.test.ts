// @module-tag slow

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../files/index.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type UnpackedBundle, unpackBundle } from "./unpacked-bundle.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-unpacked-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("npm run gpu:bundle", () => {
  let bundle: UnpackedBundle;
  beforeAll(() => {
    // What the script itself calls, and no Node.
    bundle = unpackBundle(folder, ["sh", "dirname", "grep", "head", "ldd", "cmake", "g++"]);
  }, 180_000);

  function runScript(...argv: readonly string[]) {
    const env = { ...bundle.env, LORATWIN_PYTHON: "no-python" };
    return spawnSync(path.join(bundle.unpacked, "run.sh"), argv, { cwd: folder, env, encoding: "utf8" });
  }

  test("stays below 50 MB, and opens where there is gzip and nothing newer", () => {
    expect(statSync(bundle.archive).size).toBeLessThan(50e6);
    const files = readdirSync(bundle.unpacked, { recursive: true, encoding: "utf8" });
    expect(files.filter((name) => /\.(zst|xz|bz2)$/.test(name))).toEqual([]);
    execFileSync("gzip", ["-t", bundle.archive]);
  });

  test("has oneDNN whole, which its own Node opens", () => {
    const script =
      'import { oneDnnArguments } from "./dist/gpu/carried-onednn.js"; console.log(JSON.stringify(oneDnnArguments()))';
    // On a machine that has a oneDNN of its own it stays packed.
    const node = path.join(bundle.unpacked, "bin/node");
    const { stdout, stderr } = spawnSync(
      node,
      ["--input-type=module", "-e", script.replace("oneDnnArguments()", "oneDnnArguments([])")],
      { cwd: bundle.unpacked, encoding: "utf8" },
    );
    expect(stderr).toBe("");
    const library = (JSON.parse(stdout) as readonly string[])[1]!.split("=")[1]!;
    const addon = packageFile("native", "build", "loratwin.node");
    const [, installed] = /libdnnl\.so\S* => (\S+)/.exec(execFileSync("ldd", [addon], { encoding: "utf8" })) ?? [];
    expect(readFileSync(library).equals(readFileSync(installed!))).toBe(true);
    expect(readlinkSync(library)).toMatch(/^libdnnl\.so\.\d/);
  });

  test("holds no build, no test and no package that only development needs", () => {
    for (const absent of ["native/build", "test", "node_modules/typescript", "node_modules/vitest", "native/device.ts"])
      expect(existsSync(path.join(bundle.unpacked, absent))).toBe(false);
    for (const present of [
      "native/build.mjs",
      "native/src/cuda/lora.h",
      "node_modules/node-api-headers/include/node_api.h",
      "gpu/programs/CMakeLists.txt",
    ])
      expect(existsSync(path.join(bundle.unpacked, present))).toBe(true);
    expect(existsSync(path.join(bundle.unpacked, "shared/oracle/cases/two-adapters/case.json"))).toBe(HAS_SHARED);
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
    const summary = JSON.parse(readFileSync(path.join(bundle.unpacked, "results/summary-environment.json"), "utf8"));
    expect(summary.stages[0].results).toContainEqual({ program: "g++", version: expect.stringContaining("g++") });
  });

  test("has the command line whole: the carried packages are those that it needs", { tags: ["slow"] }, () => {
    const main = path.join(bundle.unpacked, "dist/cli/main.js");
    const args = [main, "validate", packageFile("examples", "unit-workload.yaml")];
    const { status, stderr } = spawnSync(path.join(bundle.unpacked, "bin/node"), args, {
      env: bundle.env,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});
