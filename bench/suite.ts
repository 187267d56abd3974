import type { Measurement } from "./measurement.ts";

/** `tiny` is for the tests: it runs everything and measures nothing worth knowing. */
export type Scale = "full" | "quick" | "tiny";

/** What a suite is given. */
export interface Bench {
  readonly scale: Scale;
  /** Also what needs several gigabytes. */
  readonly large: boolean;
  /** Only the cases whose name has this text; in suites of many cases. */
  readonly only?: string;
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

/** Whether a case is to be measured. */
export function isWanted({ only }: Bench, name: string): boolean {
  return only === undefined || name.includes(only);
}
