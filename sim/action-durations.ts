import { type Nanos, secondsToNanos } from "../core/index.ts";
import {
  ACTION_LETTERS,
  activeJobs,
  type CostModel,
  type PlanBody,
  stageClasses,
  UPDATE,
  workShapes,
} from "../plan/index.ts";

/** The letter as its code. */
export type ActionDurations = (stage: number, letter: number, microBatch: number) => Nanos;

/** Durations from the cost model, each rounded once. The model is asked once for each kind of stage, letter and shape of work, since most micro-batches repeat. */
export function actionDurations(plan: PlanBody, costModel: CostModel): ActionDurations {
  const { microBatches, stages, jobs, recompute } = plan;
  const { rows, updates } = workShapes(plan);
  const classes = stageClasses(stages, plan.devices, costModel);
  const numShapes = Math.max(rows.count, updates.count);
  const known = new Float64Array(classes.count * ACTION_LETTERS.length * numShapes).fill(-1);
  const shapes = stages.map((stage) => ({ ...plan.model, stage, jobs, recompute }));
  return (stage, letter, microBatch) => {
    const shape = letter === UPDATE ? updates.ids[microBatch]! : rows.ids[microBatch]!;
    const cell = (classes.ids[stage]! * ACTION_LETTERS.length + letter) * numShapes + shape;
    const found = known[cell]!;
    if (found >= 0) return found as Nanos;
    const entry = microBatches[microBatch]!;
    const seconds = costModel.actionSeconds({
      letter: ACTION_LETTERS[letter]!,
      device: plan.devices[stages[stage]!.device]!,
      shape: shapes[stage]!,
      microBatch: entry,
      updatedJobs: letter === UPDATE ? activeJobs(plan, entry.group, entry.step) : [],
    });
    const duration = secondsToNanos(seconds);
    known[cell] = duration;
    return duration;
  };
}
