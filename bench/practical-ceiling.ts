import { median } from "../core/index.ts";
import { computeDtype, type Plan } from "../plan/index.ts";
import { firstStepCalls } from "./first-step.ts";
import { timeProductAlone } from "./products-alone.ts";

/**
 * FLOP a second of each frozen product by itself, by operator name (`matmul:768x2304:F`); the head has both directions.
 */
export type AloneRates = ReadonlyMap<string, number>;

const PRODUCT = /^(?:matmul|head):(\d+)x(\d+)(?::([FB]))?$/;

/** Times every frozen product of a plan's first step by itself, at its rows, on one device of `threads` threads. */
export async function measureAloneRates(plan: Plan, threads: number): Promise<AloneRates> {
  const times = new Map<string, { readonly forward: number; readonly backward: number }>();
  const rates = new Map<string, number>();
  for (const { name, features } of firstStepCalls(plan)) {
    const [, inWord, outWord, direction] = PRODUCT.exec(name) ?? [];
    if (inWord === undefined || rates.has(name)) continue;
    const [inFeatures, outFeatures] = [Number(inWord), Number(outWord)];
    const rows = features["scored"] ?? features["tokens"]!;
    const key = `${inFeatures}x${outFeatures} ${rows}`;
    let seconds = times.get(key);
    if (seconds === undefined) {
      const shape = { inFeatures, outFeatures, rows, dtype: computeDtype(plan.model.dtype), threads };
      const { forward, backward } = await timeProductAlone(shape);
      seconds = { forward: median(forward), backward: median(backward) };
      times.set(key, seconds);
    }
    const { forward, backward } = seconds;
    const ofDirection = direction === "F" ? forward : direction === "B" ? backward : (forward + backward) / 2;
    rates.set(name, (2 * rows * inFeatures * outFeatures) / ofDirection);
  }
  return rates;
}

/**
 * Seconds of one step of every job on one device with products at the rates that they reach by themselves, LoRA and
 * attention at the register peak, and all else for nothing: what a program that uses these products could get close to.
 */
export function ceilingSeconds(plan: Plan, alone: AloneRates, registerPeak: number): number {
  let seconds = 0;
  for (const { name, kind, calls, flops } of firstStepCalls(plan)) {
    const rate = alone.get(name) ?? (/^(lora|attention)/.test(kind) ? registerPeak : Number.POSITIVE_INFINITY);
    seconds += (calls * flops) / rate;
  }
  return seconds;
}
