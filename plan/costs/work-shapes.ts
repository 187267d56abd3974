import { activeJobs } from "../actions/mini-batch.ts";
import type { MicroBatch } from "../documents/segment.ts";
import type { TimedWork } from "./stage-shapes.ts";

/** Numbers the distinct texts in order of appearance. */
function distinct(count: number, textOf: (index: number) => string): DistinctShapes {
  const seen = new Map<string, number>();
  const ids = new Int32Array(count);
  for (let index = 0; index < count; index += 1) {
    const text = textOf(index);
    const id = seen.get(text) ?? seen.size;
    if (id === seen.size) seen.set(text, id);
    ids[index] = id;
  }
  return { ids, count: seen.size };
}

export interface DistinctShapes {
  /** By index of what was numbered. */
  readonly ids: Int32Array;
  readonly count: number;
}

/**
 * Which micro-batches cost the same: what is asked of a cost model once for each shape instead of once for each action.
 */
export interface WorkShapes {
  /** Of forwards and backwards: jobs, tokens and scored tokens of the rows. */
  readonly rows: DistinctShapes;
  /** Of updates: the jobs that are updated. */
  readonly updates: DistinctShapes;
}

/**
 * The rows of a micro-batch as a text: where it is the same, so are the costs. Which rows of the data they are costs
 * nothing, and of its jobs only what `jobText` says.
 */
export function rowsText(
  { rows }: Pick<MicroBatch, "rows">,
  jobText: (job: number) => string | number = (job) => job,
): string {
  let text = "";
  let last = -1;
  for (const [job, , tokens, scored, compared] of rows) {
    text += `${job === last ? "" : jobText(job)}:${tokens}:${scored}${compared === undefined ? "" : `:${compared.answers.join(":")}:${compared.generates}`} `;
    last = job;
  }
  return text;
}

export function workShapes(plan: Pick<TimedWork, "groups" | "microBatches">): WorkShapes {
  const { microBatches } = plan;
  return {
    rows: distinct(microBatches.length, (index) => rowsText(microBatches[index]!)),
    updates: distinct(microBatches.length, (index) => {
      const { group, step } = microBatches[index]!;
      return activeJobs(plan, group, step).join(" ");
    }),
  };
}
