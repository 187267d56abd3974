// A stamp is a file beside a step's outputs that holds the hash of the step's inputs.
// It lives inside the output folder, so deleting the folder also forgets the stamp.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./root.mjs";

const generatedFolders = /^(build.*|node_modules)$/;

/** Every file below a folder, sorted, without generated folders; none where the folder does not exist. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return generatedFolders.test(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** The hash of the files' paths below the clone and contents and of the facts that are in no file, such as the version of Node. */
export function hashInputs(files, facts) {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`\0${relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** True where the stamp holds this hash and every output is there. */
export function isFresh(stampFile, hash, outputs) {
  return existsSync(stampFile) && readFileSync(stampFile, "utf8") === hash && outputs.every((path) => existsSync(path));
}

export function writeStamp(stampFile, hash) {
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, hash);
}
