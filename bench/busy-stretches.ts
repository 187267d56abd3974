import { type ChildProcess, spawn } from "node:child_process";
import { createRng } from "../core/index.ts";

/** So long after other programs have begun again the machine is as it was with them. */
export const SETTLED_MS = 1500;

/** From a time on, so many other programs want a core. */
interface Stretch {
  readonly fromSeconds: number;
  readonly programs: number;
}

/** No stretch is shorter; how much longer they are on average. */
const LEAST_SECONDS = 15;
const MORE_SECONDS = 45;
const MOST_PROGRAMS = 3;

/** Quiet and busy stretches in turn, the same each time. */
function stretchesOf(seconds: number): readonly Stretch[] {
  const rng = createRng("busy stretches");
  const stretches: Stretch[] = [];
  for (let at = 0; at < seconds; at += LEAST_SECONDS - MORE_SECONDS * Math.log(1 - rng.nextFloat()))
    stretches.push({ fromSeconds: at, programs: stretches.length % 2 === 0 ? 0 : 1 + rng.nextInt(MOST_PROGRAMS) });
  return stretches;
}

/** Ends by itself where nobody ends it. */
const PROGRAM = "const parent = process.ppid; for (let i = 0; i % 1e8 || process.ppid === parent; i += 1);";

/** Lets other programs spin on a machine's cores in stretches that start and stop. */
export class BusyStretches {
  readonly #stretches: readonly Stretch[];
  readonly #startMs = performance.now();

  constructor(seconds: number) {
    this.#stretches = stretchesOf(seconds);
  }

  /** From now on until it is disposed of; the stretches go on meanwhile whether somebody spins or not. */
  spin(): Disposable {
    const spinning: ChildProcess[] = [];
    const stop = (): void => {
      for (const program of spinning.splice(0)) program.kill("SIGKILL");
    };
    let timer: NodeJS.Timeout | undefined;
    const change = (): void => {
      const seconds = (performance.now() - this.#startMs) / 1e3;
      const at = this.#stretches.findLastIndex(({ fromSeconds }) => fromSeconds <= seconds);
      stop();
      for (let left = this.#stretches[at]!.programs; left > 0; left -= 1)
        spinning.push(spawn(process.execPath, ["-e", PROGRAM], { stdio: "ignore" }));
      const next = this.#stretches[at + 1];
      if (next !== undefined) timer = setTimeout(change, Math.max(1, 1e3 * (next.fromSeconds - seconds)));
    };
    change();
    return {
      [Symbol.dispose]() {
        clearTimeout(timer);
        stop();
      },
    };
  }
}
