import { readFileSync } from "node:fs";

/** A limit of the system for one process, by its line in Linux's /proc/self/limits. */
interface Room {
  readonly line: string;
  /** What starts it, found by trying: with less Node ends on the way, with a trace of its own or none. */
  readonly least: number;
  /** Of what the system counts, how much is one of `unit`. */
  readonly each: number;
  readonly unit: string;
  readonly option: string;
}

const MIB = 2 ** 20;

const ROOMS: readonly Room[] = [
  { line: "Max address space", least: 1536 * MIB, each: MIB, unit: "MiB of address space", option: "-v" },
  { line: "Max open files", least: 160, each: 1, unit: "files open at once", option: "-n" },
];

/** What a process is not given enough of, as a sentence; undefined where there is enough, or nobody says. */
export function shortRoom(limits: string): string | undefined {
  for (const { line, least, each, unit, option } of ROOMS) {
    const soft = Number(new RegExp(`^${line} +(\\d+)`, "m").exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
    if (soft < least)
      return `Expected room for ${least / each} ${unit}, got ${Math.floor(soft / each)}.\nHint: \`ulimit ${option}\` of the shell sets it.`;
  }
  return undefined;
}

/** The system's own words; "" where it has none. */
export function processLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}
