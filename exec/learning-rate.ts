import type { OptimizerSpec } from "../plan/index.ts";

/**
 * Learning rate of an optimizer step (from 0): linear warm-up, then constant, linear or cosine decay to minRatio at the
 * last step.
 */
export function learningRateAt({ learningRate, schedule }: OptimizerSpec, step: number, numSteps: number): number {
  if (schedule === undefined) return learningRate;
  const { name, warmupSteps, minRatio } = schedule;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  if (name === "constant") return learningRate;
  const done = Math.min(1, (step - warmupSteps) / Math.max(1, numSteps - warmupSteps));
  const shape = name === "linear" ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
  return learningRate * (minRatio + (1 - minRatio) * shape);
}
