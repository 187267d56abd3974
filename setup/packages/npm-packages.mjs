// The npm packages: loratwin itself, and one with the prebuilt addon for each processor, which npm installs where it fits.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot, root } from "../root.mjs";
import { bundleProduct, PACKAGES_APART } from "../typescript-build.mjs";

export const ownManifest = () => JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
export const addonPackage = (arch) => `@loratwin/linux-${arch}`;

/** Of dist/: what is no program. */
const ASIDE = ["types", "reports", "server", "explorer"];

const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** The path of the archive that `npm pack` makes of a folder. */
export function pack(folder, out) {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", out];
  const [{ filename }] = JSON.parse(execFileSync("npm", args, { cwd: folder, encoding: "utf8" }));
  return join(out, filename);
}

function inScratch(make) {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-pack-"));
  try {
    return make(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Packs the addon of one processor. */
export function packAddon(addon, arch, out) {
  const { version, license, repository } = ownManifest();
  return inScratch((folder) => {
    copyFileSync(addon, join(folder, "loratwin.node"));
    for (const name of ["LICENSE", "THIRD_PARTY_NOTICES.md"]) copyFileSync(inRoot(name), join(folder, name));
    writeFileSync(join(folder, "README.md"), `The addon of loratwin for Linux on ${arch}. Install loratwin instead.\n`);
    const description = `The addon of loratwin for Linux on ${arch}`;
    const fits = { os: ["linux"], cpu: [arch], libc: ["glibc"] };
    const main = "loratwin.node";
    writeJson(join(folder, "package.json"), {
      ...{ name: addonPackage(arch), version, description, license, repository, main },
      ...{ files: [main, "THIRD_PARTY_NOTICES.md"], ...fits },
    });
    return pack(folder, out);
  });
}

/**
 * Writes into a folder what package.json's `files` names, with the product's programs alone and a manifest that has no
 * part of development.
 */
export async function stageProduct(folder, archs) {
  mkdirSync(folder, { recursive: true });
  inScratch((scratch) => execFileSync("tar", ["xzf", pack(root, scratch), "--strip-components=1", "-C", folder]));
  copyFileSync(inRoot("setup/packages/README.md"), join(folder, "README.md"));
  const dist = join(folder, "dist");
  for (const name of readdirSync(dist)) if (!ASIDE.includes(name)) rmSync(join(dist, name), { recursive: true });
  await bundleProduct(dist);
  const { devDependencies, scripts, dependencies: all, ...manifest } = ownManifest();
  const dependencies = Object.fromEntries(PACKAGES_APART.map((name) => [name, all[name]]));
  const optionalDependencies = Object.fromEntries(archs.map((arch) => [addonPackage(arch), manifest.version]));
  writeJson(join(folder, "package.json"), { ...manifest, dependencies, optionalDependencies });
}
