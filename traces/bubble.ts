/** Idle share of `numDevices` compute streams between two times; null where none passes. Integer arithmetic, so that no idle time is exactly 0. */
export function idleShare(busyNs: number, numDevices: number, fromNs: number, toNs: number): number | null {
  const total = numDevices * (toNs - fromNs);
  return total <= 0 ? null : (total - busyNs) / total;
}

/**
 * The steady region of a run, in which its bubble is looked at: from the first job's step floor(S/2), from 0, to its last step S - 1, by when
 * stage 0 begins them. Undefined for a job of fewer than 4 steps.
 */
export function steadyRegion(
  stepStarts: readonly number[],
): { readonly fromNs: number; readonly toNs: number } | undefined {
  const steps = stepStarts.length;
  if (steps < 4) return undefined;
  const [fromNs, toNs] = [stepStarts[Math.floor(steps / 2)], stepStarts[steps - 1]];
  return fromNs === undefined || toNs === undefined ? undefined : { fromNs, toNs };
}
