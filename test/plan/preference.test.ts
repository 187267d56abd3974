import { expect, test } from "vitest";
import { lengthRows, microBatchTokens, trainedTokens } from "../../plan/actions/index.ts";
import { stageOperators } from "../../plan/costs/operators.ts";
import { stageShapes } from "../../plan/costs/stage-shapes.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { type LossSpec, lossSchema } from "../../plan/documents/loss.ts";
import { jobSchema } from "../../plan/documents/workload.ts";
import type { PlanBody, PlannedRow } from "../../plan/index.ts";
import { packGreedily } from "../../plan/packing/pack-rows.ts";
import { packMiniBatch } from "../../plan/packing/packed-groups.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { validatePlan } from "../../plan/validate/validate-plan.ts";
import { unitRequest } from "./unit-plan.ts";

/** One job of 4 rows a step, of the given lengths. */
function planOf(loss: unknown, microBatchSize = 2, lengths: LengthData["lengths"] = 16): PlanBody {
  const request = unitRequest({ numDevices: 2, numJobs: 1, parts: 4, steps: 3, lengths, perTokens: 16 });
  const job = jobSchema.parse({ ...request.jobs[0]!, microBatchSize, cutoffLength: 8192, loss });
  return makePlan({ ...request, jobs: [job], rows: [lengthRows(job, job.data as LengthData)] });
}

test.each([
  ["cpo", 2, 1],
  ["simpo", 2, 1],
  ["orpo", 2, 1],
  ["dpo", 4, 2],
] as const)("a row of %s is planned as %d sequences, of which the base has the rest", (kind, sequences, times) => {
  const plan = planOf({ kind });
  validatePlan(plan);
  for (const { rows } of plan.microBatches) {
    expect(rows).toHaveLength(2);
    for (const [, , tokens, scored, compared] of rows) {
      expect(tokens).toBe(16 * sequences);
      expect(compared!.answers).toEqual([
        [16, 8, 8],
        [16, 8, 8],
      ]);
      expect(scored).toBe(kind === "orpo" ? 15 + 8 : 16 * times);
    }
    expect(microBatchTokens({ rows })).toBe(times * trainedTokens({ rows }));
  }
});

test("a backward has the operators of rows that adapters are on, a forward those of all", () => {
  const [dpo, cpo] = [planOf({ kind: "dpo" }), planOf({ kind: "cpo" })];
  const of = (plan: PlanBody, letter: "F" | "B") =>
    stageOperators(stageShapes(plan)[1]!, letter, plan.microBatches[0]!);
  expect(of(dpo, "B")).toEqual(of(cpo, "B"));
  const flops = (plan: PlanBody, name: string) => of(plan, "F").find((call) => call.name.startsWith(name))!.flops;
  expect(flops(dpo, "matmul")).toBe(2 * flops(cpo, "matmul"));
  expect(flops(dpo, "attention")).toBe(2 * flops(cpo, "attention"));
  expect(flops(dpo, "lora")).toBe(flops(cpo, "lora"));
});

test("kto has an answer to another prompt in each row, and all of these first where a step is cut", () => {
  const whole = planOf({ kind: "kto" }, 4);
  validatePlan(whole);
  expect(whole.microBatches).toHaveLength(3);
  expect(whole.microBatches[0]!.rows[0]![2]).toBe(4 * 16);
  const plan = planOf({ kind: "kto" }, 2);
  validatePlan(plan);
  const first = plan.microBatches.filter(({ step }) => step === 0);
  expect(first.map(({ rows }) => rows.map(([, row, tokens, , compared]) => [row, tokens, compared!.part]))).toEqual(
    (["other", "own"] as const).flatMap((part) =>
      [0, 2].map((row) => [
        [row, 2 * 16, part],
        [row + 1, 2 * 16, part],
      ]),
    ),
  );
  // A backward through answers to other prompts brings no gradient, and has no product with the head.
  expect(trainedTokens(first[0]!)).toBe(2 * 16);
  const swapped = plan.microBatches.map((each, index) => ({
    ...each,
    rows: plan.microBatches[[2, 1, 0][index] ?? index]!.rows,
  }));
  expect(() => validatePlan({ ...plan, microBatches: swapped })).toThrow(/before the rows of step 0/);
  const cut = planOf({ kind: "kto", type: "apo_zero_unpaired" }, 2);
  expect(cut.microBatches[0]!.rows[0]![2]).toBe(2 * 16);
  const loss: LossSpec = lossSchema.parse({ kind: "kto" });
  const wrong = { ...cut, jobs: cut.jobs.map((job) => ({ ...job, loss })) };
  expect(() => validatePlan(wrong)).toThrow(/rows of the group's jobs/);
});

test("rows of another size than the job's loss asks for are refused", () => {
  const plan = planOf({ kind: "dpo" });
  const changed = (change: (row: PlannedRow) => PlannedRow): PlanBody => ({
    ...plan,
    microBatches: plan.microBatches.map((each) => ({ ...each, rows: each.rows.map(change) })),
  });
  for (const change of [
    ([job, row, tokens, scored]: PlannedRow): PlannedRow => [job, row, tokens, scored],
    ([job, row, tokens, scored, compared]: PlannedRow): PlannedRow => [job, row, tokens / 2, scored, compared],
    ([job, row, tokens, scored, compared]: PlannedRow): PlannedRow => [job, row, tokens, scored - 1, compared],
    ([job, row, tokens, scored, { answers } = { answers: [] }]: PlannedRow): PlannedRow => [
      ...([job, row, tokens, scored] as const),
      { answers: answers.map(([length, own]) => [length, own, length]) },
    ],
    ([job, row, tokens, scored, compared]: PlannedRow): PlannedRow => [
      ...([job, row, tokens, scored] as const),
      { ...compared!, isDesirable: true },
    ],
  ])
    expect(() => validatePlan(changed(change))).toThrow(/rows of the group's jobs/);
});

test("rows that are compared with each other stay together where rows are packed", () => {
  const row = (index: number, isDesirable?: boolean): PlannedRow => {
    const answer: [number, number, number] = [10, 4, 6];
    return isDesirable === undefined
      ? [0, index, 30, 29]
      : [0, index, 40, 16, { answers: [answer, answer], isDesirable }];
  };
  const members = [
    { job: 0, rows: [row(0), row(1), row(2)] },
    { job: 1, rows: [row(0, true), row(1, false)] },
  ];
  const parts = packMiniBatch({ members, capacity: 90 }, packGreedily);
  const holding = parts.filter((rows) => rows.some(([job]) => job === 1));
  expect(holding).toHaveLength(1);
  expect(holding[0]!.filter(([job]) => job === 1).map(([, index]) => index)).toEqual([0, 1]);
  expect(parts.flat()).toHaveLength(5);
});

test("each answer may be as long as the model has positions, and no longer", () => {
  // Of Llama 2 they are 4096: a row of four sequences is longer.
  expect(planOf({ kind: "dpo" }, 2, 4096).microBatches[0]!.rows[0]![2]).toBe(4 * 4096);
  expect(() => planOf({ kind: "dpo" }, 2, 4097)).toThrow(/at most 4096, the model's positions/);
});
