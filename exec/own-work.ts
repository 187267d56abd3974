import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { otherProgramsSeconds } from "./machine-load.ts";

/** Names that the addon gives to its threads (native/src/runtime): what they do is the devices' work. */
const DEVICE_THREADS: readonly string[] = ["compute", "send", "receive", "loratwin-pool"];

/** CPU seconds of this process beside its devices', and of what else runs on the machine. */
export interface OwnWork {
  /** Of all that JavaScript does: plans, decisions, files, predictions, and of its engine's own threads. */
  readonly seconds: number;
  /** Of the thread that feeds the devices: its share of these, and how long it was ready to go on and had no core. */
  readonly mainSeconds: number;
  readonly waitedSeconds: number;
  /** Of other programs. */
  readonly otherSeconds: number;
  /** That this process may use. */
  readonly cores: number;
}

/** CPU seconds of a thread, and seconds for which it waited for a core. */
function threadTimes(folder: string): readonly [number, number] {
  const [ran = 0, waited = 0] = readFileSync(`${folder}/schedstat`, "utf8").split(" ").map(Number);
  return [ran / 1e9, waited / 1e9];
}

function deviceSeconds(): number {
  let seconds = 0;
  for (const thread of readdirSync("/proc/self/task")) {
    const folder = `/proc/self/task/${thread}`;
    try {
      if (DEVICE_THREADS.includes(readFileSync(`${folder}/comm`, "utf8").trim())) seconds += threadTimes(folder)[0];
    } catch {
      // The thread has ended meanwhile.
    }
  }
  return seconds;
}

function counts(): OwnWork | undefined {
  try {
    const [mainSeconds, waitedSeconds] = threadTimes("/proc/thread-self");
    const { user, system } = process.cpuUsage();
    const own = (user + system) / 1e6;
    const otherSeconds = otherProgramsSeconds();
    if (otherSeconds === undefined) return undefined;
    const cores = availableParallelism();
    return { seconds: own - deviceSeconds(), mainSeconds, waitedSeconds, otherSeconds, cores };
  } catch {
    // Not Linux, or /proc is hidden: nobody counts.
    return undefined;
  }
}

/** Begins to count; the function that it returns says what it came to until then. The devices' threads are there by now. */
export function watchOwnWork(): () => OwnWork | undefined {
  const before = counts();
  return () => {
    const after = counts();
    if (before === undefined || after === undefined) return undefined;
    const since = (name: keyof OwnWork): number => Math.max(0, after[name] - before[name]);
    return {
      seconds: since("seconds"),
      mainSeconds: since("mainSeconds"),
      waitedSeconds: since("waitedSeconds"),
      otherSeconds: since("otherSeconds"),
      cores: after.cores,
    };
  };
}

/** Of what devices lost of their cores, the share that other programs had. */
export function shareOfOthers({ seconds, otherSeconds }: Pick<OwnWork, "seconds" | "otherSeconds">): number {
  return otherSeconds / (otherSeconds + seconds || 1);
}
