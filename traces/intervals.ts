import { quantileOfNext } from "../core/index.ts";

/** Lower and upper end. */
export type Interval = readonly [number, number];

/** What becomes of the machine: others leave it alone, it goes on as it is now, or it is as it has been at any time. */
export const OUTLOOKS = ["alone", "now", "been"] as const;
export type Outlook = (typeof OUTLOOKS)[number];

/** Where the figures of a run lie in `level` of the runs that the errors of its costs allow. */
export interface Intervals {
  /** Such as 0.9: a twentieth lies below, a twentieth above. */
  readonly level: number;
  /** Runs that were simulated. */
  readonly samples: number;
  readonly seed: number;
  readonly makespanSeconds: Interval;
  readonly tokensPerSecond: Interval;
  /** null where the run has no steady region. */
  readonly bubbleRatio: Interval | null;
  readonly bubbleRatioTotal: Interval;
  readonly jobs: readonly { readonly name: string; readonly turnaroundSeconds: Interval }[];
  /**
   * The makespan in seconds, by what becomes of the machine: where somebody looked how that is now. All that is above is
   * then as it is now.
   */
  readonly outlooks?: Readonly<Record<Outlook, Interval>> | undefined;
}

/** Where one more run lies with probability `level`, by drawn runs: wider the fewer there are. */
export function intervalOf(draws: readonly number[], level: number): Interval {
  return [quantileOfNext(draws, (1 - level) / 2), quantileOfNext(draws, (1 + level) / 2)];
}
