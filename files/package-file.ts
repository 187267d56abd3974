import { existsSync } from "node:fs";
import path from "node:path";
import { InvariantError } from "../core/index.ts";

/** A file of this package, from the sources as well as from dist/. */
export function packageFile(...parts: readonly string[]): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, "package.json"))) {
    const parent = path.dirname(folder);
    if (parent === folder)
      throw new InvariantError({ expected: "package.json above the command line's folder", got: import.meta.dirname });
    folder = parent;
  }
  return path.join(folder, ...parts);
}
