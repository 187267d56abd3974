import { isSystemError } from "../datasets/index.ts";
import type { JournalEvent } from "./journal.ts";

/** When checkpoints are written, and how many are kept. */
export interface CheckpointRhythm {
  /** Minutes from one to the next; 0 for none by time. */
  readonly minutes: number;
  /** Steps of the job that has made the most since the last one; 0 for none by steps. */
  readonly steps: number;
  readonly keep: number;
}

/** Every so many minutes, where nobody says otherwise. */
export const DEFAULT_RHYTHM: CheckpointRhythm = { minutes: 10, steps: 0, keep: 2 };

/** Tells when the next checkpoint is due. */
export class CheckpointClock {
  readonly #rhythm: Pick<CheckpointRhythm, "minutes" | "steps">;
  /** Steps since the last checkpoint, by job. */
  readonly #made = new Map<string, number>();
  #lastMs = performance.now();

  constructor(rhythm: Pick<CheckpointRhythm, "minutes" | "steps">) {
    this.#rhythm = rhythm;
  }

  /** A job has made a step. */
  stepped(job: string): void {
    this.#made.set(job, (this.#made.get(job) ?? 0) + 1);
  }

  get isDue(): boolean {
    const { minutes, steps } = this.#rhythm;
    if (minutes > 0 && performance.now() - this.#lastMs >= 60_000 * minutes) return true;
    return steps > 0 && [...this.#made.values()].some((made) => made >= steps);
  }

  /** One is being written. */
  begin(): void {
    this.#lastMs = performance.now();
    this.#made.clear();
  }
}

/** Says each thing once: a disk that is full is so at the next checkpoint, too. */
export function eachOnce(say: (text: string) => void): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (!said.has(text)) say(text);
    said.add(text);
  };
}

/** Where it is written down what became of checkpoints. */
export interface CheckpointLog {
  /** What is said of the steps so far is on the disk. */
  readonly sync: () => void;
  readonly journal: (event: JournalEvent) => void;
  /** One could not be written: the run goes on, and what there is to go on from is the one before. */
  readonly onFailure: (why: string) => void;
}

/**
 * Writes a checkpoint behind the lines of the steps before it, and writes that down; whether it is there. `write`: its
 * name, undefined where there was nothing to write. What the file system refuses ends no training.
 */
export function logged(
  { sync, journal, onFailure }: CheckpointLog,
  write: () => string | undefined,
  facts: { readonly atNs?: number } = {},
): boolean {
  const began = performance.now();
  try {
    sync();
    const name = write();
    if (name === undefined) return false;
    journal({ event: "checkpoint", name, seconds: (performance.now() - began) / 1000, ...facts });
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const why = error.message;
    journal({ event: "checkpoint failed", why });
    onFailure(why);
    return false;
  }
}
