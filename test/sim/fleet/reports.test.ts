import { describe, expect, it } from "vitest";
import { Scheduler } from "../../../plan/index.ts";
import { fifo } from "../../../plan/scheduler/policies/fifo.ts";
import type { SimulatedJob } from "../../../sim/fleet/fleet-state.ts";
import { FleetRun, type Reports } from "../../../sim/fleet/run-fleet.ts";
import { places } from "./published-jobs.ts";

const ITERATION_NS = 100;
/** At 20, 60, 100, ... */
const EVERY_40: Reports = { firstNs: 20, everyNs: 40 };

function job(name: string, arrivalNs: number, iterations: number): SimulatedJob {
  const request = { name, user: "", priority: 0, arrivalNs, deadlineNs: null, tokens: 1, iterations };
  return { request, iterations };
}

/** When jobs start that have a place beside a first one of ten iterations. */
function startsOf(arrivals: readonly number[], reports?: Reports): readonly number[] {
  const jobs = [job("a", 0, 10), ...arrivals.map((ns) => job(`${ns}`, ns, 1))];
  const { outcomes } = new FleetRun(jobs, new Scheduler(fifo, places(jobs.length, 1)), {
    ...{ numPipelines: 1, isAhead: true },
    ...(reports === undefined ? {} : { reports }),
    times: { iterationNs: (_, own) => own.map(() => ITERATION_NS) },
  }).run();
  return outcomes.slice(1).map(({ startNs }) => startNs!);
}

describe("a job that comes to a pipeline with a free place", () => {
  it("starts with the next iteration's end where the scheduler hears of everything at once", () => {
    expect(startsOf([230])).toEqual([300]);
    expect(startsOf([200])).toEqual([200]);
  });

  it("starts when it comes, where an iteration has ended since the last report", () => {
    // Of the end at 200 the report at 220 tells.
    expect(startsOf([210], EVERY_40)).toEqual([210]);
    expect(startsOf([219], EVERY_40)).toEqual([219]);
    expect(startsOf([221], EVERY_40)).toEqual([300]);
  });

  it("is decided on together with those that come before the same report", () => {
    expect(startsOf([205, 215], EVERY_40)).toEqual([215, 215]);
    expect(startsOf([190, 215], EVERY_40)).toEqual([215, 215]);
    expect(startsOf([205, 225], EVERY_40)).toEqual([205, 300]);
  });

  it("starts at once where nobody trains", () => {
    expect(startsOf([1050], EVERY_40)).toEqual([1050]);
  });
});
