import { type Nanos, secondsToNanos } from "../../core/index.ts";
import { PLANNED_LETTERS, UPDATE } from "../action.ts";
import { activeJobs } from "../mini-batch.ts";
import type { CostModel } from "./cost-model.ts";
import { stageShapes, type TimedWork } from "./stage-shapes.ts";
import { stageClasses, workShapes } from "./work-shapes.ts";

/** The letter as its code. */
export type ActionDurations = (stage: number, letter: number, microBatch: number) => Nanos;

/**
 * Durations from the cost model in whole nanoseconds, for planner and simulator alike. The model is asked once for each
 * kind of stage, letter and shape of work, since most micro-batches repeat.
 */
export function actionDurations(work: TimedWork, costModel: CostModel): ActionDurations {
  const { microBatches, stages, devices } = work;
  const { rows, updates } = workShapes(work);
  const classes = stageClasses(stages, devices, costModel);
  const numShapes = Math.max(rows.count, updates.count);
  const known = new Float64Array(classes.count * PLANNED_LETTERS.length * numShapes).fill(-1);
  const shapes = stageShapes(work);
  return (stage, letter, microBatch) => {
    const shape = letter === UPDATE ? updates.ids[microBatch]! : rows.ids[microBatch]!;
    const cell = (classes.ids[stage]! * PLANNED_LETTERS.length + letter) * numShapes + shape;
    const found = known[cell]!;
    if (found >= 0) return found as Nanos;
    const entry = microBatches[microBatch]!;
    const seconds = costModel.actionSeconds({
      letter: PLANNED_LETTERS[letter]!,
      device: devices[stages[stage]!.device]!,
      shape: shapes[stage]!,
      microBatch: entry,
      updatedJobs: letter === UPDATE ? activeJobs(work, entry.group, entry.step) : [],
    });
    const duration = secondsToNanos(seconds);
    known[cell] = duration;
    return duration;
  };
}
