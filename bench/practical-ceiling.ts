import { median } from "../core/index.ts";
import { computeDtype, type Plan, stageOperators } from "../plan/index.ts";
import { timeProductAlone } from "./products-alone.ts";

/** FLOP a second of each frozen product by itself, by operator name (`matmul:768x2304:F`); the head has both directions. */
export type AloneRates = ReadonlyMap<string, number>;

const PRODUCT = /^(?:matmul|head):(\d+)x(\d+)(?::([FB]))?$/;

/** Times every frozen product of a plan's first micro-batch by itself, at its rows, on one device of `threads` threads. */
export async function measureAloneRates(plan: Plan, threads: number): Promise<AloneRates> {
  const rates = new Map<string, number>();
  const shape = { ...plan.model, stage: plan.stages[0]!, jobs: plan.jobs, recompute: plan.recompute };
  for (const letter of ["F", "B"] as const) {
    for (const { name, features } of stageOperators(shape, letter, plan.microBatches[0]!)) {
      const [, inFeatures, outFeatures, direction] = PRODUCT.exec(name) ?? [];
      if (inFeatures === undefined || rates.has(name)) continue;
      const rows = features["scored"] ?? features["tokens"]!;
      const size = { inFeatures: Number(inFeatures), outFeatures: Number(outFeatures), rows };
      const times = await timeProductAlone({ ...size, dtype: computeDtype(plan.model.dtype), threads });
      const flops = 2 * rows * size.inFeatures * size.outFeatures;
      const [forward, backward] = [median(times.forward), median(times.backward)];
      const seconds = direction === "F" ? forward : direction === "B" ? backward : (forward + backward) / 2;
      rates.set(name, flops / seconds);
    }
  }
  return rates;
}

/**
 * Seconds of one step of every job on one device with products at the rates that they reach by themselves, LoRA and
 * attention at the register peak, and all else for nothing: what a program that uses these products could get close to.
 */
export function ceilingSeconds(plan: Plan, alone: AloneRates, registerPeak: number): number {
  const shape = { ...plan.model, stage: plan.stages[0]!, jobs: plan.jobs, recompute: plan.recompute };
  let seconds = 0;
  for (const microBatch of plan.microBatches) {
    if (microBatch.step !== 0) continue;
    for (const letter of ["F", "B"] as const) {
      for (const { name, kind, calls, flops } of stageOperators(shape, letter, microBatch)) {
        const rate = alone.get(name) ?? (/^(lora|attention)/.test(kind) ? registerPeak : Number.POSITIVE_INFINITY);
        seconds += (calls * flops) / rate;
      }
    }
  }
  return seconds;
}
