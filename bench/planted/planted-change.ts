import type { SourceChange } from "./changed-clone.ts";

/** A mistake that somebody might make, and what `regress` is to say of it. */
export interface PlantedFault {
  /** Where it is: `packing`, `link sharing`. */
  readonly area: string;
  readonly name: string;
  readonly changes: readonly SourceChange[];
  /** A line of the reasons of some golden workload that blocks. */
  readonly cause: RegExp;
  /** A golden workload that blocks; enough of them by day. */
  readonly caughtBy: string;
}

/** A change that does nothing. */
export interface Refactor {
  readonly name: string;
  readonly changes: readonly SourceChange[];
}

/** Faults of one file and area, each a name, a golden workload, a cause, and edits. */
export function faultsIn(
  area: string,
  file: string,
  ...faults: readonly (readonly [name: string, caughtBy: string, cause: RegExp, from: string, to: string])[]
): readonly PlantedFault[] {
  return faults.map(([name, caughtBy, cause, from, to]) => ({
    ...{ area, name, caughtBy, cause, changes: [{ file, from, to }] },
  }));
}
