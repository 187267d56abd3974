import { CATALOG, type PlanRequest } from "../../plan/index.ts";
import { planAndPredict } from "../../sim/index.ts";
import { handSweep } from "../hand-sweep.ts";
import { LONG_TAILED, type PlanningCase, randomCase, requestOf } from "../planning-cases.ts";
import type { Case, Suite } from "../suite.ts";
import { unlikeCase, unlikeRequest } from "../unlike-cases.ts";

/** Random workloads of jobs that are alike, and of such that are not. */
const CASES = {
  full: { alike: 40, unlike: 100 },
  default: { alike: 8, unlike: 24 },
  quick: { alike: 2, unlike: 2 },
  tiny: { alike: 1, unlike: 1 },
} as const;

type Parameters = Readonly<Record<string, string | number>>;

function planningCase(name: string, seed: number, asked: () => [PlanRequest, Parameters]): Case {
  return {
    name,
    seconds: 15,
    run(bench) {
      const [request, parameters] = asked();
      const began = performance.now();
      const plan = planAndPredict(request);
      const planSeconds = (performance.now() - began) / 1e3;
      const chosen = plan.body.predicted.makespanSeconds;
      const { seconds, numTried } = handSweep(request, seed);
      const one = { parameters, repetitions: 1, spread: null };
      bench.record({ ...one, name: "time to plan", value: planSeconds, unit: "s" });
      bench.record({
        ...one,
        name: "predicted run",
        value: chosen,
        unit: "s",
        limit: { of: `best of ${numTried} by hand`, share: seconds / chosen },
      });
    },
  };
}

function alike(described: PlanningCase): [PlanRequest, Parameters] {
  const { jobs, ...facts } = described;
  const { lengths, ...shape } = jobs;
  return [requestOf(described, CATALOG), { ...facts, ...shape, lengths: JSON.stringify(lengths) }];
}

function unlike(seed: number): [PlanRequest, Parameters] {
  const described = unlikeCase(seed);
  const { jobs, ...facts } = described;
  return [unlikeRequest(described, CATALOG), { ...facts, numJobs: jobs.length }];
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export const planning: Suite = {
  describe: "plans as they are chosen against the best of a sweep over every choice by hand, by simulated time",
  cases({ scale }) {
    const counts = CASES[scale];
    return [
      ...(scale === "tiny"
        ? []
        : [planningCase("four 70B jobs of long-tailed lengths on 4 H100", 0, () => alike(LONG_TAILED))]),
      ...upTo(counts.unlike).map((seed) => planningCase(`unlike ${seed}`, seed, () => unlike(seed))),
      ...upTo(counts.alike).map((seed) => planningCase(`random ${seed}`, seed, () => alike(randomCase(seed)))),
    ];
  },
};
