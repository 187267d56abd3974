import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlanError, sum } from "../../core/index.ts";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import {
  createCostModel,
  type LengthData,
  type PlanBody,
  parseAction,
  restOfPlan,
  SCHEDULES,
} from "../../plan/index.ts";
import { joinPipelines } from "../../plan/planner/join-pipelines.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { type InterruptedRun, type Interruptions, interruptedRun, predictPlan, simulate } from "../../sim/index.ts";
import { partOfSteps, planOfPart } from "../../traces/index.ts";
import { type UnitPlanOptions, unitCalibration, unitPlan, unitRequest } from "../plan/unit-plan.ts";

const AMPLE: Interruptions = {
  everySeconds: 10,
  noticeSeconds: 1000,
  checkpointSeconds: 2,
  restartSeconds: 5,
  checkpointEverySeconds: 0,
  checkpointEverySteps: 0,
};

function interrupted(plan: PlanBody, choice: Partial<Interruptions> = {}): InterruptedRun {
  return interruptedRun({ plan, calibration: plan.calibration, interruptions: { ...AMPLE, ...choice } });
}

function seconds({ makespanNs, totalNs, count, causesNs }: InterruptedRun): object {
  const causes = Object.entries(causesNs).flatMap(([cause, ns]) => (ns === 0 ? [] : [[cause, ns / 1e9]]));
  return { makespan: makespanNs / 1e9, total: totalNs / 1e9, count, causes: Object.fromEntries(causes) };
}

/** On one device a step takes 3 s, in 3 actions; its queue holds 40 ahead. */
const ALONE = { numDevices: 1, numJobs: 1, parts: 1, steps: 40 };

describe("a run that is interrupted again and again", () => {
  it("takes as long as without where no notice comes before its end", () => {
    const none = { makespan: 120, total: 120, count: 0, causes: {} };
    expect(seconds(interrupted(unitPlan(ALONE), { everySeconds: 120 }))).toEqual(none);
  });

  // After 10 s 10 actions have ended and 40 are queued: the last of these is of step 17. So it is in the next start. In
  // the third all of the 6 steps that are left have begun.
  it("finishes what is queued, and costs a checkpoint and a restart each time", () => {
    expect(seconds(interrupted(unitPlan(ALONE)))).toEqual({
      ...{ makespan: 120, total: 134, count: 2 },
      causes: { checkpoint: 4, restart: 10 },
    });
  });

  it("waits for the last device and fills the first ones again, which costs what they are idle", () => {
    // The second stage waits 2 s for the last backward of the first one, and 1 s for the first forward.
    const plan = unitPlan({ numDevices: 2, numJobs: 2, parts: 1, steps: 30, groups: "unfused" });
    expect(seconds(interrupted(plan, { everySeconds: 60 }))).toEqual({
      ...{ makespan: 183, total: 193, count: 1 },
      causes: { drain: 2, checkpoint: 2, restart: 5, fill: 1 },
    });
  });

  it("loses what the last checkpoint has not, where the notice is too short", () => {
    // After 30 s step 24 has begun, which is there at 72 s; the next one would be due at 102 s.
    const byTime = { everySeconds: 100, noticeSeconds: 5, checkpointEverySeconds: 30 };
    expect(seconds(interrupted(unitPlan(ALONE), byTime))).toEqual({
      ...{ makespan: 120, total: 72 + 33 + 5 + 48, count: 1 },
      causes: { restart: 5, lost: 33 },
    });
  });

  it("goes on from a checkpoint by steps, whichever is the last", () => {
    const bySteps = { everySeconds: 100, noticeSeconds: 5, checkpointEverySteps: 10 };
    expect(seconds(interrupted(unitPlan(ALONE), bySteps))).toEqual({
      ...{ makespan: 120, total: 90 + 15 + 5 + 30, count: 1 },
      causes: { restart: 5, lost: 15 },
    });
  });

  it("counts the checkpoint to what the notice has to hold", () => {
    const plan = unitPlan(ALONE);
    // 17 steps end at 51 s, and a checkpoint takes 2 s.
    expect(interrupted(plan, { noticeSeconds: 43 }).causesNs.lost).toBe(0);
    expect(() => interrupted(plan, { noticeSeconds: 42.999 })).toThrow(PlanError);
  });

  it("says what would help where no start keeps anything of its work", () => {
    const short = (): unknown => interrupted(unitPlan(ALONE), { everySeconds: 10, noticeSeconds: 5 });
    expect(short).toThrow(/progress between two interruptions.* within the notice of 5.00 s.*43.00 s/);
    expect(short).toThrow(/Hint: A longer notice, more checkpoints \(--checkpoint-minutes/);
    // The last checkpoint of a start that gets nowhere new is none.
    const late = { everySeconds: 60, noticeSeconds: 5, checkpointEverySeconds: 50 };
    expect(() => interrupted(unitPlan(ALONE), late)).toThrow(/progress/);
  });

  it("refuses more interruptions than can be simulated", () => {
    expect(() => interrupted(unitPlan(ALONE), { everySeconds: 0.1 })).toThrow(/at most 1000 interruptions/);
  });

  it("takes times that are as many times those of the calibration", () => {
    const options: UnitPlanOptions = { numDevices: 2, numJobs: 2, parts: 2, steps: 30, transfer: 0.5, update: 0.25 };
    const plan = unitPlan(options);
    const interruptions = { ...AMPLE, everySeconds: 37 };
    const calibration = unitCalibration({ forward: 2, backward: 4, transfer: 1, update: 0.5 });
    expect(interruptedRun({ plan, calibration: plan.calibration, interruptions, slower: 2 })).toEqual(
      interruptedRun({ plan, calibration, interruptions }),
    );
  });

  it("queues nothing beside prompts that are answered, so that less has begun", () => {
    const request = unitRequest(ALONE);
    const sample = { prompts: [5], everySteps: 1, maxTokens: 2 };
    const jobs = request.jobs.map((job) => ({ ...job, sample }));
    const rows = jobs.map((job) => lengthRows(job, job.data as LengthData));
    const sampled = makePlan({ ...request, jobs, rows });
    expect(interrupted(sampled, { noticeSeconds: 20 }).causesNs.lost).toBe(0);
    expect(() => interrupted(unitPlan(ALONE), { noticeSeconds: 20 })).toThrow(PlanError);
  });
});

/** Jobs of other lengths and steps, some with evaluations, on one or two pipelines, some over links that block. */
const plans = fc
  .record({
    pipelines: fc.array(
      fc.record({
        numDevices: fc.integer({ min: 1, max: 3 }),
        steps: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
        everySteps: fc.constantFrom(undefined, 3),
        parts: fc.integer({ min: 1, max: 2 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    transfer: fc.constantFrom(0, 0.5),
    schedule: fc.constantFrom(...SCHEDULES),
    groups: fc.constantFrom("auto" as const, "unfused" as const),
    isBlocking: fc.boolean(),
  })
  .map(({ pipelines, isBlocking, ...shared }): PlanBody => {
    let nextJob = 0;
    const parts = pipelines.map(({ steps, everySteps, ...own }, part) => {
      const lengths = [10, 20, 60];
      const request = unitRequest({ ...own, ...shared, numJobs: steps.length, steps: 1, lengths, perTokens: 16 });
      const numbers = steps.map(() => nextJob++);
      const jobs = request.jobs.map((job, i) => ({
        ...{ ...job, name: `job${numbers[i]}`, steps: steps[i]! },
        ...(everySteps === undefined ? {} : { evaluation: { share: 0.1, everySteps, maxRows: 2, keepBest: false } }),
      }));
      const rows = jobs.map((job) => lengthRows(job, job.data as LengthData));
      const devices = request.devices.map((device) => ({ ...device, name: `p${part}.${device.name}` }));
      const links = request.links.map((link) => ({ ...link, id: `p${part}.${link.id}` }));
      return { body: makePlan({ ...request, jobs, rows, devices, links }), jobs: numbers };
    });
    const plan = joinPipelines(parts);
    if (!isBlocking) return plan;
    return { ...plan, links: plan.links.map((link) => link && { ...link, transfers: "blocking" as const }) };
  });
const choices = fc.record({
  everySeconds: fc.constantFrom(5, 20, 61.5, 200),
  noticeSeconds: fc.constantFrom(1, 30, 1000),
  checkpointEverySeconds: fc.constantFrom(0, 10, 40),
  checkpointEverySteps: fc.constantFrom(0, 1, 7),
});

it("adds up to the nanosecond, and ends, whatever the plan", { tags: ["slow"] }, () => {
  fc.assert(
    fc.property(plans, choices, (plan, choice) => {
      let run: InterruptedRun;
      try {
        run = interrupted(plan, choice);
      } catch (error) {
        expect(error).toBeInstanceOf(PlanError);
        expect(choice.noticeSeconds).toBeLessThan(1000);
        return;
      }
      const { causesNs, makespanNs, totalNs, count } = run;
      expect(makespanNs).toBe(Math.round(1e9 * predictPlan(plan).body.predicted.makespanSeconds));
      expect(makespanNs + sum(Object.values(causesNs))).toBe(totalNs);
      expect(causesNs.restart).toBe(count * 5e9);
      expect(causesNs.checkpoint % 2e9).toBe(0);
      expect(causesNs.checkpoint).toBeLessThanOrEqual(count * 2e9);
      expect(causesNs.lost === 0).toBe(causesNs.checkpoint === count * 2e9);
      for (const cause of ["checkpoint", "restart", "lost"] as const) expect(causesNs[cause]).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 60 },
  );
});

it("is one start, a checkpoint, a restart and the rest of the plan", () => {
  const plan = unitPlan({ numDevices: 3, numJobs: 2, parts: 2, steps: 40, transfer: 0.25, groups: 1 });
  const { events } = simulate({ plan, planHash: "", costModel: createCostModel(plan.calibration, "float32") });
  // Each device's queue has 40 actions more than have ended.
  const begun = plan.actions.flatMap((keys, device) => {
    const own = events.filter((event) => event.stream === "compute" && event.device === device);
    const ended = own.filter(({ startNs, durationNs }) => startNs + durationNs <= 100e9).length;
    return keys.slice(0, ended + 40).map((key) => plan.microBatches[parseAction(key).microBatch]!.step + 1);
  });
  const steps = Math.max(...begun);
  expect(steps).toBeGreaterThan(5);
  const start = planOfPart(plan, partOfSteps(plan, [steps]));
  const rest = restOfPlan(plan, [steps, steps])!;
  const [first, second] = [start, rest].map((part) => predictPlan(part).body.predicted.makespanSeconds);
  const { totalNs } = interrupted(plan, { everySeconds: 100, noticeSeconds: 1000 });
  const again = interrupted(rest, { everySeconds: 100 }).totalNs - interrupted(rest, { everySeconds: 1e6 }).totalNs;
  expect(totalNs - again).toBe(Math.round(1e9 * (first! + 2 + 5 + second!)));
});
