import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DeviceError } from "../core/index.ts";
import type { RawAddon, RawInfo } from "./raw-addon.ts";

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

/**
 * The addon: LORATWIN_ADDON when set, else native/build/loratwin.node of this project; loaded once.
 * @throws DeviceError with each path tried and why it failed.
 */
export function loadNative(): RawAddon {
  if (loaded !== undefined) return loaded;
  const override = process.env["LORATWIN_ADDON"];
  const paths = override ? [resolve(override)] : [join(projectRoot(), "native", "build", "loratwin.node")];
  const require = createRequire(import.meta.url);
  const failures: string[] = [];
  for (const path of paths) {
    try {
      loaded = require(path) as RawAddon;
      return loaded;
    } catch (error) {
      const reason = existsSync(path) ? (error as Error).message.split("\n")[0] : "no such file";
      failures.push(`  tried ${path}: ${reason}`);
    }
  }
  throw new DeviceError({
    expected: "the native addon loratwin.node",
    got: "none that loads",
    detail: failures.join("\n"),
    hint: "build it with `npm run build`",
  });
}

/** @throws DeviceError when the addon does not load. */
export function nativeInfo(): NativeInfo {
  return loadNative().info();
}
