import { homedir } from "node:os";
import path from "node:path";

/** The folder of what may be made anew: that of the system's user. */
export function userCache(...names: readonly string[]): string {
  const base = process.env["XDG_CACHE_HOME"] || path.join(homedir(), ".cache");
  return path.join(base, "loratwin", ...names);
}
