import type { RateForm, RateSchedule } from "./rate-schedule.ts";
import type { OptimizerSpec } from "./workload.ts";

/** Between 1 and 0 as a share of the way goes from 0 to 1. */
function fallOf(form: RateForm, done: number, cycles = 0.5): number {
  switch (form) {
    case "linear":
      return 1 - done;
    case "cosine":
      return 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * done));
    case "1-sqrt":
      return 1 - Math.sqrt(done);
  }
}

/** Between 0 and 1 as a share of the way goes from 0 to 1. */
function riseOf(form: RateForm, done: number): number {
  switch (form) {
    case "linear":
      return done;
    case "cosine":
      return 0.5 * (1 - Math.cos(Math.PI * done));
    case "1-sqrt":
      return 1 - Math.sqrt(1 - done);
  }
}

const above = (least: number, factor: number): number => Math.max(0, factor * (1 - least) + least);

/** The rate as a share of the highest, behind the warm-up. */
function factorAt(schedule: RateSchedule, learningRate: number, step: number, numSteps: number): number {
  const { name, warmupSteps, warmupFromZero, minRatio, minLearningRate, cycles } = schedule;
  const least = minLearningRate === undefined ? minRatio : minLearningRate / learningRate;
  const left = Math.max(1, numSteps - warmupSteps);
  const done = Math.min(1, (step - warmupSteps) / left);
  switch (name) {
    case "constant":
      return 1;
    case "linear":
      // 1 - done is the same but for its last bits; adapters that were trained with it stay as they are.
      return above(least, warmupFromZero === true ? (numSteps - step) / left : 1 - done);
    case "cosine":
      return above(least, fallOf("cosine", done, cycles));
    case "cosine_with_restarts":
      return above(least, 0.5 * (1 + Math.cos(Math.PI * (((cycles ?? 1) * done) % 1))));
    case "cosine_warmup_with_min_lr":
      return above(least, fallOf("cosine", (step - warmupSteps + 1) / left, cycles));
    case "polynomial": {
      const end = minLearningRate ?? minRatio * learningRate;
      return ((learningRate - end) * (1 - done) ** (schedule.power ?? 1) + end) / learningRate;
    }
    case "inverse_sqrt": {
      const timescale = schedule.timescale ?? (warmupSteps === 0 ? 10_000 : warmupSteps);
      return 1 / Math.sqrt((step + (timescale - warmupSteps)) / timescale);
    }
    case "warmup_stable_decay": {
      const { decaySteps = 1, stableSteps = numSteps - warmupSteps - decaySteps, decayType = "cosine" } = schedule;
      const fallen = step - warmupSteps - stableSteps;
      if (fallen < 0) return 1;
      return fallen < decaySteps ? above(least, fallOf(decayType, fallen / decaySteps, cycles)) : least;
    }
  }
}

/**
 * Learning rate of an optimizer step (from 0). With `warmupFromZero`, and for `cosine_warmup_with_min_lr`, all is
 * computed in the order of transformers, so that the rates are its own. Source: optimization.py, transformers 5.24.
 */
export function learningRateAt({ learningRate, schedule }: OptimizerSpec, step: number, numSteps: number): number {
  if (schedule === undefined) return learningRate;
  const { name, warmupSteps, warmupFromZero, minRatio, minLearningRate } = schedule;
  if (step >= warmupSteps) return learningRate * factorAt(schedule, learningRate, step, numSteps);
  const risen = (warmupFromZero === true ? step : step + 1) / warmupSteps;
  if (name === "warmup_stable_decay") {
    const least = minLearningRate === undefined ? minRatio : minLearningRate / learningRate;
    return learningRate * above(least, riseOf(schedule.warmupType ?? "linear", risen));
  }
  if (warmupFromZero !== true && name !== "cosine_warmup_with_min_lr") return (learningRate * (step + 1)) / warmupSteps;
  return learningRate * risen;
}
