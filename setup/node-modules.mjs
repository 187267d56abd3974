// npm's own record of what it installed is compared with package-lock.json, so no stamp is needed and
// an install that was cut short (npm writes the record last) is seen.
import { existsSync, readFileSync } from "node:fs";
import { inRoot, root } from "./root.mjs";
import { runs, SetupError, say } from "./terminal.mjs";

function readPackages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : undefined;
}

/** Packages for other systems are optional and stay away; everything else has to be there in its locked version. */
function matchesLock() {
  const installed = readPackages(inRoot("node_modules/.package-lock.json"));
  if (installed === undefined) return false;
  const locked = Object.entries(readPackages(inRoot("package-lock.json"))).filter(([path]) => path !== "");
  return locked.every(([path, { version, optional }]) => {
    const there = installed[path];
    return there === undefined ? optional === true : there.version === version;
  });
}

/** @throws SetupError where `npm ci` fails. */
export function installNodeModules() {
  if (matchesLock()) return;
  say("installing the npm packages of package-lock.json (npm ci)");
  // No package's own scripts: what is installed is what the lock file's hashes say, and runs nothing by itself.
  const args = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  if (!runs("npm", args, { cwd: root })) throw new SetupError("npm ci failed; its message is above.");
}
