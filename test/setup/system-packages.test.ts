import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const prepare = new URL("../../setup/prepare.mjs", import.meta.url).pathname;

/** Runs the preparation on a machine that has Node, these programs, and nothing else on its PATH. */
function prepareWith(tools: readonly string[], ...flags: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-path-"));
  try {
    for (const name of ["node", ...tools]) symlinkSync(process.execPath, join(folder, name));
    return spawnSync(process.execPath, [prepare, ...flags], { env: { PATH: folder }, encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it("names exactly the missing packages for apt and dnf, and exits with 3, where nothing can be installed", () => {
  const { status, stderr } = prepareWith([]);
  expect(status).toBe(3);
  expect(stderr).toMatch(/apt-get install -y g\+\+ cmake make( |$)/m);
  expect(stderr).toMatch(/dnf install -y gcc-c\+\+ cmake make( |$)/m);
});

it.each(["make", "ninja"])("is content with %s alone of the two that run CMake's builds", (tool) => {
  const { status, stderr } = prepareWith([tool]);
  expect(status).toBe(3);
  expect(stderr).toMatch(/apt-get install -y g\+\+ cmake(?! make)/);
});

it("ends a test run that could not be prepared with a line of counts", () => {
  const { status, stdout } = prepareWith([], "--test");
  expect(status).toBe(3);
  expect(stdout).toBe("0 passed, 1 failed\n");
});

it("asks nothing of root with LORATWIN_NO_SYSTEM_PACKAGES=1", () => {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-path-"));
  const asked = join(folder, "asked");
  try {
    for (const name of ["apt-get", "apt-cache", "sudo", "env"])
      writeFileSync(join(folder, name), `#!/bin/sh\n: > ${asked}\n`, { mode: 0o755 });
    const prepared = (own: Readonly<Record<string, string>>) =>
      spawnSync(process.execPath, [prepare], { env: { PATH: folder, ...own }, encoding: "utf8" });
    const { status, stderr } = prepared({ LORATWIN_NO_SYSTEM_PACKAGES: "1" });
    expect(status).toBe(3);
    expect(stderr).toMatch(/apt-get install -y g\+\+/);
    expect(existsSync(asked)).toBe(false);
    // Without it the same machine is asked.
    expect(prepared({}).status).toBe(3);
    expect(existsSync(asked)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
