// Where the axis of errors begins and ends, without the DOM.
import { extent } from "d3";

/** Errors that are good. */
export const BAND = 0.05;

/** Beyond so many times the error that nine of ten actions stay below, dots stand at the edge. */
const FAR = 3;

/**
 * Where the axis begins and ends: as far as usual errors reach on that side, at least twice as far as the band. No error
 * is below -1, that of an action that was to take no time.
 */
export function errorRange(errors: readonly number[]): readonly [low: number, high: number] {
  const sizes = errors.map(Math.abs).sort((a, b) => a - b);
  const usual = FAR * (sizes[Math.floor(0.9 * (sizes.length - 1))] ?? 0);
  const [least = 0, most = 0] = extent(errors);
  const reach = (farthest: number): number => Math.max(2 * BAND, 1.08 * Math.min(farthest, usual));
  return [-Math.min(1, reach(-least)), reach(most)];
}
