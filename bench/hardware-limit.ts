import { activeJobs, type OperatorCall, type Plan, stageOperators, updateOperator } from "../plan/index.ts";

/** What the machine does at most, measured in the same run. */
export interface Rates {
  /** Bytes a second read from DRAM. */
  readonly readBytes: number;
  /** FLOP a second of the frozen products at a comfortable size. */
  readonly flops: number;
}

/** Bytes of weights that an operator reads; the head reads its weights in both directions. */
function weightBytes({ kind, features }: OperatorCall, computeBytes: number): number {
  const weights = features["weights"] ?? 0;
  if (kind.startsWith("lora")) return weights * 4;
  return weights * computeBytes * (kind === "head" ? 2 : 1);
}

/**
 * The least seconds in which every job can make one step on one device: for each operator of each micro-batch the longer of
 * weight bytes / read rate and FLOP / product rate; for the optimizer the bytes that it reads and writes / read rate.
 */
export function limitSeconds(plan: Plan, rates: Rates): number {
  const computeBytes = plan.model.dtype === "float32" ? 4 : 2;
  const stage = plan.stages[0]!;
  const shape = { ...plan.model, stage, jobs: plan.jobs, recompute: plan.recompute };
  let total = 0;
  for (const microBatch of plan.microBatches) {
    if (microBatch.step !== 0) continue;
    for (const letter of ["F", "B"] as const) {
      for (const call of stageOperators(shape, letter, microBatch)) {
        const reading = weightBytes(call, computeBytes) / rates.readBytes;
        total += call.calls * Math.max(reading, call.flops / rates.flops);
      }
    }
  }
  plan.groups.forEach((_, group) => {
    total += (updateOperator(shape, activeJobs(plan, group, 0)).elements * 4) / rates.readBytes;
  });
  return total;
}
