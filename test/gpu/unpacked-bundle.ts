import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { packageFile } from "../../files/index.ts";
import { SHARED } from "../shared-folder.ts";

export interface UnpackedBundle {
  readonly archive: string;
  readonly unpacked: string;
  /** The environment of a machine where only the named programs are there. */
  readonly env: NodeJS.ProcessEnv;
}

const found = (program: string, args: readonly string[]): string =>
  spawnSync(program, args, { encoding: "utf8" }).stdout.trim();

/** Makes the bundle of this project in the folder and unpacks it there, as on a machine that has these programs. */
export function unpackBundle(folder: string, programs: readonly string[]): UnpackedBundle {
  const archive = path.join(folder, "loratwin-gpu.tar.gz");
  execFileSync(process.execPath, [packageFile("dist", "gpu", "bundle.js"), "-o", archive], {
    env: { ...process.env, LORATWIN_SHARED: SHARED },
  });
  const unpacked = path.join(folder, "unpacked");
  mkdirSync(unpacked);
  execFileSync("tar", ["-xf", archive, "-C", unpacked]);
  const tools = path.join(folder, "tools");
  mkdirSync(tools);
  for (const program of programs) {
    // A python3 may be a script that looks for the right one, with tools that are not there.
    const file =
      program === "python3"
        ? found("python3", ["-c", "import sys; print(sys.executable)"])
        : found("sh", ["-c", `command -v ${program}`]);
    if (file !== "") symlinkSync(file, path.join(tools, program));
  }
  return { archive, unpacked, env: { PATH: tools, HOME: folder } };
}
