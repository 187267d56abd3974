import { type Nanos, secondsToNanos } from "../../core/index.ts";
import { PLANNED_LETTERS, UPDATE } from "../actions/action.ts";
import { edgeDtypes } from "../actions/message-bytes.ts";
import { activeJobs } from "../actions/mini-batch.ts";
import type { Stage } from "../documents/setting.ts";
import type { CostModel } from "./cost-model.ts";
import { stageShapes, type TimedWork } from "./stage-shapes.ts";
import { workShapes } from "./work-shapes.ts";

/** The letter as its code. */
export type ActionDurations = (stage: number, letter: number, microBatch: number) => Nanos;

/**
 * Durations of some work on whichever stages, from the cost model, in whole nanoseconds. The model is asked once for
 * each kind of stage, letter and shape of work, since most micro-batches repeat, and so do stages.
 */
export function workDurations(
  work: Omit<TimedWork, "stages">,
  costModel: CostModel,
): (stages: readonly Stage[]) => ActionDurations {
  const { microBatches, devices } = work;
  const { rows, updates } = workShapes(work);
  const numShapes = Math.max(rows.count, updates.count);
  const newTable = (): Float64Array => new Float64Array(PLANNED_LETTERS.length * numShapes).fill(-1);
  const tables = new Map<string, Float64Array>();
  const tableOf = (stage: Stage, at: number): Float64Array => {
    const same = costModel.sameCosts?.(stage, devices[stage.device]!, edgeDtypes(work, at));
    const table = (same === undefined ? undefined : tables.get(same)) ?? newTable();
    if (same !== undefined) tables.set(same, table);
    return table;
  };
  return (stages) => {
    const known = stages.map(tableOf);
    const shapes = stageShapes({ ...work, stages: [...stages] });
    return (stage, letter, microBatch) => {
      const shape = letter === UPDATE ? updates.ids[microBatch]! : rows.ids[microBatch]!;
      const cell = letter * numShapes + shape;
      const table = known[stage]!;
      const found = table[cell]!;
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
      table[cell] = duration;
      return duration;
    };
  };
}

/** Durations of a plan's actions, for planner and simulator alike. */
export function actionDurations(work: TimedWork, costModel: CostModel): ActionDurations {
  return workDurations(work, costModel)(work.stages);
}
