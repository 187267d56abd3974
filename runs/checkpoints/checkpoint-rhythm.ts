import { isSystemError } from "../../files/index.ts";
import type { Records } from "../folder/records.ts";

/** When checkpoints are written, and how many are kept. */
export interface CheckpointRhythm {
  /** Minutes from one to the next; 0 for none by time. */
  readonly minutes: number;
  /** Steps of some job from the state of it in one to the next; 0 for none by steps. */
  readonly steps: number;
  readonly keep: number;
}

/** Every so many minutes, where nobody says otherwise. */
export const DEFAULT_RHYTHM: CheckpointRhythm = { minutes: 10, steps: 0, keep: 2 };

/** Tells when the next checkpoint is due by time. Those by steps are due where a job's steps are put into queues. */
export class CheckpointClock {
  readonly #minutes: number;
  #lastMs = performance.now();

  constructor({ minutes }: Pick<CheckpointRhythm, "minutes">) {
    this.#minutes = minutes;
  }

  get isDue(): boolean {
    return this.#minutes > 0 && performance.now() - this.#lastMs >= 60_000 * this.#minutes;
  }

  /** One is being written. */
  begin(): void {
    this.#lastMs = performance.now();
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
  /** Of the run. */
  readonly records: Pick<Records, "folder" | "sync" | "happened">;
  /** One could not be written: the run goes on, and what there is to go on from is the one before. */
  readonly onFailure: (why: string) => void;
}

/**
 * Writes a checkpoint behind the lines of the steps before it, and writes that down; whether it is there. `write`: its
 * name, undefined where there was nothing to write. What the file system refuses ends no training.
 */
export function logged(
  { records, onFailure }: CheckpointLog,
  write: () => string | undefined,
  facts: { readonly atNs?: number } = {},
): boolean {
  const began = performance.now();
  try {
    records.sync();
    const name = write();
    if (name === undefined) return false;
    records.happened({ event: "checkpoint", name, seconds: (performance.now() - began) / 1000, ...facts });
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const why = error.message;
    records.happened({ event: "checkpoint failed", why });
    onFailure(why);
    return false;
  }
}
