import { describe, expect, it } from "vitest";
import type { FleetOutcome, Resources } from "../../../plan/index.ts";
import { Scheduler } from "../../../plan/index.ts";
import { adaptive } from "../../../plan/scheduler/policies/adaptive.ts";
import { fifo } from "../../../plan/scheduler/policies/fifo.ts";
import { sjf } from "../../../plan/scheduler/policies/sjf.ts";
import { withWarmUp } from "../../../plan/scheduler/policies/warm-up.ts";
import type { Policy } from "../../../plan/scheduler/policy.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { memoryAlone, places, publishedJobs } from "./published-jobs.ts";

const UNIT = { iterationNs: (_: number, jobs: readonly unknown[]) => jobs.map(() => 1) };

function run(jobs: readonly SimulatedJob[], policy: Policy, resources: Resources): readonly FleetOutcome[] {
  const scheduler = new Scheduler(policy, resources);
  return new FleetRun(jobs, scheduler, { numPipelines: resources.numPipelines, times: UNIT }).run().outcomes;
}

function figures(outcomes: readonly FleetOutcome[]) {
  const weights = outcomes.map((_, index) => 100 - index);
  const total = (of: (outcome: FleetOutcome, index: number) => number) =>
    outcomes.reduce((sum, outcome, index) => sum + of(outcome, index), 0);
  return {
    turnaround: Math.trunc(total(({ endNs }) => endNs!) / outcomes.length),
    weighted: Math.trunc(total(({ endNs }, index) => endNs! * weights[index]!) / weights.reduce((a, b) => a + b)),
    makespan: Math.max(...outcomes.map(({ endNs }) => endNs!)),
  };
}

const meanStart = (outcomes: readonly FleetOutcome[]): number =>
  outcomes.reduce((sum, { startNs }) => sum + startNs!, 0) / outcomes.length;

describe("the authors' own simulated workload", () => {
  it("takes under fifo, two at a time, what they published", () => {
    const outcomes = run(publishedJobs(50).jobs, fifo, places(2));
    expect(figures(outcomes)).toEqual({ turnaround: 6144, weighted: 4106, makespan: 12356 });
    expect(Math.trunc(meanStart(outcomes))).toBe(5899);
  });

  it("takes under the adaptive strategy what they published", () => {
    const { jobs, memory } = publishedJobs(50);
    const outcomes = run(jobs, adaptive({ size: 50, least: 2 }), memoryAlone(memory));
    expect(figures(outcomes)).toEqual({ turnaround: 4798, weighted: 3035, makespan: 10876 });
    // They count the first iteration itself as waiting there.
    expect(Math.trunc(meanStart(outcomes) + 1)).toBe(4488);
  });

  it("ends sooner where the window is kept full", () => {
    const { jobs, memory } = publishedJobs(50);
    const { turnaround } = figures(run(jobs, adaptive({ size: 50 }), memoryAlone(memory)));
    expect(turnaround).toBeLessThan(4798);
  });
});

describe("four jobs of six iterations on two places, of which two turn out hopeless after the third", () => {
  const job = (index: number, early: Partial<SimulatedJob> = {}): SimulatedJob => ({
    request: { name: `${index}`, user: "", priority: 0, arrivalNs: 0, deadlineNs: null, tokens: 1, iterations: 6 },
    iterations: 6,
    ...early,
  });
  const sum = (outcomes: readonly FleetOutcome[]): number => outcomes.reduce((all, { endNs }) => all + endNs!, 0);
  const stopped = { iterations: 3 };
  // After its first iteration a job is known to be one of those that are stopped.
  const foreseen = { ...stopped, predictions: [{ done: 1, predicted: 3 }] };

  it("end after 36 in all, first come, first served, without early stopping", () => {
    expect(
      sum(
        run(
          [1, 2, 3, 4].map((index) => job(index)),
          fifo,
          places(2),
        ),
      ),
    ).toBe(36);
  });

  it("end after 27 with it", () => {
    expect(sum(run([job(1), job(2, stopped), job(3, stopped), job(4)], fifo, places(2)))).toBe(27);
  });

  it("end after 26 where it is predicted after an iteration of each", () => {
    const resources = places(2);
    const policy = withWarmUp(sjf(resources), 1);
    expect(sum(run([job(1), job(2, foreseen), job(3, foreseen), job(4)], policy, resources))).toBe(26);
  });
});
