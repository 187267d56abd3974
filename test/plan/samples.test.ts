import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, sum } from "../../core/index.ts";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import { sampledSequences, sampleRuns } from "../../plan/actions/samples.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { lossSchema } from "../../plan/documents/loss.ts";
import {
  createCostModel,
  evaluatesAfter,
  isSample,
  type PlanBody,
  parsePlan,
  planDocument,
  sealPlan,
  validatePlan,
} from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { simulate } from "../../sim/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { type UnitPlanOptions, unitRequest } from "./unit-plan.ts";

const NOWHERE = { model: null, data: {}, init: {} };

interface Sample {
  readonly prompts: number[];
  readonly everySteps: number;
  readonly maxTokens: number;
}

function sampled(
  options: UnitPlanOptions,
  samples: readonly (Sample | undefined)[],
  pipelines: number | "auto" = 1,
): PlanBody {
  const request = unitRequest(options);
  const jobs = request.jobs.map((job, i) => ({ ...job, ...(samples[i] === undefined ? {} : { sample: samples[i] }) }));
  const rows = jobs.map((job) => {
    if (!("lengths" in job.data)) throw new Error("expected lengths");
    return lengthRows(job, job.data);
  });
  return makePlan({ ...request, jobs, rows, pipelines });
}

const samples = fc.option(
  fc.record({
    prompts: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 16 }),
    everySteps: fc.integer({ min: 1, max: 8 }),
    maxTokens: fc.integer({ min: 1, max: 90 }),
  }),
  { nil: undefined },
);

const plans = fc
  .record({
    numJobs: fc.integer({ min: 1, max: 5 }),
    parts: fc.integer({ min: 1, max: 3 }),
    steps: fc.integer({ min: 1, max: 6 }),
    groups: fc.constantFrom<"unfused" | 1>("unfused", 1),
    samples: fc.array(samples, { minLength: 5, maxLength: 5 }),
  })
  .map(({ samples: own, ...options }) => sampled({ ...options, numDevices: 1 }, own));

describe("a plan whose jobs answer prompts", () => {
  it("answers each prompt after the steps that are due, the base the first time alone, at most 32 together", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        validatePlan(plan);
        // Also what is checked of a plan that is read.
        parsePlan(canonicalJson(planDocument(sealPlan(plan, NOWHERE))), "plan.json");
        plan.jobs.forEach(({ sample, steps }, job) => {
          const asked = plan.microBatches.filter(isSample).flatMap((microBatch) =>
            sampledSequences(microBatch)
              .filter(({ asker }) => asker === job)
              .map((each) => ({ step: microBatch.step, ...each })),
          );
          const due = Array.from({ length: steps }, (_, step) => step).filter(
            (step) => sample !== undefined && evaluatesAfter(sample, step, steps),
          );
          expect([...new Set(asked.map(({ step }) => step))]).toEqual(due);
          for (const step of due) {
            const own = asked.filter((each) => each.step === step);
            const prompts = (by: number | undefined) =>
              own.flatMap((each) => (each.job === by ? [each.promptTokens] : []));
            expect(prompts(job)).toEqual(sample!.prompts);
            expect(prompts(undefined)).toEqual(step === due[0] ? sample!.prompts : []);
          }
        });
        for (const microBatch of plan.microBatches.filter(isSample))
          expect(sampledSequences(microBatch).length).toBeLessThanOrEqual(32);
      }),
      { numRuns: 40 },
    );
  });

  it("answers prompts of jobs whose losses compare answers, too", () => {
    const request = unitRequest({ numDevices: 1, numJobs: 2, parts: 2, steps: 2 });
    const losses = [{ kind: "dpo" }, { kind: "orpo" }].map((loss) => lossSchema.parse(loss));
    const sample = { prompts: [5, 9], everySteps: 1, maxTokens: 3 };
    const jobs = request.jobs.map((job, i) => ({ ...job, loss: losses[i]!, sample }));
    const rows = jobs.map((job) => lengthRows(job, job.data as LengthData));
    const plan = makePlan({ ...request, jobs, rows });
    expect(plan.microBatches.filter(isSample).flatMap(sampledSequences)).toHaveLength(2 * (4 + 2));
  });

  it("uses as many devices as there are jobs where the number of pipelines is left open", () => {
    const sample = { prompts: [5], everySteps: 1, maxTokens: 3 };
    const plan = sampled({ numDevices: 3, numJobs: 2, parts: 2, steps: 2 }, [sample, undefined], "auto");
    expect([plan.devices.length, plan.pipelines.length]).toEqual([2, 2]);
  });

  it("times a run for the prompts and one for each further token: all answers' tokens, once", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const microBatch of plan.microBatches.filter(isSample)) {
          const sequences = sampledSequences(microBatch);
          const tokens = sum(
            sampleRuns(microBatch).map(({ times, sequences: own }) => times * sum(own.map((each) => each.tokens))),
          );
          const expected = sum(sequences.map(({ promptTokens, maxTokens }) => promptTokens + maxTokens - 1));
          expect(tokens).toBeCloseTo(expected, 6);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("takes as long in the simulator as its runs do one after another", () => {
    const sample = { prompts: [5, 9], everySteps: 2, maxTokens: 7 };
    const plan = sampled({ numDevices: 1, numJobs: 1, parts: 2, steps: 2 }, [sample]);
    const without = sampled({ numDevices: 1, numJobs: 1, parts: 2, steps: 2 }, [undefined]);
    const makespan = (body: PlanBody): number => {
      const whole = sealPlan(body, NOWHERE);
      const costModel = createCostModel(body.calibration, "float32");
      return runMetrics(whole, simulate({ plan: whole, planHash: whole.hash, costModel })).makespanSeconds;
    };
    // A run over the prompts and six for the other tokens, each as a forward of one second.
    expect(makespan(plan) - makespan(without)).toBeCloseTo(7, 9);
  });

  it("reserves its cache in a workspace that is no larger where training needs as much", () => {
    const small = sampled({ numDevices: 1, numJobs: 1, parts: 2, steps: 2 }, [
      { prompts: [2], everySteps: 2, maxTokens: 1 },
    ]);
    const large = sampled({ numDevices: 1, numJobs: 1, parts: 2, steps: 2 }, [
      { prompts: [400], everySteps: 2, maxTokens: 900 },
    ]);
    const without = sampled({ numDevices: 1, numJobs: 1, parts: 2, steps: 2 }, [undefined]);
    const workspace = ({ memory }: PlanBody): number => memory[0]!.workspace;
    expect(workspace(small)).toBeGreaterThanOrEqual(workspace(without));
    expect(workspace(large)).toBeGreaterThan(workspace(small));
    expect(large.memory[0]!.activations).toBe(without.memory[0]!.activations);
  });
});

describe("plans that are wrong", () => {
  const sample = { prompts: [5, 9], everySteps: 1, maxTokens: 7 };
  const plan = sampled({ numDevices: 1, numJobs: 1, parts: 2, steps: 2 }, [sample]);
  const at = plan.microBatches.findIndex(isSample);
  const changed = (rows: (typeof plan.microBatches)[number]["rows"]): PlanBody => ({
    ...plan,
    microBatches: plan.microBatches.map((each, index) => (index === at ? { ...each, rows } : each)),
  });

  it("are refused: a prompt left out, one that is longer, another number of tokens, and training rows among prompts", () => {
    const { rows } = plan.microBatches[at]!;
    const [[job, row, tokens, scored, prompt], second] = rows as [(typeof rows)[number], (typeof rows)[number]];
    expect(() => validatePlan(changed([second]))).toThrow(/the sample of job job1 after its step/);
    expect(() => validatePlan(changed([[job, row, tokens, scored, { ...prompt!, generates: 8 }], second]))).toThrow(
      /rows of the group's jobs/,
    );
    expect(() => validatePlan(changed([[job, row, tokens + 1, scored, prompt], second]))).toThrow(/rows of the group/);
    expect(() => validatePlan(changed([[job, 0, 16, 15], second]))).toThrow(
      /prompts that are answered in micro-batches/,
    );
    const [{ sample: _, ...bare }] = plan.jobs as [(typeof plan.jobs)[number]];
    expect(() => validatePlan({ ...plan, jobs: [bare] })).toThrow(/rows of the group's jobs/);
  });

  it("are refused on pipelines of several devices, with the number of pipelines that has one each", () => {
    const options = { numDevices: 2, numJobs: 2, parts: 1, steps: 2 };
    expect(() => sampled(options, [sample, undefined])).toThrow(/pipelines of one device.*--pipelines 2/s);
    expect(sampled(options, [sample, undefined], 2).pipelines).toHaveLength(2);
    expect(() => sampled({ ...options, numJobs: 1 }, [sample])).toThrow(/Each pipeline needs a job/);
  });
});
