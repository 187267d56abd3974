import type { ActionCost, CostModel } from "../costs/cost-model.ts";
import type { MicroBatch } from "../documents/plan.ts";

/** The rows of a micro-batch as a text: where it is the same, so are the costs. Which rows of the data they are costs nothing. */
function shapeOf({ rows }: Pick<MicroBatch, "rows">): string {
  let text = "";
  for (const [job, , tokens, scored] of rows) text += `${job}:${tokens}:${scored} `;
  return text;
}

/** A cost model that remembers: the drafts of one search ask for the same work again and again. */
export function rememberedCosts(model: CostModel): CostModel {
  const { sameCosts } = model;
  if (sameCosts === undefined) return model;
  const stages = new Map<string, Map<string, number>>();
  const nameOf = new WeakMap<object, string>();
  const textOf = new WeakMap<object, string>();
  return {
    ...model,
    actionSeconds(action: ActionCost) {
      const { letter, device, shape, microBatch, updatedJobs } = action;
      const name = nameOf.get(shape) ?? sameCosts(shape.stage, device);
      nameOf.set(shape, name);
      const stage = letter + name;
      let known = stages.get(stage);
      if (known === undefined) {
        known = new Map();
        stages.set(stage, known);
      }
      let text: string;
      if (letter === "U") text = updatedJobs.join(" ");
      else {
        text = textOf.get(microBatch.rows) ?? shapeOf(microBatch);
        textOf.set(microBatch.rows, text);
      }
      const found = known.get(text);
      if (found !== undefined) return found;
      const seconds = model.actionSeconds(action);
      known.set(text, seconds);
      return seconds;
    },
  };
}
