import { packsAsPlanned } from "../../exec/small-run.ts";

/** What executed memory may be below the plan where a processor's products need less room than the plan counts on. */
const BELOW = packsAsPlanned() ? 0 : 0.02;

/** Whether a peak is that of the plan: to the byte on the processors that plans count on. */
export function isPlannedPeak(bytes: number, planned: number): boolean {
  return bytes <= planned && bytes >= planned * (1 - BELOW);
}

/** Whether an error of planned memory is one of such a peak. */
export function isPeakError(error: number): boolean {
  return error >= 0 && error <= BELOW / (1 - BELOW);
}
