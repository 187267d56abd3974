import { describe, expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import {
  type FleetEvent,
  fleetHistory,
  type HalvingPlan,
  halvingEvents,
  halvingRungs,
  halvingStep,
  type JournalLine,
  jobStory,
  type Resources,
  Scheduler,
  startHalving,
} from "../../../plan/index.ts";
import { mlora } from "../../../plan/scheduler/policies/priority.ts";
import type { Policy } from "../../../plan/scheduler/policy.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";

const NUM_JOBS = 16;
const ITERATIONS = 64;
/** Four jobs at once on each of two pipelines. */
const RESOURCES: Resources = {
  numPipelines: 2,
  isSteady: true,
  shortfall: (_, jobs) => (jobs.length > 4 ? { kind: "jobs", most: 4 } : undefined),
  kindOf: () => "all alike",
  iterationNs: () => 10,
  nextBytes: () => 1,
  nextLength: () => 1,
};
/** Losses are told at the end of every iteration. */
const POLICY: Policy = { ...mlora, watches: "iterations" };

/** Job 5 ends lowest, and 6 to 15 behind it in turn; 0 to 4 begin lower and end higher. */
function lossOf(job: number, iteration: number): number {
  const end = job < 5 ? 4 - 0.1 * job : 1 + 0.1 * (job - 5);
  return end + (job < 5 ? 1 : 8) / iteration;
}

/** A scheduler that is told what halving says of the losses of jobs, beside what happens to them. */
class HalvingScheduler extends Scheduler {
  readonly #plan: HalvingPlan;
  #state: ReturnType<typeof startHalving>;

  constructor(plan: HalvingPlan) {
    super(POLICY, RESOURCES);
    this.#plan = plan;
    this.#state = startHalving(plan);
  }

  override trigger(atNs: number, events: readonly FleetEvent[]): JournalLine {
    const all = [...events];
    for (const event of events) {
      if (event.kind !== "progress" && event.kind !== "ended") continue;
      const { number: job } = event;
      const { state, verdicts } = halvingStep(
        this.#plan,
        this.#state,
        event.kind === "ended"
          ? { kind: "gone", job }
          : { kind: "loss", job, iteration: event.done, loss: lossOf(job, event.done) },
      );
      this.#state = state;
      all.push(...verdicts.flatMap((verdict) => halvingEvents(verdict, verdict.job)));
    }
    return super.trigger(atNs, all);
  }
}

const JOBS = Array.from(
  { length: NUM_JOBS },
  (_, number): SimulatedJob => ({
    request: {
      ...{ name: `point${number}`, user: "", priority: 0, arrivalNs: number, deadlineNs: null },
      ...{ tokens: 1, iterations: ITERATIONS },
    },
    iterations: ITERATIONS,
  }),
);

function run(scheduler: Scheduler, isAhead: boolean): readonly JournalLine[] {
  const lines: JournalLine[] = [];
  new FleetRun(JOBS, scheduler, {
    numPipelines: RESOURCES.numPipelines,
    times: { iterationNs: (_, own) => own.map(({ number }) => 100 + number + 10 * own.length) },
    isAhead,
    onLine: (line) => void lines.push(line),
  }).run();
  return lines;
}

const swept = JOBS.map(() => ({ iterations: ITERATIONS, batchSize: 1 }));
const planOf = (synchronous: boolean): HalvingPlan => ({
  rungs: halvingRungs(swept, { firstRows: 4, eta: 2 }),
  ...{ eta: 2, keep: 1, over: 1, synchronous },
});

describe.each([
  ["asynchronous", false, false],
  ["asynchronous, with work queued ahead", false, true],
  ["synchronous", true, false],
] as const)("%s halving in a simulated fleet", (_, synchronous, isAhead) => {
  const plan = planOf(synchronous);
  const lines = run(new HalvingScheduler(plan), isAhead);
  const history = fleetHistory(lines);

  it("trains the best point to its end, and stops the others with their rank", () => {
    expect(plan.rungs[0]).toEqual([4, 8, 16, 32]);
    const ended = history.jobs.filter(({ outcome }) => outcome === "ended").map(({ request }) => request.name);
    expect(ended).toContain("point5");
    for (const { outcome, stoppedBy, why } of history.jobs) {
      if (outcome === "ended") continue;
      expect([outcome, stoppedBy]).toEqual(["stopped", "halving"]);
      expect(why).toMatch(
        /^\d+(st|nd|rd|th) of \d+ at \d+ iterations: loss \d\.\d{3}, at most \d+ goe?s? on, and the /,
      );
    }
    const worst = history.jobs[15]!;
    expect(jobStory(history, worst).at(-1)).toMatch(/^It was stopped by halving at .* of 64 iterations: /);
  });

  it("trains less than half of the iterations, and nobody is lost", () => {
    const trained = sum(history.jobs.map(({ iterations }) => iterations));
    expect(trained).toBeLessThan(0.5 * NUM_JOBS * ITERATIONS);
    const undisturbed = fleetHistory(run(new Scheduler(POLICY, RESOURCES), isAhead));
    expect(sum(undisturbed.jobs.map(({ iterations }) => iterations))).toBe(NUM_JOBS * ITERATIONS);
    expect(history.endNs).toBeLessThan(0.6 * undisturbed.endNs);
  });

  it("decides the same when its journal is replayed", () => {
    const replayed = new Scheduler(POLICY, RESOURCES);
    for (const line of lines) expect(replayed.trigger(line.atNs, line.events)).toEqual(line);
  });
});

describe("synchronous halving in a simulated fleet", () => {
  it("keeps the best half of every rung, as if all had come at once", () => {
    const history = fleetHistory(run(new HalvingScheduler(planOf(true)), false));
    let there = JOBS.map((_, job) => job);
    for (const rung of planOf(true).rungs[0]!) {
      there = [...there].sort((a, b) => lossOf(a, rung) - lossOf(b, rung)).slice(0, there.length / 2);
      const beyond = history.jobs.filter(({ iterations }) => iterations > rung).map(({ number }) => number);
      expect(beyond).toEqual([...there].sort((a, b) => a - b));
    }
  });
});
