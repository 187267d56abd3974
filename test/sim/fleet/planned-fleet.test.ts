import { describe, expect, it } from "vitest";
import { lengthRows } from "../../../plan/actions/index.ts";
import type { LengthData } from "../../../plan/documents/data.ts";
import {
  createCostModel,
  type FleetWork,
  type PlanRequest,
  policyOf,
  Scheduler,
  type Segment,
  settingResources,
} from "../../../plan/index.ts";
import { FleetPlan } from "../../../plan/scheduler/fleet-plan.ts";
import { runFleetActions } from "../../../sim/fleet/run-actions.ts";
import { requestOf } from "../../../sim/fleet/simulate-fleet.ts";
import { fleetPlan, settingOfFleet, worksOfPlan } from "../../../sim/index.ts";
import { planUnpredicted } from "../../../sim/predict-plan.ts";
import { unitRequest } from "../../plan/unit-plan.ts";

const ARRIVAL = { user: "", arrivalNs: 0, deadlineNs: null };
const LENGTHS = [5, 30, 12, 50, 8, 21, 40, 16, 9];

/** Jobs with rows of different lengths, half of them cut as the planner likes. `onRow`: a row is cut into a micro-batch. */
function requestFor(numJobs: number, steps: number, onRow: () => void = () => {}): PlanRequest {
  const request = unitRequest({ numDevices: 2, numJobs, parts: 4, steps, lengths: LENGTHS, perTokens: 64 });
  const jobs = request.jobs.map(({ microBatchSize: _size, ...job }, index) => ({
    ...job,
    seed: index,
    adapter: { ...job.adapter, rank: [4, 8, 16][index % 3]! },
    ...(index % 2 === 0 ? { microBatchSize: 2 } : {}),
  }));
  // Of rows that are only looked at nobody asks how many tokens are scored.
  const rows = jobs.map((job) => {
    const own = lengthRows(job, job.data as LengthData);
    const scored = new Proxy(own.scored, {
      get(target, key, receiver) {
        if (typeof key === "string" && /^\d+$/.test(key)) onRow();
        return Reflect.get(target, key, receiver);
      },
    });
    return { ...own, scored };
  });
  return { ...request, jobs, rows, jobsAtOnce: 4 };
}

/** Rows that are cut until so many actions of each pipeline's first stage have passed. */
function rowsCut(numJobs: number, steps: number, actions: number): readonly [planned: number, trained: number] {
  let cut = 0;
  const request = requestFor(numJobs, steps, () => {
    cut += 1;
  });
  const plan = fleetPlan(request);
  const setting = settingOfFleet(plan, request);
  const costs = createCostModel(setting.calibration, "float32");
  const resources = settingResources({ setting, works: plan.works, most: 4, iterationNs: () => 1e9 });
  const scheduler = new Scheduler(policyOf("mlora", resources), resources);
  const fleet = new FleetPlan({ setting, costs, scheduler });
  let ahead = 0;
  const count = (pieces: readonly { readonly segment: Segment }[]): void => {
    for (const { segment } of pieces) ahead += segment.actions[0]!.length;
  };
  for (const work of plan.works) {
    fleet.submit(work, requestOf({ work, arrival: ARRIVAL }));
    count(fleet.decideIfIdle(0)?.pieces ?? []);
  }
  const planned = cut;
  for (let passed = 0; passed < actions && passed < ahead; passed += 1) count(fleet.passed(0, 0).pieces);
  return [planned, cut];
}

describe("a fleet that is planned", () => {
  it("cuts as few rows before its first decision however many steps are to come, and then those that are due", () => {
    const [few] = rowsCut(60, 500, 0);
    const [planned, trained] = rowsCut(60, 5000, 400);
    // Of 1.2 million.
    expect(planned).toBeLessThan(12_000);
    expect(Math.abs(planned - few)).toBeLessThan(0.1 * few);
    // 400 actions are of about as many rows; and each of four jobs that begin is looked at here and there.
    expect(trained - planned).toBeLessThan(4000);
    const [others] = rowsCut(600, 500, 0);
    expect(others).toBeLessThan(12_000);
  });

  it("has the works and the room of a plan with all steps, where that is made", () => {
    for (const [numJobs, steps] of [
      [3, 12],
      [40, 60],
    ] as const) {
      const request = requestFor(numJobs, steps);
      const { works, body } = fleetPlan(request);
      const whole = planUnpredicted({ ...request, groups: "unfused" }).body;
      const isWhole = numJobs === 3;
      if (isWhole) expect(body).toEqual(whole);
      worksOfPlan(whole).forEach((eager, index) => {
        if (eager.job.microBatchSize === undefined && !isWhole) return;
        expect([...works[index]!.steps].map(rowsOf)).toEqual([...eager.steps].map(rowsOf));
        expect(works[index]!.job).toEqual(eager.job);
      });
      const { room } = settingOfFleet({ ...fleetPlan(request), works }, request).pipelines[0]!;
      expect(room.maxSequence).toBe(50);
      expect(room.ranks).toEqual(whole.pipelines[0]!.room.ranks);
    }
  });

  it("grows by the same segments and decisions as one whose steps are all there", () => {
    const request = requestFor(12, 90);
    const plan = fleetPlan(request);
    const setting = settingOfFleet(plan, request);
    const costs = createCostModel(setting.calibration, "float32");
    for (const policy of ["mlora", "sjf", "fair"] as const) {
      const run = (works: readonly FleetWork[]): readonly string[] => {
        const iterationNs = (): number => 1e9;
        const resources = settingResources({ setting, works, most: 4, iterationNs });
        const told: string[] = [];
        runFleetActions({
          ...{ setting, costs, scheduler: new Scheduler(policyOf(policy, resources), resources) },
          jobs: works.map((work, number) => ({
            work,
            request: {
              ...requestOf({ work, arrival: { ...ARRIVAL, arrivalNs: 7e9 * number } }),
              user: `${number % 2}`,
            },
          })),
          onLine: (line) => void told.push(JSON.stringify(line)),
          onSegment: ({ hash }) => void told.push(hash),
        });
        return told;
      };
      const eager = plan.works.map(({ job, steps }): FleetWork => ({ job, steps: [...steps] }));
      expect(run(plan.works)).toEqual(run(eager));
    }
  });
});

/** Which rows each part has. */
function rowsOf(parts: FleetWork["steps"] extends Iterable<infer Parts> ? Parts : never) {
  return parts.map((rows) => rows.map(([, ...row]) => row));
}
