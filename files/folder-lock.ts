import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { DeviceError, InputError } from "../core/index.ts";
import { isSystemError } from "./faults.ts";
import { fileError } from "./given-files.ts";
import { isProcessAlive, processFields } from "./process-alive.ts";

/** The file that says whose a run folder is while it is written. */
export const LOCK_FILE = "lock";
/** How the names end of locks that are being removed. */
const STALE = ".stale";

/** From one sign of a holder's life to the next, and for how long a lock without one is somebody's on another machine. */
const SIGN_MS = 5_000;
const LEASE_MS = 60_000;

/** A process, told from a later one of the same number by when it started. */
interface Holder {
  readonly process: number;
  /** Clock ticks since the system started, as /proc has them; null where there is no /proc. */
  readonly started: string | null;
  /** The machine's name, for people. */
  readonly host?: string;
  /** Where process numbers mean what they mean here: the machine since its start, and the container; null if unknown. */
  readonly space?: string | null;
  /** Told from all other locks by this. */
  readonly key?: string;
}

/** Of this process, where process numbers are known. */
function ownSpace(): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return null;
  }
}

/** Whether a holder's number says nothing here, since it is of another machine or container. */
function isElsewhere({ space }: Holder): boolean {
  return typeof space === "string" && space !== ownSpace();
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
    const { process: number, started, ...more } = JSON.parse(text) as Partial<Holder>;
    if (!Number.isSafeInteger(number) || number! <= 0) return undefined;
    return { process: number!, started: started ?? null, ...more };
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
  /** @throws DeviceError where another machine has taken the folder over, since nothing was heard of this one */
  check(): void;
}

/** Makes the file with this process in it; what it says, or undefined where there is one. */
function make(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx");
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST") return undefined;
    throw fileError(error, "a folder that can be written", path.dirname(file));
  }
  try {
    const own: Holder = {
      ...{ process: process.pid, started: startOf(process.pid) },
      ...{ host: hostname(), space: ownSpace(), key: randomBytes(8).toString("hex") },
    };
    const text = JSON.stringify(own);
    writeSync(descriptor, text);
    return text;
  } catch (error) {
    rmSync(file, { force: true });
    throw fileError(error, "a folder that can be written", path.dirname(file));
  } finally {
    closeSync(descriptor);
  }
}

/** Milliseconds since a file was written, by the clock of the file system; undefined where it is not there. */
function ageMs(file: string): number | undefined {
  const probe = `${file}.${randomBytes(6).toString("hex")}${STALE}`;
  try {
    writeFileSync(probe, "");
    return statSync(probe).mtimeMs - statSync(file).mtimeMs;
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    throw fileError(error, "a folder that can be written", path.dirname(file));
  } finally {
    rmSync(probe, { force: true });
  }
}

/** The same for whoever may only read the folder: by this machine's clock, if need be. */
function ageForReaders(file: string): number | undefined {
  try {
    return ageMs(file);
  } catch (error) {
    if (!(error instanceof InputError) && !(error instanceof DeviceError)) throw error;
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined ? undefined : Date.now() - found.mtimeMs;
  }
}

/** Who writes a folder. */
export interface FolderHolder {
  readonly process: number;
  /** Of another machine or container, its name. */
  readonly elsewhere: string | undefined;
}

/**
 * Who writes a folder now: a process that is there, or one of another machine or container that has given a sign of life
 * within a minute. @throws InputError for a lock that is no file
 */
export function folderHolder(folder: string): FolderHolder | undefined {
  const file = path.join(folder, LOCK_FILE);
  const holder = readHolder(file);
  if (holder === undefined || holder === "torn") return undefined;
  const { process: number, host = "another machine" } = holder;
  if (!isElsewhere(holder)) return isAlive(holder) ? { process: number, elsewhere: undefined } : undefined;
  return (ageForReaders(file) ?? LEASE_MS) < LEASE_MS ? { process: number, elsewhere: host } : undefined;
}

/**
 * Whether a holder on another machine gives a sign of life: waits for one as long as it may still come. Its clock does not
 * matter.
 */
function givesSign(file: string, wait: () => void): boolean {
  const first = ageMs(file);
  if (first === undefined) return false;
  if (first < LEASE_MS) wait();
  for (let age: number | undefined = first; age !== undefined && age < LEASE_MS; age = ageMs(file)) {
    if (age < first) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(500, LEASE_MS - age));
  }
  return false;
}

/** Gives a sign of life; false where the lock is somebody else's, or gone. */
function sign(file: string, own: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // A file system that does not answer well now may do so later; the lease goes on meanwhile.
    return !(isSystemError(error) && error.code === "ENOENT");
  }
  try {
    if (readFileSync(descriptor, "utf8") !== own) return false;
    writeSync(descriptor, own, 0);
    return true;
  } catch {
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** A holder, for people. */
function whoIs(holder: Holder): string {
  const { process: number, host } = holder;
  return isElsewhere(holder) && host !== undefined ? `Process ${number} of ${host}` : `Process ${number}`;
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
  const isOthers = real !== undefined && real.key !== holder?.key;
  if (isOthers || (real !== undefined && !isElsewhere(real) && isAlive(real))) {
    // Somebody has taken it over in between: that one keeps it.
    moved(stale, file, real);
    return undefined;
  }
  rmSync(stale, { force: true });
  return { from: real?.process ?? holder?.process };
}

/**
 * Takes a folder for this process until it is disposed of; that of a process that is no more is taken over. Of a process of
 * another machine or container the lock is written anew every few seconds: one without such a sign for a minute is nobody's
 * any more. Times are those of the file system alone. `note` hears of what it waits for. @throws InputError where another
 * process has it, or where the lock of one that is no more cannot be removed, DeviceError for a disk that is full
 */
export function lockFolder(folder: string, given: string, note: (text: string) => void = () => {}): FolderLock {
  const file = path.join(folder, LOCK_FILE);
  const held = (hint: string): InputError =>
    new InputError({ expected: "a folder that no other process writes", at: "--output", got: given, hint });
  let takenFrom: number | undefined;
  let own = make(file);
  for (let turn = 0; own === undefined; turn += 1) {
    if (turn === MOST_TURNS) throw held("Others take it again and again: name another folder, or wait for their end.");
    const found = readHolder(file);
    if (found !== undefined) {
      const holder = found === "torn" ? undefined : found;
      const who = holder && whoIs(holder);
      const wait = (): void => note(`waits a minute at most for a sign of ${who}, which has ${given}`);
      if (holder !== undefined && (isElsewhere(holder) ? givesSign(file, wait) : isAlive(holder)))
        throw held(`${who} does: name another folder, or wait for its end.`);
      takenFrom = removeStale(file, holder)?.from ?? takenFrom;
    }
    own = make(file);
  }
  const text = own;
  let isLost = false;
  const timer = setInterval(() => {
    isLost ||= !sign(file, text);
  }, SIGN_MS);
  timer.unref();
  return {
    takenFrom,
    check() {
      if (!isLost) return;
      const holder = readHolder(file);
      const isGone = holder === undefined || holder === "torn";
      throw new DeviceError({
        expected: "the folder to be this process's, as it was",
        file: given,
        got: isGone ? "no lock" : `${whoIs(holder)} has it`,
        hint: isGone
          ? `Somebody has removed ${LOCK_FILE}. Nothing is written any more.`
          : "Nothing was heard of this machine for a minute. The other run goes on.",
      });
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      try {
        if (sign(file, text)) rmSync(file, { force: true });
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
