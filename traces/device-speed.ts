import { mean } from "../core/index.ts";
import type { DeviceSpeed } from "../plan/index.ts";

/**
 * How fast a device was at one moment: seconds since the first action, FLOP/s of a small product, bytes/s of a small
 * copy.
 */
export type SpeedSample = readonly [number, number, number];

/**
 * How fast a device was from one moment to another: the harmonic means of the samples taken meanwhile and of the
 * nearest before and after. Undefined without samples. `samples` are in order of time.
 */
export function speedBetween(samples: readonly SpeedSample[], from: number, to: number): DeviceSpeed | undefined {
  if (samples.length === 0) return undefined;
  const first = Math.max(0, upperBound(samples, from) - 1);
  const last = Math.min(samples.length - 1, upperBound(samples, to));
  const own = samples.slice(first, last + 1);
  return {
    product: 1 / mean(own.map(([, product]) => 1 / product)),
    copy: 1 / mean(own.map(([, , copy]) => 1 / copy)),
  };
}

/** How many samples are at or before a moment. */
function upperBound(samples: readonly SpeedSample[], at: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (samples[middle]![0] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * How many times as long work takes at a speed as at the reference: products as their rates, the rest as those of
 * copies. `products`: the share of products in its time at the reference speed.
 */
export function slowdown(products: number, speed: DeviceSpeed, reference: DeviceSpeed): number {
  return products * (reference.product / speed.product) + (1 - products) * (reference.copy / speed.copy);
}
