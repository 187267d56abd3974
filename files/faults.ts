import fs from "node:fs";
import { InputError } from "../core/index.ts";

/**
 * Where a fault can be asked for. Each point is passed many times in a run; which of them goes wrong is asked for by
 * its number.
 */
export const FAULT_POINTS = [
  /** Files of a run and documents: opened to be written, written, brought to the disk, renamed, read. */
  ...(["open", "write", "sync", "rename", "read"] as const),
  /** Phases of a run: before rows are read, devices set up, a batch of completions taken, the end written. */
  ...(["loading", "setting-up", "training", "writing"] as const),
  /** An action that is given to its device: `memory`, `error`, `end` or `hang`, as `DeviceFault` has them. */
  "action",
  /** The watchdog is set up: with so many seconds. */
  "watchdog",
  /** The wall clock is read: so many seconds are added. */
  "clock",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

interface Fault {
  readonly point: string;
  readonly from: number;
  /** Whether all that follow go wrong too. */
  readonly stays: boolean;
  readonly what: string;
  passed: number;
}

function parse(text: string): readonly Fault[] {
  return text.split(",").map((each) => {
    const [point = "", when = "", what = ""] = each.split(":");
    const from = Number.parseInt(when, 10);
    if (!FAULT_POINTS.some((known) => known === point) || !(from > 0) || what === "")
      throw new InputError({
        expected: `POINT:NUMBER:WHAT with a point of ${FAULT_POINTS.join(", ")}`,
        at: "LORATWIN_FAULTS",
        got: each,
      });
    return { point, from, stays: when.endsWith("+"), what, passed: 0 };
  });
}

let faults: readonly Fault[] | undefined;
/** Read when the first point is passed, where whoever runs the command is told what is wrong with it. */
let unread = process.env["LORATWIN_FAULTS"];

/**
 * Asks for faults from now on: `write:3:ENOSPC` lets the third write fail, `write:3+:ENOSPC` all from the third on,
 * `training:5:SIGTERM` sends a signal; several have commas between them. None when undefined, which is how a process
 * starts unless LORATWIN_FAULTS is set.
 */
export function askForFaults(text: string | undefined): void {
  unread = undefined;
  faults = text === undefined ? undefined : parse(text);
}

/** What is to go wrong at this pass of a point; undefined almost always. */
export function faultAt(point: FaultPoint): string | undefined {
  if (unread !== undefined) askForFaults(unread === "" ? undefined : unread);
  if (faults === undefined) return undefined;
  let what: string | undefined;
  for (const fault of faults) {
    if (fault.point !== point) continue;
    fault.passed += 1;
    if (fault.passed === fault.from || (fault.stays && fault.passed > fault.from)) what ??= fault.what;
  }
  return what;
}

/** Lets a point go wrong where that was asked for: with a signal to this process, or an error as the system has them. */
export function passFault(point: FaultPoint, file = ""): void {
  const what = faultAt(point);
  if (what === undefined) return;
  if (what.startsWith("SIG")) process.kill(process.pid, what as NodeJS.Signals);
  else if (what === "throw") throw new TypeError("a fault that was asked for");
  else
    throw Object.assign(new Error(`${what}: asked for, ${point} ${file}`), { code: what, syscall: point, path: file });
}

/** `fs.writeSync`, which a full disk may let write a part. */
export function writeSome(descriptor: number, bytes: Uint8Array, from: number, position: number | null): number {
  const length = Math.min(bytes.length - from, 1 << 30);
  const what = faultAt("write");
  if (what === undefined) return fs.writeSync(descriptor, bytes, from, length, position);
  fs.writeSync(descriptor, bytes, from, length >> 1, position);
  throw Object.assign(new Error(`${what}: asked for, write`), { code: what, syscall: "write" });
}

/** Whether the system has refused something: a file, its disk, or memory. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return error instanceof Error && typeof code === "string" && typeof syscall === "string";
}
