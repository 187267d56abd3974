import type { ActionCost } from "../costs/action-cost.ts";
import { type CostModel, createCostModel } from "../costs/cost-model.ts";
import type { StageShape } from "../costs/operators.ts";
import { rowsText } from "../costs/work-shapes.ts";
import type { PlanRequest } from "./request.ts";

/**
 * A cost model of one base model that remembers: the drafts of one search ask for the same work again and again, and so
 * does who simulates what was found. Jobs whose adapters and losses are alike cost the same, whatever their numbers are.
 */
function rememberedCosts(model: CostModel): CostModel {
  const { sameCosts } = model;
  if (sameCosts === undefined) return model;
  // Texts are numbered once, so that a look-up compares no long ones.
  const numbers = new Map<string, number>();
  const numberOf = (text: string): number => {
    const known = numbers.get(text) ?? numbers.size;
    numbers.set(text, known);
    return known;
  };
  const jobNumbers = new WeakMap<StageShape["jobs"][number], number>();
  const jobNumber = (job: StageShape["jobs"][number]): number => {
    const known = jobNumbers.get(job) ?? numberOf(JSON.stringify([job.adapter, job.loss]));
    jobNumbers.set(job, known);
    return known;
  };
  const rowNumbers = new WeakMap<object, number>();
  const stageTables = new WeakMap<StageShape, Map<string, Map<number, number>>>();
  const tables = new Map<string, Map<number, number>>();
  const tableOf = ({ shape, device, letter }: ActionCost): Map<number, number> => {
    let ofShape = stageTables.get(shape);
    if (ofShape === undefined) {
      ofShape = new Map();
      stageTables.set(shape, ofShape);
    }
    let table = ofShape.get(letter);
    if (table !== undefined) return table;
    const { stage, edges, targets, dora } = shape;
    const name = `${letter} ${sameCosts(stage, device, edges)} ${[...targets]} ${dora}`;
    table = tables.get(name) ?? new Map();
    tables.set(name, table);
    ofShape.set(letter, table);
    return table;
  };
  const workNumber = ({ letter, microBatch, updatedJobs, shape: { jobs } }: ActionCost): number => {
    if (letter === "U") return numberOf(updatedJobs.map((job) => jobNumber(jobs[job]!)).join(" "));
    const known = rowNumbers.get(microBatch.rows) ?? numberOf(rowsText(microBatch, (job) => jobNumber(jobs[job]!)));
    rowNumbers.set(microBatch.rows, known);
    return known;
  };
  return {
    ...model,
    actionSeconds(action) {
      const table = tableOf(action);
      const work = workNumber(action);
      const found = table.get(work);
      if (found !== undefined) return found;
      const seconds = model.actionSeconds(action);
      table.set(work, seconds);
      return seconds;
    },
  };
}

/** The costs of a request's calibration, for those who plan it and simulate its plans. */
export function requestCosts({ calibration, dtype }: Pick<PlanRequest, "calibration" | "dtype">): CostModel {
  return rememberedCosts(createCostModel(calibration, dtype));
}
