import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { isSystemError } from "./faults.ts";
import { fileError } from "./given-files.ts";
import { isProcessAlive, processFields } from "./process-alive.ts";

/** The file that says whose a run folder is while it is written. */
export const LOCK_FILE = "lock";
/** How the names end of locks that are being removed. */
const STALE = ".stale";

/** A process, told from a later one of the same number by when it started. */
interface Holder {
  readonly process: number;
  /** Clock ticks since the system started, as /proc has them; null where there is no /proc. */
  readonly started: string | null;
}

/** The 22nd field of /proc/PID/stat. */
function startOf(process: number): string | null {
  return processFields(process)[19] ?? null;
}

function isAlive({ process: number, started }: Holder): boolean {
  if (!isProcessAlive(number)) return false;
  const now = startOf(number);
  return started === null || now === null || now === started;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { process: number, started } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(number) && number! > 0 ? { process: number!, started: started ?? null } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What a lock says; "torn" for that of a process that was ended while it wrote its number, undefined where there is no
 * file. Neither follows a link, nor waits for somebody to write into a pipe.
 * @throws InputError for what is no file, or cannot be read
 */
function readHolder(file: string): Holder | "torn" | undefined {
  const expected = `a ${LOCK_FILE} of a run folder, which is a file that can be read`;
  const hint = "Remove it where no process writes the folder.";
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOENT") return undefined;
    if (error.code === "ELOOP") throw new InputError({ expected, file, got: "a link", hint });
    throw fileError(error, expected, file, hint);
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile())
      throw new InputError({ expected, file, got: found.isDirectory() ? "a folder" : "no file", hint });
    return parseHolder(readFileSync(descriptor, "utf8")) ?? "torn";
  } finally {
    closeSync(descriptor);
  }
}

export interface FolderLock extends Disposable {
  /** The process that had it and is no more. */
  readonly takenFrom: number | undefined;
}

/** Makes the file with this process in it; false where there is one. */
function make(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx");
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST") return false;
    throw fileError(error, "a folder that can be written", path.dirname(file));
  }
  try {
    const own: Holder = { process: process.pid, started: startOf(process.pid) };
    writeSync(descriptor, JSON.stringify(own));
  } catch (error) {
    rmSync(file, { force: true });
    throw fileError(error, "a folder that can be written", path.dirname(file));
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Of how many others that take a stale lock at the same moment this process lets each be the first. */
const MOST_TURNS = 100;

/** Moves a file; false where it is no more. @throws InputError, DeviceError where the system refuses it */
function moved(from: string, to: string, holder: Holder | undefined): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return false;
    const whose = holder === undefined ? "A process" : `Process ${holder.process}`;
    const hint = `${whose} that is no more has left ${from}, which has to be removed first.`;
    throw fileError(error, "a folder that can be written", path.dirname(from), hint);
  }
}

/** Removes a lock that nobody has; its holder where one is known. Undefined where somebody else was the first. */
function removeStale(file: string, holder: Holder | undefined): { readonly from: number | undefined } | undefined {
  // Of two that find the same stale one, a rename succeeds for one.
  const stale = `${file}.${randomBytes(6).toString("hex")}${STALE}`;
  if (!moved(file, stale, holder)) return undefined;
  const taken = readHolder(stale);
  const real = taken === "torn" ? undefined : taken;
  if (real !== undefined && isAlive(real)) {
    // Somebody has taken it over in between: that one keeps it.
    moved(stale, file, real);
    return undefined;
  }
  rmSync(stale, { force: true });
  return { from: real?.process ?? holder?.process };
}

/**
 * Takes a folder for this process until it is disposed of; that of a process that is no more is taken over. No clock is
 * asked. @throws InputError where another process has it, or where the lock of one that is no more cannot be removed,
 * DeviceError for a disk that is full
 */
export function lockFolder(folder: string, given: string): FolderLock {
  const file = path.join(folder, LOCK_FILE);
  const held = (hint: string): InputError =>
    new InputError({ expected: "a folder that no other process writes", at: "--output", got: given, hint });
  let takenFrom: number | undefined;
  for (let turn = 0; !make(file); turn += 1) {
    if (turn === MOST_TURNS) throw held("Others take it again and again: name another folder, or wait for their end.");
    const found = readHolder(file);
    if (found === undefined) continue;
    const holder = found === "torn" ? undefined : found;
    if (holder !== undefined && isAlive(holder))
      throw held(`Process ${holder.process} does: name another folder, or wait for its end.`);
    takenFrom = removeStale(file, holder)?.from ?? takenFrom;
  }
  return {
    takenFrom,
    [Symbol.dispose]() {
      try {
        const holder = readHolder(file);
        if (holder !== "torn" && holder?.process === process.pid) rmSync(file, { force: true });
      } catch {
        // A folder that can be written no more: the lock is stale as soon as this process has ended.
      }
    },
  };
}

/** Names in a folder but for a lock, and what is left of a stale one. */
export function withoutLock(names: readonly string[]): readonly string[] {
  return names.filter((name) => name !== LOCK_FILE && !(name.startsWith(`${LOCK_FILE}.`) && name.endsWith(STALE)));
}
