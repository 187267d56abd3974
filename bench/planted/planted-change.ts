import type { SourceChange } from "./changed-clone.ts";

/** A mistake that somebody might make, and what `regress` is to say of it. */
export interface PlantedFault {
  /** Where it is: `packing`, `link sharing`. */
  readonly area: string;
  readonly name: string;
  readonly changes: readonly SourceChange[];
  /** A golden workload that blocks, and what is among its reasons. */
  readonly caughtBy: string;
  readonly cause: RegExp;
  /** It is seen where both revisions train. */
  readonly isExecuted?: true;
}

/** A change that does nothing. */
export interface Refactor {
  readonly name: string;
  readonly changes: readonly SourceChange[];
}

/** A fault's name, the golden workload that blocks it, its cause, and what stands in place of what. */
type FaultOfFile = readonly [name: string, caughtBy: string, cause: RegExp, from: string, to: string];

/** Faults of one file. */
export function faultsIn(area: string, file: string, ...faults: readonly FaultOfFile[]): readonly PlantedFault[] {
  return faults.map(([name, caughtBy, cause, from, to]) => ({
    ...{ area, name, caughtBy, cause, changes: [{ file, from, to }] },
  }));
}

export const UNEXPLAINED = /^no decision explains it/;
export const OTHER_ROWS = /^other rows are trained than before, and adapters differ/;
export const OTHER_DECISION = /^decision \d+ is the first to differ: .* before, .* now$/;
