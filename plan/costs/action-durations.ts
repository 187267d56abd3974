import { type Nanos, secondsToNanos } from "../../core/index.ts";
import { PLANNED_LETTERS, UPDATE } from "../actions/action.ts";
import { edgeDtypes } from "../actions/message-bytes.ts";
import { activeJobs } from "../actions/mini-batch.ts";
import type { MicroBatch } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import type { CostModel } from "./cost-model.ts";
import { stageShapes, type TimedWork } from "./stage-shapes.ts";
import { rowsText, workShapes } from "./work-shapes.ts";

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

/** Shapes of work whose times are remembered: a group of a plan that grows may have many. */
const MOST_SHAPES = 4096;

/** Of a micro-batch: by stage, and the letter as its code. */
export type OwnDurations = (stage: number, letter: number) => Nanos;

/** The same durations micro-batch by micro-batch, where those that come are not known. */
export function growingDurations(
  work: Omit<TimedWork, "microBatches">,
  costModel: CostModel,
): (microBatch: MicroBatch) => OwnDurations {
  const { stages, devices } = work;
  const shapes = stageShapes(work);
  const sameAs = stages.map(
    (stage, at) => costModel.sameCosts?.(stage, devices[stage.device]!, edgeDtypes(work, at)) ?? `${at}`,
  );
  const known = new Map<string, Nanos>();
  return (microBatch) => {
    const updatedJobs = activeJobs(work, microBatch.group, microBatch.step);
    const text = rowsText(microBatch);
    return (stage, code) => {
      const letter = PLANNED_LETTERS[code]!;
      const key = `${letter} ${sameAs[stage]!} ${letter === "U" ? updatedJobs.join(" ") : text}`;
      const found = known.get(key);
      if (found !== undefined) return found;
      const seconds = costModel.actionSeconds({
        ...{ letter, device: devices[stages[stage]!.device]!, shape: shapes[stage]!, microBatch },
        updatedJobs: letter === "U" ? updatedJobs : [],
      });
      if (known.size === MOST_SHAPES) known.clear();
      const duration = secondsToNanos(seconds);
      known.set(key, duration);
      return duration;
    };
  };
}
