import { firstNotFinite } from "./finite-weights.ts";
import type { AdapterPair } from "./peft.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** Why a job trains no further: the first of its steps whose loss, gradient or update is not finite. */
export interface Divergence {
  /** From 0. */
  readonly step: number;
  readonly what: "loss" | "gradient norm" | "adapter";
  /** NaN, or infinite. */
  readonly value: number;
}

/** What makes a step the job's last one; undefined for a step that is as it should be. */
export function divergenceOf({ step, loss, gradNorm }: StepMetrics): Divergence | undefined {
  if (!Number.isFinite(loss)) return { step, what: "loss", value: loss };
  return Number.isFinite(gradNorm) ? undefined : { step, what: "gradient norm", value: gradNorm };
}

/**
 * What is wrong with the adapter that a job has behind a step: no loss comes after its last update that would tell.
 * Undefined where all weights are finite.
 */
export function adapterDivergence(step: number, pairs: readonly AdapterPair[]): Divergence | undefined {
  for (const { a, b } of pairs)
    for (const values of [a, b]) {
      const at = firstNotFinite(values);
      if (at !== undefined) return { step, what: "adapter", value: values[at]! };
    }
  return undefined;
}

/** "its loss is NaN at step 7", steps from 1 as people count them. */
export function divergenceText({ step, what, value }: Divergence): string {
  return what === "adapter"
    ? `a weight of its adapter is ${value} after step ${step + 1}`
    : `its ${what} is ${value} at step ${step + 1}`;
}
