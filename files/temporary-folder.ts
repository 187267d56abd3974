import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { isProcessAlive } from "./process-alive.ts";

/** A folder that is removed with all that is in it when it is disposed of. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Removes what processes of this machine left that were killed. */
function removeLeft(parent: string, prefix: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)-[^-]*$/.exec(name.slice(prefix.length))?.[1];
    if (pid === undefined || isProcessAlive(Number(pid))) continue;
    try {
      remove(path.join(parent, name));
    } catch {
      // Another user's.
    }
  }
}

/**
 * A folder of this process, with a name that begins with `name`. Those that killed processes left under that name are
 * removed first. `parent` is there already.
 */
export function temporaryFolder(name: string, parent: string = tmpdir()): TemporaryFolder {
  const prefix = `${name}-${hostname()}-`;
  removeLeft(parent, prefix);
  const folder = mkdtempSync(path.join(parent, `${prefix}${process.pid}-`));
  return { path: folder, [Symbol.dispose]: () => remove(folder) };
}
