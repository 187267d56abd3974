// What is released: node setup/build-packages.mjs [x64] [arm64] writes npm packages and wheels to dist-packages/.
// Without arguments: both processors. LORATWIN_PACKAGES names the folder for compilers and what they made, which may be
// kept; LORATWIN_ONEDNN_SOURCE a folder with oneDNN's sources, where they cannot be fetched.
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { installNodeModules } from "./node-modules.mjs";
import { buildAddon } from "./packages/addon.mjs";
import { pack, packAddon, stageProduct } from "./packages/npm-packages.mjs";
import { packWheel } from "./packages/wheel.mjs";
import { MACHINES } from "./packages/zig.mjs";
import { inRoot, root } from "./root.mjs";
import { SetupError } from "./terminal.mjs";
import { buildTypeScript, buildTypes } from "./typescript-build.mjs";

const archs = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(MACHINES);
const cache = process.env.LORATWIN_PACKAGES ?? join(homedir(), ".cache", "loratwin-packages");
const out = inRoot("dist-packages");
const staged = mkdtempSync(join(tmpdir(), "loratwin-product-"));

try {
  const unknown = archs.filter((arch) => !(arch in MACHINES));
  if (unknown.length > 0) throw new SetupError(`Expected ${Object.keys(MACHINES).join(" or ")}, got ${unknown}.`, 2);
  installNodeModules();
  await buildTypeScript();
  buildTypes();
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  // The other processors' packages lie apart, so that `npm install ./loratwin-*.tgz` meets none of them.
  const folderOf = (arch) => (arch === process.arch ? out : join(out, arch));
  await stageProduct(staged, Object.keys(MACHINES));
  const made = [pack(staged, out)];
  for (const arch of archs) {
    mkdirSync(folderOf(arch), { recursive: true });
    const addon = buildAddon(cache, arch);
    made.push(packAddon(addon, arch, folderOf(arch)), packWheel(staged, addon, arch, folderOf(arch)));
  }
  for (const file of made) console.log(`${relative(root, file)} (${(statSync(file).size / 1e6).toFixed(1)} MB)`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
} finally {
  rmSync(staged, { recursive: true });
}
