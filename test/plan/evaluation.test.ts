import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../core/index.ts";
import { type DividedRows, holdOut, lengthRows } from "../../plan/actions/job-rows.ts";
import {
  createCostModel,
  evaluatesAfter,
  formatAction,
  orderOf,
  type PlanBody,
  type PlanRequest,
  parseAction,
  passOf,
  SCHEDULES,
  stashPlacement,
  validatePlan,
} from "../../plan/index.ts";
import { residentsOf } from "../../plan/memory/residents.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { simulate } from "../../sim/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { grow, growingSetting, grownPlan, type Moment } from "./grow.ts";
import { type UnitPlanOptions, unitRequest } from "./unit-plan.ts";

type Evaluation = NonNullable<PlanRequest["jobs"][number]["evaluation"]>;

/** The jobs of a request, each with an evaluation or none. */
function evaluated(options: UnitPlanOptions, evaluations: readonly (Evaluation | undefined)[]): PlanBody {
  const request = unitRequest(options);
  const jobs = request.jobs.map((job, i) => {
    const evaluation = evaluations[i];
    return evaluation === undefined ? job : { ...job, evaluation };
  });
  const rows = jobs.map((job) => {
    if (!("lengths" in job.data)) throw new Error("expected lengths");
    return lengthRows(job, job.data);
  });
  return makePlan({ ...request, jobs, rows });
}

const evaluations = fc.option(
  fc.record({
    share: fc.constantFrom(0.05, 0.1),
    everySteps: fc.integer({ min: 1, max: 4 }),
    maxRows: fc.integer({ min: 1, max: 4 }),
    keepBest: fc.boolean(),
  }),
  { nil: undefined },
);

const plans = fc
  .record({
    numDevices: fc.integer({ min: 1, max: 3 }),
    numJobs: fc.integer({ min: 1, max: 4 }),
    parts: fc.integer({ min: 1, max: 3 }),
    steps: fc.integer({ min: 1, max: 6 }),
    transfer: fc.constantFrom(0, 0.5),
    lengths: fc.array(fc.integer({ min: 2, max: 60 }), { minLength: 1, maxLength: 4 }),
    schedule: fc.constantFrom(...SCHEDULES),
    groups: fc.constantFrom<"unfused" | 1 | 2>("unfused", 1, 2),
    maxInFlight: fc.constantFrom<"auto" | "none">("auto", "none"),
    clips: fc.boolean(),
    evaluations: fc.array(evaluations, { minLength: 4, maxLength: 4 }),
  })
  .map(({ clips, evaluations: own, groups, ...options }) => {
    const count = typeof groups === "number" ? Math.min(groups, options.numJobs) : groups;
    const fused = options.schedule === "lorapp" || options.schedule === "lorapp-gpipe" ? count : "unfused";
    return evaluated({ ...options, groups: fused, ...(clips ? { maxGradNorm: 1 } : {}) }, own);
  });

describe("a plan whose jobs are evaluated", () => {
  it("is valid, and evaluates the held-out rows after the steps that are due, and nowhere else", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(plans, (plan) => {
        validatePlan(plan);
        plan.jobs.forEach(({ evaluation, steps }, job) => {
          const due = Array.from({ length: steps }, (_, step) => step).filter(
            (step) => evaluation !== undefined && evaluatesAfter(evaluation, step, steps),
          );
          const rowsOf = (held: boolean) =>
            plan.microBatches
              .filter((microBatch) => (microBatch.evaluation === true) === held)
              .flatMap(({ step, rows }) => rows.filter(([own]) => own === job).map(([, row]) => ({ step, row })));
          const held = rowsOf(true);
          expect([...new Set(held.map(({ step }) => step))]).toEqual(due);
          const heldRows = new Set(held.map(({ row }) => row));
          expect(rowsOf(false).some(({ row }) => heldRows.has(row))).toBe(false);
        });
      }),
      { numRuns: 30 },
    );
  });

  it("evaluates on every stage between the update of the step and the next forward of the group", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const keys of plan.actions) {
          const order = keys.map(parseAction);
          order.forEach(({ letter, microBatch }, position) => {
            if (letter !== "E") return;
            const { group, step } = plan.microBatches[microBatch]!;
            const ofGroup = (at: number) => plan.microBatches[order[at]!.microBatch]!.group === group;
            const places = order.flatMap((_, at) => (ofGroup(at) ? [at] : []));
            const before = places.filter((at) => at < position).map((at) => order[at]!);
            const behind = places.filter((at) => at > position).map((at) => order[at]!);
            expect(before.filter((action) => action.letter === "U")).toHaveLength(step + 1);
            const stepOf = (index: number) => plan.microBatches[index]!.step;
            expect(behind.every((action) => action.letter === "E" || stepOf(action.microBatch) > step)).toBe(true);
          });
        }
      }),
      { numRuns: 30 },
    );
  });

  it("runs in virtual time within its buffers, in the order that is planned", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const trace = simulate({ plan, planHash: "", costModel: createCostModel(plan.calibration, "float32") });
        plan.actions.forEach((keys, device) => {
          const own = trace.events.filter((event) => event.device === device && event.stream === "compute");
          expect(own.map(({ action }) => action)).toEqual(keys);
        });
        const sent = trace.events.filter(({ stream, letter }) => stream === "send" && letter === "E");
        const evaluatedBatches = plan.microBatches.filter(({ evaluation }) => evaluation === true).length;
        expect(sent).toHaveLength(evaluatedBatches * (plan.stages.length - 1));
        const peaks = plan.stages.map((_, device) =>
          Math.max(...trace.counters.flatMap((one) => (one.device === device ? [one.value] : []))),
        );
        expect(peaks).toEqual(plan.memory.map(({ total }) => total));
        const { tokens } = runMetrics({ ...plan, hash: "" }, trace);
        const trained = plan.microBatches.filter(({ evaluation }) => evaluation === undefined);
        expect(tokens).toBe(sum(trained.flatMap(({ rows }) => rows.map(([, , count]) => count))));
      }),
      { numRuns: 30 },
    );
  });

  it("keeps an adapter on a stage until its last evaluation there, and a slot only while it is evaluated", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        plan.actions.forEach((keys) => {
          const order = keys.map(parseAction);
          const { last } = residentsOf(orderOf(order), plan);
          const { used, left } = stashPlacement(orderOf(order), plan.microBatches);
          order.forEach(({ letter, microBatch }, position) => {
            for (const [job] of plan.microBatches[microBatch]!.rows) expect(last[job]).toBeGreaterThanOrEqual(position);
            expect(left[position]).toBeLessThanOrEqual(used[position]!);
            if (letter !== "E") expect(left[position]).toBe(used[position]);
            else expect(left[position]).toBe(left[position - 1]);
          });
        });
      }),
      { numRuns: 25 },
    );
  });
});

it("a plan that grows is evaluated like one that is made whole, whenever its groups come, merge and are cut", {
  tags: ["slow"],
}, () => {
  fc.assert(
    fc.property(
      fc.array(evaluations, { minLength: 3, maxLength: 3 }),
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 3, maxLength: 3 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat(3), fc.nat(3)), { maxLength: 2 }),
      fc.constantFrom("lorapp", "lorapp-gpipe"),
      (own, admissions, merges, schedule) => {
        const plan = evaluated({ numDevices: 2, numJobs: 3, parts: 2, steps: 4, groups: "unfused", schedule }, own);
        const moments = [
          ...admissions.map((second, group): Moment => ({ atNs: second * 1e9, admit: [group] })),
          ...merges.map(([second, a, b]): Moment => ({ atNs: second * 1e9, merge: [a, b] })),
          ...[5, 11, 17].map((second): Moment => ({ atNs: second * 1e9 })),
        ];
        const grown = grownPlan(growingSetting(plan), grow(plan, moments));
        validatePlan(grown);
        const rowsOf = ({ jobs, microBatches }: PlanBody) =>
          jobs
            .map(({ name }, job) => {
              const held = microBatches.filter(({ evaluation }) => evaluation === true).flatMap(({ rows }) => rows);
              return { name, count: held.filter(([of]) => of === job).length };
            })
            .sort((a, b) => a.name.localeCompare(b.name));
        expect(rowsOf(grown)).toEqual(rowsOf(plan));
        simulate({ plan: grown, planHash: "", costModel: createCostModel(plan.calibration, "float32") });
      },
    ),
    { numRuns: 25 },
  );
});

describe("plans that are wrong", () => {
  const plan = evaluated({ numDevices: 2, numJobs: 2, parts: 2, steps: 3 }, [
    { share: 0.05, everySteps: 1, keepBest: true },
    undefined,
  ]);
  const moved = (from: string, to: (keys: readonly string[]) => number): PlanBody => ({
    ...plan,
    actions: plan.actions.map((keys, stage) => {
      if (stage !== 1) return keys;
      const rest = keys.filter((key) => key !== from);
      const at = to(rest);
      return [...rest.slice(0, at), from, ...rest.slice(at)];
    }),
  });
  const first = plan.microBatches.find(({ evaluation }) => evaluation === true)!;
  const key = formatAction({ stage: 1, letter: "E", microBatch: first.index });
  const isOf = (each: string, letter: string, step: number): boolean => {
    const action = parseAction(each);
    const { group, step: own } = plan.microBatches[action.microBatch]!;
    return action.letter === letter && group === first.group && own === step;
  };

  it("are refused: an evaluation before the update of its step, or behind the next step's first forward", () => {
    expect(() => validatePlan(moved(key, () => 0))).toThrow(
      /the update of step 0 of group 0, and no later one, before/,
    );
    const behind = moved(key, (rest) => rest.findIndex((each) => isOf(each, "F", 1)) + 1);
    expect(() => validatePlan(behind)).toThrow(/all evaluations of step 0 of group 0 before/);
  });

  it("are refused: an evaluation left out, one of rows that are trained on, and a job that misses one", () => {
    const without = { ...plan, actions: plan.actions.map((keys) => keys.filter((each) => !/E/.test(each))) };
    expect(() => validatePlan(without)).toThrow(
      /all evaluations of step 0 of group 0 before|an evaluation of micro-batch/,
    );
    const trained = plan.actions.map((keys) => keys.map((each) => each.replace("E", "F")));
    expect(() => validatePlan({ ...plan, actions: trained })).toThrow(
      /an evaluation, and nothing else, of micro-batch/,
    );
    const jobs = plan.jobs.map((job) => ({ ...job, evaluation: { share: 0.05, everySteps: 3, keepBest: true } }));
    expect(() => validatePlan({ ...plan, jobs })).toThrow(/no evaluation of job job1 after its step 0/);
  });
});

describe("holdOut", () => {
  const held = (numRows: number, share: number, maxRows?: number): DividedRows =>
    holdOut({ share, ...(maxRows === undefined ? {} : { maxRows }) }, numRows);

  it("divides the rows, the same way each time, and leaves one to train on", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (count, share) => {
          const { training, evaluation } = held(count, share);
          expect([...training, ...evaluation].sort((a, b) => a - b)).toEqual(
            Array.from({ length: count }, (_, i) => i),
          );
          expect(training.length).toBeGreaterThan(0);
          expect(evaluation.length).toBeGreaterThan(0);
          expect(held(count, share)).toEqual({ training, evaluation });
        },
      ),
    );
    expect(held(100, 0.1).evaluation).toHaveLength(10);
    expect(held(100, 0.1, 3).evaluation).toHaveLength(3);
  });
});

it("an evaluation goes the way of a forward", () => {
  expect(passOf("E")).toBe("F");
});
