import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { passFault, writeSome } from "./faults.ts";

/** The end of such a name. */
const UNFINISHED = ".partial";

/** Until the disk has it: what a power cut leaves is what was there before or all of it. */
function syncFolder(folder: string): void {
  const descriptor = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * A name beside a file or folder for what is not whole yet, which nobody can know: whoever may write to the folder has
 * put no link there. What a process that was killed leaves is known by its end.
 */
function unfinishedName(target: string): string {
  return `${target}.${randomBytes(6).toString("base64url")}${UNFINISHED}`;
}

function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED);
}

/** Where a name leads: links are followed, so that what they point at is replaced and not they. */
function targetOf(file: string): { readonly target: string; readonly known: fs.Stats | undefined } {
  const known = fs.statSync(file, { throwIfNoEntry: false });
  return { target: known === undefined ? file : fs.realpathSync(file), known };
}

/** All of some bytes, from `position` on where one is given: one write may take fewer than it is given. */
export function writeAll(descriptor: number, bytes: Uint8Array, position?: number): void {
  let done = 0;
  while (done < bytes.length)
    done += writeSome(descriptor, bytes, done, position === undefined ? null : position + done);
}

/**
 * Writes a file that has its name only once it is whole and on the disk: beside, synchronised, renamed, and the folder
 * synchronised. Where that fails the file is as it was, and nothing is left beside it. What is no regular file (a pipe,
 * a terminal) is written to directly. `content`: or what writes it to a descriptor.
 * @throws what the file system throws
 */
export function writeWholeFile(file: string, content: string | Uint8Array | ((descriptor: number) => void)): void {
  const { target, known } = targetOf(file);
  const write = (descriptor: number): void => {
    if (typeof content === "function") content(descriptor);
    else writeAll(descriptor, typeof content === "string" ? Buffer.from(content) : content);
  };
  const isReplaceable = known?.isFile() ?? true;
  const written = isReplaceable ? unfinishedName(target) : target;
  passFault("open", target);
  const mode = known === undefined ? 0o666 : known.mode & 0o777;
  const descriptor = fs.openSync(written, isReplaceable ? "wx" : "w", mode);
  try {
    try {
      write(descriptor);
      passFault("sync", target);
      if (isReplaceable) fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    if (!isReplaceable) return;
    passFault("rename", target);
    fs.renameSync(written, target);
  } catch (error) {
    if (isReplaceable) fs.rmSync(written, { force: true });
    throw error;
  }
  // A folder that is not whole yet is synchronised once, with all that is in it.
  if (!isUnfinished(path.dirname(target))) syncFolder(path.dirname(target));
}

/**
 * Writes a folder that has its name only once it is whole: `write` fills one beside it, with `writeWholeFile`. One that
 * has the name already is replaced. @throws what the file system throws
 */
export function writeWholeFolder(folder: string, write: (unfinished: string) => void): void {
  const unfinished = unfinishedName(folder);
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  fs.mkdirSync(unfinished);
  try {
    write(unfinished);
    syncFolder(unfinished);
    passFault("rename", folder);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(unfinished, folder);
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
  syncFolder(path.dirname(folder));
}
