import type { StepMetrics } from "./step-metrics.ts";

/** Why a job trains no further: the first of its steps whose loss or gradient is not finite. */
export interface Divergence {
  /** From 0. */
  readonly step: number;
  readonly what: "loss" | "gradient norm";
  /** NaN, or infinite. */
  readonly value: number;
}

/** What makes a step the job's last one; undefined for a step that is as it should be. */
export function divergenceOf({ step, loss, gradNorm }: StepMetrics): Divergence | undefined {
  if (!Number.isFinite(loss)) return { step, what: "loss", value: loss };
  return Number.isFinite(gradNorm) ? undefined : { step, what: "gradient norm", value: gradNorm };
}

/** "its loss is NaN at step 7", steps from 1 as people count them. */
export function divergenceText({ step, what, value }: Divergence): string {
  return `its ${what} is ${value} at step ${step + 1}`;
}
