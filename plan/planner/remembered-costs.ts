import type { ActionCost } from "../costs/action-cost.ts";
import type { CostModel } from "../costs/cost-model.ts";
import { rowsText } from "../costs/work-shapes.ts";

/** A cost model that remembers: the drafts of one search ask for the same work again and again. */
export function rememberedCosts(model: CostModel): CostModel {
  const { sameCosts } = model;
  if (sameCosts === undefined) return model;
  // Texts are numbered once, so that a look-up compares no long ones.
  const numbers = new Map<string, number>();
  const numberOf = (text: string): number => {
    const known = numbers.get(text) ?? numbers.size;
    numbers.set(text, known);
    return known;
  };
  const rowNumbers = new WeakMap<object, number>();
  const stageTables = new WeakMap<object, Map<string, Map<number, number>>>();
  const tables = new Map<string, Map<number, number>>();
  const tableOf = ({ shape, device, letter }: ActionCost): Map<number, number> => {
    let ofShape = stageTables.get(shape);
    if (ofShape === undefined) {
      ofShape = new Map();
      stageTables.set(shape, ofShape);
    }
    let table = ofShape.get(letter);
    if (table !== undefined) return table;
    const name = `${letter} ${sameCosts(shape.stage, device, shape.edges)}`;
    table = tables.get(name) ?? new Map();
    tables.set(name, table);
    ofShape.set(letter, table);
    return table;
  };
  const workNumber = ({ letter, microBatch, updatedJobs }: ActionCost): number => {
    if (letter === "U") return numberOf(updatedJobs.join(" "));
    const known = rowNumbers.get(microBatch.rows) ?? numberOf(rowsText(microBatch));
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
