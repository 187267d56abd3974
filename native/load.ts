import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DeviceError } from "../core/index.ts";
import { guarded } from "./checks.ts";
import { pythonLibraries } from "./python-libraries.ts";
import type { RawAddon, RawInfo, RawNcclInfo } from "./raw-addon.ts";
import { RECORDS } from "./records.ts";

/** The addon's build and the machine it runs on; bytes as numbers, `cores` = ids of the CPUs this process may use. */
export type NativeInfo = RawInfo;

let loaded: RawAddon | undefined;

// The sources lie in native/, the compiled files in dist/native/: both are below the folder that holds package.json.
function projectRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) return dirname(start);
  }
}

/** @throws DeviceError unless the addon at `path` reads and writes the records that are packed and unpacked here. */
export function checkRecords({ records = {} }: Partial<Pick<RawAddon, "records">>, path: string): void {
  for (const name of new Set([...Object.keys(RECORDS), ...Object.keys(records)])) {
    const here = (RECORDS as Readonly<Record<string, { readonly fields: readonly string[] }>>)[name]?.fields.join(", ");
    if (here !== records[name]) {
      throw new DeviceError({
        expected: `${name} to be a record of ${here ?? "nothing"} in the addon`,
        at: path,
        got: records[name] ?? "no such record",
        hint: `It was built from other sources: build it with \`${buildCommand()}\`.`,
      });
    }
  }
}

const inShell = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A clone, which has more than a package. */
const isClone = (): boolean => existsSync(join(projectRoot(), "setup"));

/** What builds the addon: in a clone with all that it needs, in a package with what is there and this Node. */
export function buildCommand(): string {
  if (isClone()) return "npm run build";
  return [process.execPath, join(projectRoot(), "native", "build.mjs")].map(inShell).join(" ");
}

/** How to get an addon where none loads: in a package the prebuilt one comes first. */
export function waysToAddon(): string {
  const build = buildCommand();
  return isClone() ? build : `npm install ${addonPackage()}, which needs no compiler; or ${build}`;
}

/** A file that is built with the addon. */
export function buildFile(name: string): string {
  return join(projectRoot(), "native", "build", name);
}

const addonPackage = (): string => `@loratwin/${process.platform}-${process.arch}`;

/** The addon of the package for this processor, which npm installs where it fits. */
function prebuiltAddon(require: NodeJS.Require): string {
  try {
    return require.resolve(`${addonPackage()}/loratwin.node`);
  } catch {
    return addonPackage();
  }
}

/**
 * The addon: LORATWIN_ADDON when set, else native/build/loratwin.node of this project, which was built here, else that of
 * the package for this processor; loaded once.
 * @throws DeviceError with each path tried and why it failed, or for an addon of other sources.
 */
export function loadNative(): RawAddon {
  if (loaded !== undefined) return loaded;
  const override = process.env["LORATWIN_ADDON"];
  const require = createRequire(import.meta.url);
  const paths = override ? [resolve(override)] : [buildFile("loratwin.node"), prebuiltAddon(require)];
  Object.assign(process.env, pythonLibraries(process.env, projectRoot()));
  const failures: string[] = [];
  for (const path of paths) {
    try {
      const addon = require(path) as RawAddon;
      checkRecords(addon, path);
      loaded = addon;
      return loaded;
    } catch (error) {
      if (error instanceof DeviceError) throw error;
      const missing = path.startsWith("@") ? "not installed" : "no such file";
      const reason = existsSync(path) ? (error as Error).message.split("\n")[0] : missing;
      failures.push(`  tried ${path}: ${reason}`);
    }
  }
  throw new DeviceError({
    expected: "the native addon loratwin.node",
    got: "none that loads",
    detail: failures.join("\n"),
    hint: `Get it: ${waysToAddon()}.`,
  });
}

/**
 * What is free of a GPU with a context of this process on it, which is made where there is none: that takes part of a
 * second, and the memory that a run's context will take. @throws DeviceError for a GPU that is not there or cannot be
 * used.
 */
export function gpuFreeBytes(index: number): number {
  return guarded(() => loadNative().cudaFreeBytes(index));
}

/**
 * Takes a core, by its id, for devices of this process until that ends. Whether it could: another process of this machine
 * may have taken it. @throws DeviceError when the addon does not load.
 */
export function claimCore(core: number): boolean {
  return guarded(() => loadNative().claimCore(core));
}

/** @throws DeviceError when the addon does not load. */
export function nativeInfo(): NativeInfo {
  return loadNative().info();
}

/** Whether this machine's CPUs multiply bfloat16s, by tiles or pairs; others widen them. */
export function multipliesBfloat16(): boolean {
  const { isa } = nativeInfo();
  return isa === "amx-bf16" || isa === "avx512bf16";
}

/**
 * Name and version of the library that multiplies on GPUs; empty where there is none. Loads it, which takes a while.
 * @throws DeviceError when the addon does not load.
 */
export function productLibraryName(): string {
  return loadNative().productLibraryName();
}

/**
 * What moves messages between GPUs of different ranks, and how it knows them. Loads it.
 * @throws DeviceError when the addon does not load.
 */
export function ncclInfo(): RawNcclInfo {
  return loadNative().ncclInfo();
}
