import type { GoldenRun, StageSummary } from "./golden-run.ts";

/** "0-9", with halves of layers where a stage begins or ends inside one. */
function layersText({ firstLayer, endLayer, startsAtMlp, endsAtAttention }: StageSummary): string {
  const last = endsAtAttention === true ? `${endLayer}a` : `${endLayer - 1}`;
  return `${firstLayer}${startsAtMlp === true ? "m" : ""}-${last}`;
}

/** What a plan chose, by what it is called, in words that two plans are compared by; empty without a plan. */
export function choicesOf({ plan }: GoldenRun): Readonly<Record<string, string>> {
  if (plan === null) return {};
  const { schedule, groups, pipelines, stages, maxInFlight, jobsAtOnce, microBatches } = plan;
  return {
    schedule,
    pipelines: `${pipelines.length}`,
    groups: `${groups.length}`,
    "jobs of the groups": groups.map(({ jobs }) => jobs.join("+")).join(", "),
    "layers of the stages": stages.map(layersText).join(", "),
    "layers computed twice": stages.map(({ recomputedLayers }) => recomputedLayers).join(", "),
    "micro-batches in flight": maxInFlight === null ? "any" : maxInFlight.map((count) => count ?? "any").join(", "),
    "jobs at once": `${jobsAtOnce}`,
    "micro-batches": `${microBatches.length}`,
    "tokens of the largest micro-batch": `${microBatches.reduce((most, { tokens }) => Math.max(most, tokens), 0)}`,
  };
}
