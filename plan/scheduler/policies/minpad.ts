import { sum } from "../../../core/index.ts";
import type { FleetJob } from "../fleet-job.ts";
import { takeInTurn } from "../in-order.ts";
import { byArrival, type FleetView, type Policy } from "../policy.ts";

export interface PaddedBatch {
  /** Jobs that share a batch. */
  readonly size: number;
}

/** Tokens that the rows of a window are padded with, the longest coming first. */
function padding(window: readonly number[]): number {
  return sum(window.map((length) => window[0]! - length));
}

/** Of the jobs by the length of what they train next, the neighbours with the least padding. */
function leastPadded({ waiting, placed, resources }: FleetView, size: number): readonly FleetJob[] {
  const jobs = [...placed, ...waiting].map((job) => ({ job, length: resources.nextLength(job) }));
  jobs.sort((a, b) => b.length - a.length || byArrival(a.job, b.job));
  let best = { first: 0, padding: Number.POSITIVE_INFINITY };
  for (let first = 0; first === 0 || first + size <= jobs.length; first += 1) {
    const own = padding(jobs.slice(first, first + size).map(({ length }) => length));
    if (own < best.padding) best = { first, padding: own };
  }
  return jobs.slice(best.first, best.first + size).map(({ job }) => job);
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
      const chosen = leastPadded(view, size);
      const why = `${padding(chosen.map((job) => view.resources.nextLength(job)))} tokens of padding are the least`;
      return { wishes: takeInTurn(view.resources, chosen, { looksPast: size, why: () => why }), memory: null };
    },
  };
}
