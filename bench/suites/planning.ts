import { PlanError } from "../../core/index.ts";
import { CATALOG, makePlan, type PlanBody, type PlanRequest } from "../../plan/index.ts";
import { predictPlan } from "../../sim/index.ts";
import { LONG_TAILED, type PlanningCase, randomCase, requestOf } from "../planning-cases.ts";
import type { Case, Suite } from "../suite.ts";

const CASES = { full: 40, default: 40, quick: 4, tiny: 1 } as const;
const PARTS = [1, 2, 4, 8, 16];

function simulatedSeconds(plan: PlanBody): number {
  return predictPlan(plan).body.predicted.makespanSeconds;
}

/** Seconds of a plan as it was asked for; undefined where none fits. */
function secondsOf(request: PlanRequest): number | undefined {
  try {
    return simulatedSeconds(makePlan(request));
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}

/** Everything that a person with patience would try: each choice made by hand. */
function sweep(request: PlanRequest): readonly PlanRequest[] {
  const { jobs, devices } = request;
  const [first] = jobs;
  const sizes =
    first!.microBatchSize === undefined
      ? PARTS.filter((parts) => first!.batchSize % parts === 0).map((parts) => first!.batchSize / parts)
      : [first!.microBatchSize];
  const numDevices = devices.length;
  const pipelines = [1, 2, 4, 8].filter((count) => numDevices % count === 0 && count <= jobs.length);
  return (["none", "layer"] as const).flatMap((recompute) =>
    sizes.flatMap((microBatchSize) =>
      pipelines.flatMap((count) => {
        const perPipeline = Math.floor(jobs.length / count);
        const groups = [...new Set([1, Math.ceil(perPipeline / 2), perPipeline])];
        const stages = numDevices / count;
        return groups.flatMap((each) =>
          (["auto", stages, 2 * stages] as const).map((maxInFlight) => ({
            ...request,
            recompute,
            jobs: jobs.map((job) => ({ ...job, microBatchSize })),
            pipelines: count,
            groups: each,
            maxInFlight,
          })),
        );
      }),
    ),
  );
}

function planningCase(name: string, described: PlanningCase): Case {
  return {
    name,
    seconds: 12,
    run(bench) {
      const request = requestOf(described, CATALOG);
      const began = performance.now();
      const plan = makePlan({ ...request, simulatedNs: (body) => 1e9 * simulatedSeconds(body) });
      const planSeconds = (performance.now() - began) / 1e3;
      const chosen = simulatedSeconds(plan);
      const swept = sweep(request).flatMap((each) => secondsOf(each) ?? []);
      const best = Math.min(...swept);
      const { jobs, ...facts } = described;
      const { lengths, ...shape } = jobs;
      const parameters = { ...facts, ...shape, lengths: JSON.stringify(lengths) };
      const one = { parameters, repetitions: 1, spread: null };
      bench.record({ ...one, name: "time to plan", value: planSeconds, unit: "s" });
      bench.record({
        ...one,
        name: "predicted run",
        value: chosen,
        unit: "s",
        limit: { of: `best of ${swept.length} by hand`, share: best / chosen },
      });
    },
  };
}

export const planning: Suite = {
  describe: "plans as they are chosen against the best of a sweep over every choice by hand, by simulated time",
  cases({ scale }) {
    const random = Array.from({ length: CASES[scale] }, (_, seed) => planningCase(`random ${seed}`, randomCase(seed)));
    if (scale === "tiny") return random;
    return [planningCase("four 70B jobs of long-tailed lengths on 4 H100", LONG_TAILED), ...random];
  },
};
