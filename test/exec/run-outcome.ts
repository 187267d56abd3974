// What two runs of one plan are compared by.
import { expect } from "vitest";
import type { ExecuteResult } from "../../exec/index.ts";
import { adapterBytes, smallCase } from "./small-run.ts";

/** Two adapters that differ in all that a run can differ in: rank, targets, dropout, micro-batch size, clipping. */
export const MIXED_CASE = smallCase([
  { rank: 8, dropout: 0.2, targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] },
  { rank: 3, targets: ["v_proj", "down_proj"], microBatchSize: 1, optimizer: { maxGradNorm: 0.1 } },
]);

/** Losses in order of job and step. */
export function losses({ metrics }: ExecuteResult): readonly number[] {
  return [...metrics].sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step).map(({ loss }) => loss);
}

export function largestLossError(a: ExecuteResult, b: ExecuteResult): number {
  expect(a.metrics.length).toBe(b.metrics.length);
  return Math.max(...losses(a).map((loss, i) => Math.abs(loss / losses(b)[i]! - 1)));
}

/** The bytes of a run's adapters, and its losses. */
export function outcome(result: ExecuteResult) {
  return { adapters: result.adapters.map(adapterBytes), losses: losses(result) };
}
