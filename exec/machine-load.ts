import { readFileSync } from "node:fs";
import type { SystemCounts } from "../plan/index.ts";

/** What Linux counts: CPU time of the whole machine in ticks, and the load of the last minute. */
interface Counts {
  readonly total: number;
  readonly busy: number;
  readonly steal: number;
  readonly load: number;
  /** CPU seconds of this process. */
  readonly ownSeconds: number;
}

/** Of /proc/stat; the same on every Linux that JavaScript runs on. */
const TICKS_PER_SECOND = 100;

function readCounts(): Counts | undefined {
  try {
    const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!;
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
      .trim()
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const busy = user + nice + system + irq + soft;
    const { user: own, system: ownSystem } = process.cpuUsage();
    return {
      busy,
      steal,
      total: busy + idle + wait + steal,
      load: Number(readFileSync("/proc/loadavg", "utf8").split(" ", 1)[0]),
      ownSeconds: (own + ownSystem) / 1e6,
    };
  } catch {
    // Not Linux, or /proc is hidden: nobody counts.
    return undefined;
  }
}

/** CPU seconds of all programs but this one since the machine started; undefined where nobody counts. */
export function otherProgramsSeconds(): number | undefined {
  const counts = readCounts();
  return counts && counts.busy / TICKS_PER_SECOND - counts.ownSeconds;
}

/** Begins to watch what the system counts; the function that it returns says what it was until then. */
export function watchSystem(): () => SystemCounts | undefined {
  const before = readCounts();
  return () => {
    const after = readCounts();
    if (before === undefined || after === undefined) return undefined;
    const total = after.total - before.total;
    const own = (after.ownSeconds - before.ownSeconds) * TICKS_PER_SECOND;
    const shareOf = (ticks: number): number => (total <= 0 ? 0 : Math.min(1, Math.max(0, ticks / total)));
    return {
      steal: shareOf(after.steal - before.steal),
      otherPrograms: shareOf(after.busy - before.busy - own),
      loadBefore: before.load,
      loadAfter: after.load,
    };
  };
}
