import { describe, expect, it } from "vitest";
import { createCostModel, fleetSetting, type StatesRoom } from "../../../plan/index.ts";
import { type SimulatedFleet, simulateFleet, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";

const SECOND = 1e9;
const JOB = { rank: 2, steps: 40, batchSize: 2, microBatchSize: 2, length: 8 };

/** Of jobs that are alike. A forward takes a second, a backward two. */
function simulated(
  states: Partial<StatesRoom> | undefined,
  granularity: "iterations" | "actions",
  { policy = "priority" as const, jobs = [0, 1], most = 1 } = {},
): SimulatedFleet {
  const plan = planSmall(smallCase(jobs.map(() => JOB)), { devices: "unit*1", groups: "unfused" });
  const members = worksOfPlan(plan).map((work, i) => ({
    work: { ...work, job: { ...work.job, priority: i } },
    arrival: { user: "", arrivalNs: jobs[i]! * SECOND, deadlineNs: null },
  }));
  const room = { hostBytes: null, linkBytesPerSecond: [null], diskBytesPerSecond: null, ...states };
  const setting = { ...fleetSetting(plan), ...(states === undefined ? {} : { states: room }) };
  return simulateFleet({
    setting,
    costs: createCostModel(plan.calibration, "float32"),
    members,
    policy,
    most,
    granularity,
  });
}

/** Bytes of a state, that of the job that makes way. */
const STATE = simulated({}, "iterations", { jobs: [0, 20] }).mostStates.memory;

describe.each(["iterations", "actions"] as const)("states that move, simulated by %s", (granularity) => {
  const jobs = [0, 20];
  const free = simulated(undefined, granularity, { jobs });
  const secondsMore = (states: Partial<StatesRoom>): number =>
    simulated(states, granularity, { jobs }).metrics.makespanSeconds - free.metrics.makespanSeconds;

  it("take what their bytes take on the link: parameters of two starts, and a state that leaves and comes again", () => {
    expect(STATE).toBeGreaterThan(0);
    expect(free.mostStates).toEqual({ memory: STATE, disk: 0 });
    const moved = 2 * (STATE / 3) + 2 * STATE;
    expect(secondsMore({ linkBytesPerSecond: [STATE / 6] })).toBeCloseTo((6 * moved) / STATE, 6);
  });

  it("take as long again on the disk where memory has no room for them", () => {
    const states = { hostBytes: STATE - 1, diskBytesPerSecond: STATE / 5 };
    expect(secondsMore(states)).toBeCloseTo(10, 6);
    expect(simulated(states, granularity, { jobs }).mostStates).toEqual({ memory: 0, disk: STATE });
  });

  it("take nothing while there is work in the queue, and hold up all jobs of the pipeline beyond that", () => {
    const both = { jobs: [0, 20], most: 2 };
    const more = (parameterSeconds: number): number => {
      const states = { linkBytesPerSecond: [STATE / 3 / parameterSeconds] };
      const [slow, fast] = [simulated(states, granularity, both), simulated(undefined, granularity, both)];
      return slow.metrics.makespanSeconds - fast.metrics.makespanSeconds;
    };
    // The first one begins with its own parameters, whatever comes later.
    expect(more(0.04)).toBeCloseTo(0.04, 6);
    expect(Math.abs(more(100) - 199.95)).toBeLessThan(3);
  });
});
