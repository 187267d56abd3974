import { quantile } from "../../core/index.ts";
import type { Golden, JournalLine } from "../../plan/index.ts";
import { emptyRun, type GoldenRun, type SeenAction } from "../../studies/index.ts";

export const GOLDEN: Golden = {
  ...{ name: "one", guards: "what is tried", workload: "w.yaml", devices: "unit*2", options: {} },
  ...{ tolerance: 0.001, anyOrder: false, byActions: false },
};

/** Actions of a device one after another: kinds with their milliseconds, and pauses. */
export function actionsOn(
  device: string,
  ...parts: readonly (readonly [kind: string, ms: number])[]
): readonly SeenAction[] {
  let now = 0;
  return parts.flatMap(([kind, ms], index): SeenAction[] => {
    const startNs = now;
    now += 1e6 * ms;
    if (kind === "pause") return [];
    const what = { kind, name: `${kind} ${index}`, jobs: ["a"], step: 0, tokens: 64, bytes: 0 };
    return [{ device, stream: "compute", ...what, startNs, endNs: now }];
  });
}

/** A run of a plan of one job that takes as long as its actions. */
export function plannedRun(actions: readonly SeenAction[], change: Partial<GoldenRun> = {}): GoldenRun {
  const seconds = Math.max(...actions.map(({ endNs }) => endNs)) / 1e9;
  return {
    ...emptyRun("one"),
    actions,
    plan: {
      ...{ schedule: "lorapp", maxInFlight: [2, 1], jobsAtOnce: 1, groups: [{ jobs: ["a"] }] },
      pipelines: [{ devices: ["d0", "d1"] }],
      stages: ["d0", "d1"].map((device, stage) => ({
        ...{ device, firstLayer: 4 * stage, endLayer: 4 * stage + 4, recomputedLayers: 0, memory: { total: 1000 } },
      })),
      microBatches: [{ jobs: ["a"], tokens: 64 }],
    },
    metrics: {
      ...{ makespanSeconds: seconds, tokensPerSecond: 64 / seconds },
      jobs: [{ name: "a", turnaroundSeconds: seconds }],
    },
    ...change,
  };
}

/** Jobs that come at some seconds and are on pipeline 0 from and until others, under a scheduler. */
export function fleetRun(
  jobs: readonly {
    readonly name: string;
    readonly user?: string;
    readonly at: number;
    readonly from: number;
    readonly to: number;
  }[],
): GoldenRun {
  const ns = (seconds: number): number => 1e9 * seconds;
  const journal = jobs
    .flatMap(({ name, user = "u", at, from, to }, number) => {
      const request = { name, user, priority: 0, arrivalNs: ns(at), deadlineNs: null, iterations: 5, tokens: 10 };
      const line = (atNs: number, events: JournalLine["events"], decisions: JournalLine["decisions"]): JournalLine => {
        return { line: 0, atNs, events, decisions };
      };
      return [
        line(ns(at), [{ kind: "arrived", number, request, predicted: 5 }], []),
        line(ns(from), [], [{ kind: "start", number, name, pipeline: 0, why: `its turn at ${from}` }]),
        line(
          ns(to),
          [
            { kind: "progress", number, done: 5, between: false },
            { kind: "ended", number },
          ],
          [],
        ),
      ];
    })
    .sort((a, b) => a.atNs - b.atNs);
  const turnarounds = jobs.map(({ at, to }) => to - at);
  const mean = turnarounds.reduce((sum, each) => sum + each, 0) / jobs.length;
  return {
    ...emptyRun("one"),
    journal,
    metrics: {
      ...{
        makespanSeconds: Math.max(...jobs.map(({ to }) => to)),
        tokensPerSecond: (50 * jobs.length) / Math.max(...jobs.map(({ to }) => to)),
        fairness: 1,
        refused: 0,
      },
      turnaroundSeconds: { mean, p95: quantile(turnarounds, 0.95) },
      weightedTurnaroundSeconds: mean,
      jobs: jobs.map(({ name, at, from, to }, number) => ({
        ...{
          number,
          name,
          arrivalNs: ns(at),
          deadlineNs: null,
          startNs: ns(from),
          endNs: ns(to),
          trainedNs: ns(to - from),
        },
        ...{ iterations: 5, preemptions: 0, refused: false },
      })),
    },
  };
}
