import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { executePlan } from "../../exec/index.ts";
import { createCostModel, type Plan } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import type { Trace } from "../../traces/index.ts";
import { grow, growingSetting, grownPlan, inOneSegment, type Moment } from "../plan/grow.ts";
import { adapterBytes, packsAsPlanned, planSmall, type SmallCase, type SmallJob, smallCase } from "./small-run.ts";

const SECOND = 1e9;

const job = fc.record({
  rank: fc.integer({ min: 1, max: 6 }),
  dropout: fc.constantFrom(0, 0.1),
  steps: fc.integer({ min: 1, max: 5 }),
  batchSize: fc.constantFrom(2, 4),
  length: fc.integer({ min: 6, max: 30 }),
  spread: fc.integer({ min: 1, max: 20 }),
  optimizer: fc.constantFrom({}, { maxGradNorm: 0.5 }),
});

/** Some jobs on some devices, when each joins, which become one group, and when segments are cut. */
const runs = fc
  .record({
    jobs: fc.array(job, { minLength: 1, maxLength: 4 }),
    numDevices: fc.integer({ min: 1, max: 2 }),
    schedule: fc.constantFrom("lorapp", "lorapp-gpipe"),
  })
  .chain(({ jobs, numDevices, schedule }) => {
    // Constant costs: a forward takes a second, a backward two.
    const time = fc.integer({ min: 0, max: 80 }).map((half) => (half * SECOND) / 2);
    return fc.record({
      jobs: fc.constant(jobs),
      numDevices: fc.constant(numDevices),
      schedule: fc.constant(schedule),
      admissions: fc
        .array(time, { minLength: jobs.length, maxLength: jobs.length })
        .map((times) => times.map((atNs, group): Moment => ({ atNs, admit: [group] }))),
      merges: fc.array(
        fc.tuple(time, fc.nat(3), fc.nat(3)).map(([atNs, a, b]): Moment => ({ atNs, merge: [a, b] })),
        { maxLength: 2 },
      ),
      ahead: fc.integer({ min: 1, max: 60 }),
      cuts: fc.array(
        time.map((atNs): Moment => ({ atNs })),
        { minLength: 1, maxLength: 20 },
      ),
    });
  });

/** The jobs of a case in the order in which a grown plan has them. */
async function execute(given: SmallCase, plan: Plan, actionsAhead = 2048) {
  const indexOf = (name: string): number => given.jobs.findIndex((each) => each.name === name);
  const order = plan.jobs.map(({ name }) => indexOf(name));
  const { model, data, start } = given;
  const result = await executePlan({
    plan,
    model,
    rows: order.map((index) => data[index]!),
    start: order.map((index) => start[index]!),
    versions: {},
    actionsAhead,
  });
  return {
    ...result,
    adaptersOf: Object.fromEntries(plan.jobs.map(({ name }, i) => [name, adapterBytes(result.adapters[i]!)])),
    orders: plan.stages.map((_, stage) =>
      result.trace.events.filter((event) => event.stream === "compute" && event.stage === stage),
    ),
  };
}

describe("a plan that grows", () => {
  it("runs the same actions in the same order and trains the same bytes in one segment and in many", {
    tags: ["slow"],
  }, async () => {
    await fc.assert(
      fc.asyncProperty(runs, async ({ jobs, numDevices, schedule, admissions, merges, cuts, ahead }) => {
        const given = smallCase(jobs as readonly SmallJob[]);
        const devices = Array.from({ length: numDevices }, (_, device) => `cpu:${device}`).join();
        const fixed = planSmall(given, { devices, groups: "unfused", schedule });
        const many = grownPlan(growingSetting(fixed), grow(fixed, [...admissions, ...merges, ...cuts]));
        const one = inOneSegment(grownPlan(growingSetting(fixed), grow(fixed, [...admissions, ...merges])));
        expect(many.actions).toEqual(one.actions);
        const costModel = createCostModel(many.calibration, "float32");
        const simulated = simulate({ plan: many, planHash: many.hash, costModel });
        const [inMany, inOne] = [await execute(given, many, ahead), await execute(given, one)];
        expect(inMany.adaptersOf).toEqual(inOne.adaptersOf);
        many.actions.forEach((keys, stage) => {
          const ofStage = simulated.events.filter((event) => event.stream === "compute" && event.stage === stage);
          for (const order of [ofStage, inMany.orders[stage]!, inOne.orders[stage]!])
            expect(order.map(({ action }) => action)).toEqual(keys);
        });
        // Without groups that change, what a job trains does not depend on who runs beside it.
        if (merges.length === 0) {
          const alone = await execute(given, fixed);
          expect(inMany.adaptersOf).toEqual(alone.adaptersOf);
        }
        // Slots are as simulated; what else a device holds is planned to the byte where weights are packed as planned.
        many.memory.forEach(({ total, activations }, device) => {
          const most = ({ counters }: Pick<Trace, "counters">): number =>
            Math.max(
              ...counters
                .filter((each) => each.counter === "memory" && each.device === device)
                .map((each) => each.value),
            );
          const { peakBytes } = inMany.statistics[device]!.memory;
          expect(most(inMany.trace) - (peakBytes - activations)).toBe(most(simulated) - (total - activations));
          expect(most(simulated)).toBeLessThanOrEqual(total);
          if (packsAsPlanned()) expect(peakBytes).toBeLessThanOrEqual(total);
        });
      }),
      { numRuns: 60 },
    );
  });
});
