import type { Measurement } from "./measurement.ts";

/**
 * How much a suite measures: `full` everything, without a limit of time; `default` what answers its question in ten
 * minutes on two slow cores; `quick` small models, whether it works; `tiny` is for the tests, and measures nothing
 * worth knowing.
 */
export const SCALES = ["full", "default", "quick", "tiny"] as const;
export type Scale = (typeof SCALES)[number];

/** What a suite is told before it says what its cases are. */
export interface Setting {
  readonly scale: Scale;
  /** A file or folder of published measurements; for `external`. */
  readonly place?: string;
  /** The folder of another build of loratwin; for `start`. */
  readonly baseline?: string;
  /** Tells a person what had to be left out, or what the results do not hold. */
  note(text: string): void;
}

/** What a case is given while it runs. */
export interface Bench extends Setting {
  /** Adds to the case's results, which are written together when it has ended. */
  record(measurement: Measurement): void;
  /** What the suite's cases before this one recorded, in this run or in an earlier one that it goes on from. */
  readonly measured: readonly Measurement[];
}

/**
 * What is measured and written as a whole. After an interruption the cases that were written are not run again, so each
 * has to stand alone: what its values are compared with is measured inside it. The shorter the cases, the less an
 * interruption loses: three minutes at most.
 */
export interface Case {
  /** One name in a suite is one case; `--only` looks for its text here. */
  readonly name: string;
  /**
   * About how long the case takes on two slow cores; what the budget of time counts with until this machine has shown
   * its speed.
   */
  readonly seconds: number;
  /** What else tells the case from others of its name: a digest of the data that it reads. */
  readonly input?: string;
  /** Others of the suite take what it measures: `--only` leaves it in beside them. */
  readonly isNeeded?: true;
  run(bench: Bench): void | Promise<void>;
}

export interface Suite {
  readonly describe: string;
  /** Other programs that take part, with their versions; "" where one is not there. */
  versions?(): Readonly<Record<string, string>>;
  /** In the order in which they run: what matters most first, as the last ones may find no time. */
  cases(setting: Setting): readonly Case[] | Promise<readonly Case[]>;
}
