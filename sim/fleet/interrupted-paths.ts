import { createRng } from "../../core/index.ts";
import type { TimePaths } from "./time-paths.ts";

/** The interruptions that a fleet has seen. */
export interface SeenInterruptions {
  /** Of each, for how long nothing was done, and what had to be done again. */
  readonly costsNs: readonly number[];
  /** For how long the fleet has run so far. */
  readonly runNs: number;
}

/** Interruptions in a path; whoever is interrupted more often does not come to an end. */
const MOST = 1000;

/**
 * Runs that might be on a machine that is interrupted as often as it was so far, each time for as long as one of these
 * times. How often that is nobody knows from a few: by the gamma distribution that they leave.
 */
export function interruptedPaths(
  paths: TimePaths | undefined,
  { costsNs, runNs }: SeenInterruptions,
  seed: number,
): TimePaths | undefined {
  if (costsNs.length === 0 || runNs <= 0) return paths;
  return (draw) => {
    const path = paths?.(draw) ?? ((workNs: number) => workNs);
    const rng = createRng(`interruptions ${seed} ${draw}`);
    const exponential = (): number => -Math.log(1 - rng.nextFloat());
    const rate = costsNs.reduce((sum) => sum + exponential(), 0) / runNs;
    const interruptions: { readonly atNs: number; readonly untilNs: number }[] = [];
    let [atNs, lostNs] = [0, 0];
    for (let count = 0; count < MOST; count += 1) {
      atNs += exponential() / rate;
      lostNs += costsNs[rng.nextInt(costsNs.length)]!;
      interruptions.push({ atNs, untilNs: lostNs });
    }
    return (workNs) => {
      const ns = path(workNs);
      return ns + (interruptions.findLast((each) => each.atNs < ns)?.untilNs ?? 0);
    };
  };
}
