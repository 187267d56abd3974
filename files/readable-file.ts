import fs from "node:fs";
import { InputError } from "../core/index.ts";

/** Bytes of a file that is read whole: as many as a text can have. */
export const MOST_WHOLE = 2 ** 29;
/** Bytes that are read at once of what does not say how many it has. */
const PIECE = 2 ** 20;

/** What a process was started with: a shell's pipe has somebody who writes it, and an end. */
const INHERITED = /^\/dev\/(?:stdin|fd\/\d+)$/;

function kindOf(stats: fs.Stats): string {
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

/**
 * Opens a file to read it.
 * @throws InputError for a pipe, which would make whoever opens it wait, and for a device, which need have no end; what
 * the system throws
 */
export function openToRead(file: string): number {
  if (INHERITED.test(file)) return fs.openSync(file, "r");
  // A pipe without a writer is opened at once, and refused below.
  const descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const stats = fs.fstatSync(descriptor);
    // What a folder is said to be is the system's, with the first read.
    if (stats.isFile() || stats.isDirectory()) return descriptor;
    throw new InputError({
      expected: "a regular file",
      file,
      got: kindOf(stats),
      hint: "It may never end: write what it gives into a file.",
    });
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

/** @throws InputError for a file that `openToRead` refuses, or that is larger than `most`; what the system throws */
export function checkReadable(file: string, most = Number.POSITIVE_INFINITY): void {
  const descriptor = openToRead(file);
  try {
    checkSize(file, fs.fstatSync(descriptor).size, most);
  } finally {
    fs.closeSync(descriptor);
  }
}

function checkSize(file: string, size: number, most: number): void {
  if (size > most) throw new InputError({ expected: `a file of at most ${most} bytes`, file, got: `${size}, or more` });
}

/** All bytes of a file. @throws InputError for one that is no regular file, or has more than `most`; what the system throws */
export function readWhole(file: string, most = MOST_WHOLE): Buffer {
  const descriptor = openToRead(file);
  try {
    const stats = fs.fstatSync(descriptor);
    if (!stats.isFile() && !stats.isDirectory()) return readToEnd(descriptor, file, most);
    checkSize(file, stats.size, most);
    return fs.readFileSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function readToEnd(descriptor: number, file: string, most: number): Buffer {
  const pieces: Buffer[] = [];
  for (let size = 0; ; ) {
    const piece = Buffer.allocUnsafe(PIECE);
    const read = fs.readSync(descriptor, piece);
    if (read === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, read));
    size += read;
    checkSize(file, size, most);
  }
}

/** Bytes with which files begin that people take for texts, and what makes texts of them. */
const NO_TEXTS: readonly (readonly [start: readonly number[], what: string, hint: string])[] = [
  [[0xff, 0xfe], "UTF-16", "`iconv -f UTF-16 -t UTF-8 FILE` writes it in UTF-8."],
  [[0xfe, 0xff], "UTF-16", "`iconv -f UTF-16 -t UTF-8 FILE` writes it in UTF-8."],
  [[0x1f, 0x8b], "a gzip file", "`gzip -dc FILE` writes what is in it."],
  [[0x50, 0x4b, 3, 4], "a zip file", "`unzip -p FILE` writes what is in it."],
];

/** What a file is that is no text in UTF-8, by its first bytes, and what makes one of it; nothing where they say nothing. */
export function otherForm(file: string): { readonly got?: string; readonly hint?: string } {
  const descriptor = openToRead(file);
  try {
    const bytes = Buffer.alloc(4);
    return formOf(bytes.subarray(0, fs.readSync(descriptor, bytes)));
  } finally {
    fs.closeSync(descriptor);
  }
}

function formOf(bytes: Buffer): { readonly got?: string; readonly hint?: string } {
  const [, got, hint] = NO_TEXTS.find(([start]) => start.every((byte, i) => bytes[i] === byte)) ?? [];
  return got === undefined || hint === undefined ? {} : { got, hint };
}

/** The same as a text. @throws InputError for what begins as other files do; as `readWhole` does */
export function readWholeText(file: string): string {
  const bytes = readWhole(file);
  const form = formOf(bytes);
  if (form.got !== undefined) throw new InputError({ expected: "text in UTF-8", file, ...form });
  return bytes.toString("utf8");
}
