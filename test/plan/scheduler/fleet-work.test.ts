import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lengthRows } from "../../../plan/actions/index.ts";
import type { LengthData } from "../../../plan/documents/data.ts";
import { type Job, jobSchema } from "../../../plan/documents/workload.ts";
import type { FleetWork } from "../../../plan/index.ts";
import { makePlan } from "../../../plan/planner/make-plan.ts";
import { cutWork } from "../../../plan/scheduler/fleet-work.ts";
import { evaluatedBehind, workFacts } from "../../../plan/scheduler/work-facts.ts";
import { WorkReader, WorkWriter } from "../../../plan/scheduler/written-work.ts";
import { worksOfPlan } from "../../../sim/index.ts";
import { unitRequest } from "../unit-plan.ts";

const lengths = fc.oneof(
  fc.integer({ min: 4, max: 40 }),
  fc.array(fc.integer({ min: 4, max: 60 }), { minLength: 5, maxLength: 9 }),
  fc.constant({ distribution: "uniform", min: 4, max: 60 }),
);
const jobs = fc
  .record({
    lengths,
    samples: fc.integer({ min: 5, max: 30 }),
    steps: fc.integer({ min: 1, max: 12 }),
    batchSize: fc.constantFrom(2, 4, 6),
    cut: fc.constantFrom({ microBatchSize: 1 }, { microBatchSize: 2 }, { microBatchTokens: 70 }, {}),
    loss: fc.constantFrom(undefined, "dpo", "orpo", "kto"),
    evaluation: fc.constantFrom(
      undefined,
      { share: 0.2, everySteps: 3 },
      { share: 0.1, everySteps: 1, maxRows: 1 },
      { share: 0.2, everySteps: 4, base: true },
      { data: { lengths: [9, 30, 12], samples: 3 }, everySteps: 5 },
    ),
    sample: fc.constantFrom(undefined, { prompts: [5, 9], everySteps: 2, maxTokens: 6 }),
    seed: fc.nat(9),
  })
  .map(({ lengths, samples, loss, evaluation, sample, cut, ...own }): Job => {
    const [plain] = unitRequest({ numDevices: 1, numJobs: 1, parts: 1, steps: 1 }).jobs;
    const { microBatchSize: _size, ...job } = plain!;
    return jobSchema.parse({
      ...{ ...job, ...own, ...cut, data: { lengths, samples }, cutoffLength: 64 },
      ...(loss === undefined ? {} : { loss: { kind: loss } }),
      // The base is evaluated where no answers are compared.
      ...(evaluation === undefined || (loss !== undefined && "base" in evaluation) ? {} : { evaluation }),
      ...(sample === undefined ? {} : { sample }),
    });
  });

/** A job's work from a plan of all its steps, and as it is cut when it is due. */
function bothOf(job: Job): readonly [eager: FleetWork, lazy: FleetWork] {
  const rows = lengthRows(job, job.data as LengthData);
  const request = unitRequest({ numDevices: 1, numJobs: 1, parts: 1, steps: 1, perTokens: 16 });
  const [eager] = worksOfPlan(makePlan({ ...request, jobs: [job], rows: [rows] }));
  return [eager!, cutWork(eager!.job, rows)];
}

function listsOf({ steps, evaluations }: FleetWork) {
  return { steps: [...steps], evaluations: evaluations === undefined ? undefined : [...evaluations] };
}

describe("work that is cut when it is due", () => {
  it("is that of a plan with all steps, and the same is known of it before", () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const [eager, lazy] = bothOf(job);
        expect(workFacts(lazy)).toEqual(workFacts(eager));
        expect(listsOf(lazy)).toEqual(listsOf(eager));
        const weightOf = (work: FleetWork): number =>
          evaluatedBehind(work).reduce((all, { parts, count }) => all + count * parts.flat().length, 0);
        expect(weightOf(lazy)).toBe(weightOf(eager));
      }),
      { numRuns: 60 },
    );
  });

  it("is told of without its steps, and is the same again; rows are told of once", () => {
    fc.assert(
      fc.property(fc.array(jobs, { minLength: 1, maxLength: 4 }), (all) => {
        const [writer, reader] = [new WorkWriter(), new WorkReader()];
        for (const job of all) {
          const [eager, lazy] = bothOf(job);
          for (const given of [lazy, eager]) {
            const { work, sizes } = JSON.parse(JSON.stringify(writer.write(given))) as ReturnType<WorkWriter["write"]>;
            if (sizes !== undefined) reader.sizes(sizes);
            const again = reader.read(work);
            expect(listsOf(again)).toEqual(listsOf(eager));
            expect(workFacts(again)).toEqual(workFacts(eager));
            expect(work.steps === undefined).toBe(given === lazy);
          }
          expect(writer.write(lazy).sizes).toBeUndefined();
        }
      }),
      { numRuns: 15 },
    );
  });

  it("is refused without its rows, and with fewer than it takes", () => {
    const rows = lengthRows(job(), { lengths: [5, 6, 7], samples: 3 });
    const [writer, reader] = [new WorkWriter(), new WorkReader()];
    const { work, sizes } = writer.write(bothOf(job())[1]);
    expect(() => reader.read(work)).toThrow(/Expected sizes of 3 rows before it at rows.sizes/);
    reader.sizes({ ...sizes!, tokens: [5], scored: [4] });
    expect(() => reader.read(work)).toThrow(/Expected sizes of 3 rows/);
    expect(() => reader.read({ job: work.job })).toThrow(/Expected rows, or steps/);
    expect(rows.steps.length).toBe(2);
  });
});

function job(): Job {
  const [plain] = unitRequest({ numDevices: 1, numJobs: 1, parts: 1, steps: 2 }).jobs;
  return jobSchema.parse({ ...plain!, data: { lengths: [5, 6, 7], samples: 3 } });
}
