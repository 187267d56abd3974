import { describe, expect, it } from "vitest";
import { createRng } from "../../../core/index.ts";
import { Scheduler } from "../../../plan/index.ts";
import { fifo } from "../../../plan/scheduler/policies/fifo.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { someOf } from "../../level.ts";
import { places } from "./published-jobs.ts";

/** Nanoseconds of an iteration: many to a job, so that its time is exponential but for rounding. */
const ITERATION_NS = 1000;
const SERVICE_NS = 1e6;

/** Jobs that come at random, a Poisson process, and take exponential times. */
function randomJobs(count: number, load: number, servers: number): readonly SimulatedJob[] {
  const rng = createRng(`queue ${load} ${servers}`);
  const exponential = (mean: number): number => -mean * Math.log(1 - rng.nextFloat());
  let atNs = 0;
  return Array.from({ length: count }, (_, index) => {
    atNs += exponential(SERVICE_NS / (load * servers));
    const iterations = Math.max(1, Math.round(exponential(SERVICE_NS) / ITERATION_NS));
    const request = {
      name: `${index}`,
      user: "",
      priority: 0,
      arrivalNs: Math.round(atNs),
      deadlineNs: null,
      tokens: 1,
    };
    return { request: { ...request, iterations }, iterations };
  });
}

/** Probability that a job has to wait (Erlang C), times its mean wait: of an M/M/k queue, in service times. */
function meanWait(load: number, servers: number): number {
  const offered = load * servers;
  let term = 1;
  let sum = 0;
  for (let k = 0; k < servers; k += 1) {
    sum += term;
    term *= offered / (k + 1);
  }
  const busy = term / (1 - load);
  return busy / (sum + busy) / (servers * (1 - load));
}

describe("a fleet of one job a pipeline, first come, first served", () => {
  const loads = [
    [0.5, 1],
    [0.8, 1],
    [0.7, 2],
    [0.8, 5],
  ] as const;

  it.each(someOf(loads, { quick: 1, all: 1 }))(
    "under a load of %d on %d pipelines makes jobs wait as M/M/k does",
    { tags: ["slow"] },
    (load, servers) => {
      const jobs = randomJobs(200_000, load, servers);
      const resources = places(1, servers);
      const run = new FleetRun(jobs, new Scheduler(fifo, resources), {
        numPipelines: servers,
        times: { iterationNs: (_, own) => own.map(() => ITERATION_NS) },
      });
      const { outcomes, makespanNs } = run.run();
      const mean = (of: (outcome: (typeof outcomes)[number]) => number): number =>
        outcomes.reduce((sum, outcome) => sum + of(outcome), 0) / outcomes.length;
      const waitNs = mean(({ startNs, arrivalNs }) => startNs! - arrivalNs);
      expect(waitNs / SERVICE_NS / meanWait(load, servers)).toBeGreaterThan(0.95);
      expect(waitNs / SERVICE_NS / meanWait(load, servers)).toBeLessThan(1.05);
      // Little's law: jobs in the fleet, on average, are the rate at which they come times how long they stay.
      const stayNs = mean(({ endNs, arrivalNs }) => endNs! - arrivalNs);
      const moments = outcomes.flatMap(({ arrivalNs, endNs }) => [
        [arrivalNs, 1],
        [endNs!, -1],
      ]);
      moments.sort(([a], [b]) => a! - b!);
      let [there, lastNs, area] = [0, 0, 0];
      for (const [atNs, change] of moments) {
        area += there * (atNs! - lastNs);
        there += change!;
        lastNs = atNs!;
      }
      expect(area / makespanNs / ((outcomes.length / makespanNs) * stayNs)).toBeCloseTo(1, 9);
    },
  );
});
