import { sum } from "../../../core/index.ts";
import type { FleetJob } from "../fleet-job.ts";
import { byArrival, type FleetView, type Policy, type Wish } from "../policy.ts";

/** Jobs that wait and are chosen from, and how often one is passed before it is next. */
const WINDOW = 8;
const PATIENCE = 8;

/** By number, how often a job has been passed by a later one. */
type Passed = Readonly<Record<string, number>>;

/** The part of as few full micro-batches as hold some tokens that is empty. */
function emptyShare(tokens: number, capacity: number): number {
  return 1 - tokens / (capacity * Math.max(1, Math.ceil(tokens / capacity)));
}

/** Of some jobs the one that fits and leaves the least of its pipeline's micro-batches empty, the first among equals. */
function fillingBest(
  { resources }: FleetView,
  pipeline: number,
  own: readonly FleetJob[],
  candidates: readonly FleetJob[],
): { readonly job: FleetJob; readonly empty: number } | undefined {
  const before = sum(own.map(({ tokens }) => tokens));
  let best: { readonly job: FleetJob; readonly empty: number } | undefined;
  for (const job of candidates) {
    if (resources.shortfall(pipeline, [...own, job]) !== undefined) continue;
    const { microBatchTokens } = resources;
    const empty = microBatchTokens === undefined ? 0 : emptyShare(before + job.tokens, microBatchTokens);
    if (best === undefined || empty < best.empty) best = { job, empty };
  }
  return best;
}

/** The first of which there is something, with that. */
function firstOf<T>(pipelines: readonly number[], find: (pipeline: number) => T | undefined) {
  for (const pipeline of pipelines) {
    const found = find(pipeline);
    if (found !== undefined) return [pipeline, found] as const;
  }
  return undefined;
}

/**
 * Jobs of a pipeline share micro-batches, packed by tokens (LoRAFusion, arXiv 2510.00206). Who trains does so to the end;
 * a pipeline with room takes, of the first that wait, the one whose rows fill its micro-batches best, and one that has
 * been passed often comes next.
 */
export const packed: Policy = {
  name: "packed",
  describe: "jobs share micro-batches, those whose rows fill them best",
  compare: byArrival,
  initial: {},
  watches: "changes",
  sharesMicroBatches: true,
  decide(view, memory) {
    const passed: Record<string, number> = { ...(memory as Passed) };
    const taken = Array.from({ length: view.resources.numPipelines }, (): FleetJob[] => []);
    const wishes: Wish[] = [];
    for (const job of view.placed) {
      taken[job.pipeline!]!.push(job);
      wishes.push({ job, pipeline: job.pipeline!, why: () => "it trains to its end" });
    }
    const waiting = [...view.waiting];
    const tokensOn = (pipeline: number): number => sum(taken[pipeline]!.map(({ tokens }) => tokens));
    for (;;) {
      const window = waiting.slice(0, WINDOW);
      const due = window.find(({ number }) => (passed[number] ?? 0) >= PATIENCE);
      const candidates = due === undefined ? window : [due];
      const pipelines = taken.map((_, pipeline) => pipeline).sort((a, b) => tokensOn(a) - tokensOn(b) || a - b);
      const found = firstOf(pipelines, (pipeline) => fillingBest(view, pipeline, taken[pipeline]!, candidates));
      if (found === undefined) break;
      const [pipeline, { job, empty }] = found;
      const place = waiting.indexOf(job);
      for (const { number } of waiting.slice(0, place)) passed[number] = (passed[number] ?? 0) + 1;
      waiting.splice(place, 1);
      delete passed[job.number];
      taken[pipeline]!.push(job);
      wishes.push({ job, pipeline, why: () => `${(100 * empty).toFixed(1)} % of the micro-batches stay empty` });
    }
    const there = new Set(waiting.map(({ number }) => `${number}`));
    return { wishes, memory: Object.fromEntries(Object.entries(passed).filter(([number]) => there.has(number))) };
  },
};
