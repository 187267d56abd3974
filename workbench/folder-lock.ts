import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { isSystemError } from "../datasets/index.ts";
import { fileError } from "./files.ts";
import { isProcessAlive, processFields } from "./process-alive.ts";

/** The file that says whose a run folder is while it is written. */
export const LOCK_FILE = "lock";

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

function readHolder(file: string): Holder | undefined {
  try {
    const { process: number, started } = JSON.parse(readFileSync(file, "utf8")) as Partial<Holder>;
    return typeof number === "number" ? { process: number, started: started ?? null } : undefined;
  } catch {
    // Gone, or of a process that was ended while it wrote its number.
    return undefined;
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

/**
 * Takes a folder for this process until it is disposed of; that of a process that is no more is taken over. No clock is
 * asked. @throws InputError where another process has it, DeviceError for a disk that is full
 */
export function lockFolder(folder: string, given: string): FolderLock {
  const file = path.join(folder, LOCK_FILE);
  let takenFrom: number | undefined;
  while (!make(file)) {
    const holder = readHolder(file);
    if (holder !== undefined && isAlive(holder))
      throw new InputError({
        expected: "a folder that no other process writes",
        at: "--output",
        got: given,
        hint: `Process ${holder.process} does: name another folder, or wait for its end.`,
      });
    if (holder === undefined && !existsSync(file)) continue;
    // Of two that find the same stale one, a rename succeeds for one.
    const stale = `${file}.${process.pid}.stale`;
    try {
      renameSync(file, stale);
    } catch {
      continue;
    }
    const moved = readHolder(stale);
    // Somebody has taken it over in between: that one keeps it.
    if (moved !== undefined && isAlive(moved)) {
      renameSync(stale, file);
      continue;
    }
    rmSync(stale, { force: true });
    takenFrom = moved?.process ?? holder?.process;
  }
  return {
    takenFrom,
    [Symbol.dispose]() {
      if (readHolder(file)?.process === process.pid) rmSync(file, { force: true });
    },
  };
}

/** Names in a folder but for a lock. */
export function withoutLock(names: readonly string[]): readonly string[] {
  return names.filter((name) => name !== LOCK_FILE);
}
