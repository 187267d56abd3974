import type { Measurement } from "./measurement.ts";

/** `tiny` is for the tests: it runs everything and measures nothing worth knowing. */
export type Scale = "full" | "quick" | "tiny";

/** What a suite is given. */
export interface Bench {
  readonly scale: Scale;
  /** Also what needs several gigabytes. */
  readonly large: boolean;
  /** A file or folder of published measurements; for `external`. */
  readonly place?: string;
  /** Adds a line to the results. */
  record(measurement: Omit<Measurement, "suite">): void;
  /** Tells a person what is going on, or what had to be left out. */
  note(text: string): void;
}

export interface Suite {
  readonly describe: string;
  run(bench: Bench): Promise<void>;
}
