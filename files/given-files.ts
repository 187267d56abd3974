import { accessSync, constants, existsSync, lstatSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { DeviceError, InputError } from "../core/index.ts";
import type { Place } from "./context.ts";
import { passFault } from "./faults.ts";
import { linesOfFile } from "./file-lines.ts";
import { nearFileHint } from "./near-files.ts";
import { checkReadable, readWholeText } from "./readable-file.ts";
import { writeAll, writeWholeFile } from "./whole-file.ts";

export function absolute(place: Place, file: string): string {
  return path.resolve(place.cwd, file);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "a folder",
  EACCES: "no permission",
  EPERM: "no permission",
  ENOTDIR: "a path through a file",
  EEXIST: "a file",
  ENOSPC: "no room on its disk",
  EDQUOT: "no room left to this user",
  EIO: "an error of its disk",
  EROFS: "a disk that can only be read",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
};

/** Nobody has named a wrong file: the machine lacks something. */
const ENVIRONMENT: readonly string[] = ["ENOSPC", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM"];

/** Why the system refused, in words. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return REASONS[code] ?? code;
}

/** What the system refused, as an error of the document's writer or of the machine; another error as it is. */
export function fileError(error: unknown, expected: string, file: string, hint?: string): Error {
  if (error instanceof InputError) return new InputError({ ...error.facts, file }, { cause: error });
  const isEnvironment = ENVIRONMENT.includes((error as NodeJS.ErrnoException).code ?? "");
  const facts = { expected, file, got: reason(error), ...(hint === undefined ? {} : { hint }) };
  return new (isEnvironment ? DeviceError : InputError)(facts, { cause: error });
}

/** A document's file, or the document itself. */
export type FileOrDocument = string | object;

/** What stands for the file of a document that was handed in; its folder is the one that relative paths start at. */
export const HANDED_IN = "(document)";

/** @throws InputError for what JSON cannot hold */
function documentText(document: object, what: string): string {
  try {
    const text = JSON.stringify(document);
    if (typeof text === "string") return text;
  } catch (cause) {
    throw new InputError({ expected: `the content of ${what} as JSON can hold it`, got: "another value" }, { cause });
  }
  throw new InputError({ expected: `the content of ${what}`, got: typeof document });
}

/** A hint for what is no file, or not there: one that has nearly its name, else what was given. */
function missingFileHint(error: unknown, full: string, hint?: string): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EISDIR")
    return existsSync(path.join(full, "plan.json")) ? "A run's plan is plan.json in its folder." : "Name a file in it.";
  if (code !== "ENOENT") return hint;
  const near = nearFileHint(full);
  return near === undefined || near.includes("Did you mean") ? (near ?? hint) : [near, hint].filter(Boolean).join(" ");
}

/**
 * `hint`: what helps where there is no such file.
 * @throws InputError, or DeviceError of a disk that fails, when it cannot be read.
 */
export function readInput(
  place: Place,
  file: FileOrDocument,
  what: string,
  hint?: string,
): { readonly text: string; readonly file: string } {
  if (typeof file !== "string") return { text: documentText(file, what), file: absolute(place, HANDED_IN) };
  const full = absolute(place, file);
  try {
    passFault("read", full);
    return { text: readWholeText(full), file: full };
  } catch (error) {
    throw fileError(error, what, file, missingFileHint(error, full, hint));
  }
}

/** The same line by line, of a file that may be larger than memory. @throws InputError at once where it is not there */
export function inputLines(
  place: Place,
  file: string,
  what: string,
): { readonly lines: Iterable<string>; readonly file: string } {
  const full = absolute(place, file);
  const refused = (error: unknown): Error => fileError(error, what, file, missingFileHint(error, full));
  try {
    passFault("read", full);
    checkReadable(full);
  } catch (error) {
    throw refused(error);
  }
  return { lines: linesOfFile(full, refused), file: full };
}

/** Bytes that are gathered before they are written. */
const PIECE = 2 ** 20;
/** Characters that are joined before they become bytes: few lines, so that their texts die young. */
const JOINED = 2 ** 14;

/** Runs what writes a file. @throws InputError, or DeviceError of a full disk. */
function writing<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    // What is written may come from elsewhere, and fail there.
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw fileError(error, "a file that can be written", file);
  }
}

/** Writes a file whole, and the folders that it lies in. @throws InputError, or DeviceError of a full disk. */
export function writeOutput(place: Place, file: string, content: string): void {
  const full = absolute(place, file);
  writing(file, () => {
    mkdirSync(path.dirname(full), { recursive: true });
    writeWholeFile(full, content);
  });
}

/**
 * Writes a file line by line, whole, and the folders that it lies in. The next lines are asked for when those before them
 * are in the file, so that a file of any size takes the memory of one piece.
 * @throws InputError, or DeviceError of a full disk.
 */
export function writeLines(place: Place, file: string, lines: Iterable<string>): void {
  const full = absolute(place, file);
  writing(file, () => {
    mkdirSync(path.dirname(full), { recursive: true });
    writeWholeFile(full, (descriptor) => writePieces(descriptor, lines));
  });
}

/** Lines in pieces, for `writeWholeFile`. @throws what the system throws */
export function writePieces(descriptor: number, lines: Iterable<string>): void {
  const buffer = Buffer.allocUnsafe(PIECE);
  let used = 0;
  const flush = (): void => {
    writeAll(descriptor, buffer.subarray(0, used));
    used = 0;
  };
  const add = (text: string): void => {
    // A character has at most three bytes.
    if (used + 3 * text.length > PIECE) flush();
    if (3 * text.length > PIECE) writeAll(descriptor, Buffer.from(text));
    else used += buffer.write(text, used);
  };
  let joined = "";
  for (const line of lines) {
    joined += `${line}\n`;
    if (joined.length < JOINED) continue;
    add(joined);
    joined = "";
  }
  add(joined);
  flush();
}

const OTHER_FOLDER = "Name another folder, in one that you may write.";

/**
 * Makes a folder where there is none: the first of those above it that was made, too; undefined where all were there.
 * @throws InputError when it cannot be made.
 */
export function makeFolder(place: Place, folder: string): string | undefined {
  try {
    return mkdirSync(absolute(place, folder), { recursive: true });
  } catch (error) {
    throw fileError(error, "a folder that can be written", folder, OTHER_FOLDER);
  }
}

/** @throws InputError where a member of a folder is a link: what it leads to would be written over. */
export function refuseLinkedMembers(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const member = path.join(folder, name);
    if (lstatSync(member, { throwIfNoEntry: false })?.isSymbolicLink())
      throw new InputError({ expected: "a run folder with files of its own", file: member, got: "a symbolic link" });
  }
}

export function isFolder(place: Place, file: string): boolean {
  try {
    return statSync(absolute(place, file)).isDirectory();
  } catch {
    return false;
  }
}

/** @throws InputError when a folder cannot be made, as far as can be told without making it. */
export function checkFolder(place: Place, folder: string): void {
  let above = absolute(place, folder);
  for (let up = path.dirname(above); !existsSync(above) && up !== above; up = path.dirname(above)) above = up;
  try {
    if (!statSync(above).isDirectory()) throw Object.assign(new Error(above), { code: "ENOTDIR" });
    accessSync(above, constants.W_OK);
  } catch (error) {
    throw fileError(error, "a folder that can be written", folder, OTHER_FOLDER);
  }
}
