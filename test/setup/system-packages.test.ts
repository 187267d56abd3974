import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const prepare = new URL("../../setup/prepare.mjs", import.meta.url).pathname;

/** Runs the preparation on a machine that has Node and nothing else on its PATH. */
function prepareWithoutTools(...flags: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-path-"));
  try {
    symlinkSync(process.execPath, join(folder, "node"));
    return spawnSync(process.execPath, [prepare, ...flags], { env: { PATH: folder }, encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it("names exactly the missing packages for apt and dnf, and exits with 3, where nothing can be installed", () => {
  const { status, stderr } = prepareWithoutTools();
  expect(status).toBe(3);
  expect(stderr).toMatch(/apt-get install -y g\+\+ cmake make( |$)/m);
  expect(stderr).toMatch(/dnf install -y gcc-c\+\+ cmake make( |$)/m);
});

it("ends a test run that could not be prepared with a line of counts", () => {
  const { status, stdout } = prepareWithoutTools("--test");
  expect(status).toBe(3);
  expect(stdout).toBe("0 passed, 1 failed\n");
});
