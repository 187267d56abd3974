import { groupBy, sum } from "../../../core/index.ts";
import type { FleetJob } from "../fleet-job.ts";
import { takeInTurn } from "../in-order.ts";
import { byArrival, type FleetView, type Policy } from "../policy.ts";

export interface PaddedBatch {
  /** Jobs that share a batch. */
  readonly size: number;
}

/** Jobs whose rows are padded together. */
interface Window {
  readonly jobs: readonly FleetJob[];
  /** Tokens that their rows are padded with. */
  readonly padding: number;
}

/**
 * Of the jobs by the length of what they train next, the neighbours with the least padding: of those that have equally
 * little the longest. It is asked at every iteration, while a thousand wait.
 */
function leastPadded({ waiting, placed, resources }: FleetView, size: number): Window {
  const byLength = groupBy([...placed, ...waiting], (job) => resources.nextLength(job));
  const groups = [...byLength].sort(([a], [b]) => b - a);
  const jobs = groups.flatMap(([, own]) => own.toSorted(byArrival));
  const lengths = groups.flatMap(([length, own]) => own.map(() => length));
  const count = Math.min(size, jobs.length);
  let [best, tokens] = [{ first: 0, padding: Number.POSITIVE_INFINITY }, sum(lengths.slice(0, count))];
  for (let first = 0; first + count <= jobs.length && best.padding > 0; first += 1) {
    const padding = count * (lengths[first] ?? 0) - tokens;
    if (padding < best.padding) best = { first, padding };
    tokens += (lengths[first + count] ?? 0) - (lengths[first] ?? 0);
  }
  return { jobs: jobs.slice(best.first, best.first + count), padding: count === 0 ? 0 : best.padding };
}

/** ASPEN's MinPad (arXiv 2312.02515v1): at every iteration, the jobs whose next rows need the least padding together. */
export function minpad({ size }: PaddedBatch): Policy {
  return {
    name: "minpad",
    describe: "the jobs whose next rows are the most alike in length",
    compare: byArrival,
    initial: null,
    watches: "iterations",
    decide(view) {
      const { jobs, padding } = leastPadded(view, size);
      const why = `${padding} tokens of padding are the least`;
      return { wishes: takeInTurn(view.resources, jobs, { looksPast: size, why: () => why }), memory: null };
    },
  };
}
