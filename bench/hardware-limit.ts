import { activeJobs, type OperatorCall, type Plan, updateOperator } from "../plan/index.ts";
import { firstStepCalls, onlyStage } from "./first-step.ts";

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
 * The least seconds in which every job can make one step on one device: for each operator of each micro-batch the
 * longer of weight bytes / read rate and FLOP / product rate; for the optimizer the bytes that it reads and writes /
 * read rate.
 */
export function limitSeconds(plan: Plan, rates: Rates): number {
  const computeBytes = plan.model.dtype === "float32" ? 4 : 2;
  let total = 0;
  for (const call of firstStepCalls(plan)) {
    const reading = weightBytes(call, computeBytes) / rates.readBytes;
    total += call.calls * Math.max(reading, call.flops / rates.flops);
  }
  plan.groups.forEach((_, group) => {
    total += (updateOperator(onlyStage(plan), activeJobs(plan, group, 0)).elements * 4) / rates.readBytes;
  });
  return total;
}
