import { type Nanos, secondsToNanos } from "../core/index.ts";
import { type ActionLetter, activeJobs, type CostModel, type PlanBody } from "../plan/index.ts";
import { actionIndex } from "./stage-orders.ts";

export type ActionDurations = (stage: number, letter: ActionLetter, microBatch: number) => Nanos;

/** Numbers the distinct texts in order of appearance. */
function distinct(texts: readonly string[]): { readonly ids: Int32Array; readonly count: number } {
  const seen = new Map<string, number>();
  const ids = Int32Array.from(texts, (text) => {
    const id = seen.get(text) ?? seen.size;
    seen.set(text, id);
    return id;
  });
  return { ids, count: seen.size };
}

/**
 * Durations from the cost model, each rounded once. The model is asked once for each stage, letter and shape of rows
 * (jobs, tokens and scored tokens; which rows of the data they are costs nothing), since most micro-batches repeat.
 */
export function actionDurations(plan: PlanBody, costModel: CostModel): ActionDurations {
  const { microBatches, stages, jobs, recompute } = plan;
  const updatedJobs = microBatches.map(({ group, step }) => activeJobs(plan, group, step));
  const rowShapes = distinct(
    microBatches.map(({ rows }) => rows.map(([job, , tokens, scored]) => `${job}:${tokens}:${scored}`).join(" ")),
  );
  const updateShapes = distinct(updatedJobs.map((members) => members.join(" ")));
  const numShapes = Math.max(rowShapes.count, updateShapes.count);
  const known = new Float64Array(stages.length * 3 * numShapes).fill(-1);
  const shapes = stages.map((stage) => ({ ...plan.model, stage, jobs, recompute }));
  return (stage, letter, microBatch) => {
    const cell = actionIndex(stage, letter, (letter === "U" ? updateShapes : rowShapes).ids[microBatch]!, numShapes);
    const found = known[cell]!;
    if (found >= 0) return found as Nanos;
    const seconds = costModel.actionSeconds({
      letter,
      device: plan.devices[stages[stage]!.device]!,
      shape: shapes[stage]!,
      microBatch: microBatches[microBatch]!,
      updatedJobs: letter === "U" ? updatedJobs[microBatch]! : [],
    });
    const duration = secondsToNanos(seconds);
    known[cell] = duration;
    return duration;
  };
}
