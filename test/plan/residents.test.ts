import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MicroBatch, orderOf } from "../../plan/index.ts";
import { mostResident, residentsOf } from "../../plan/memory/residents.ts";

type Step = readonly [letter: "F" | "B" | "U", microBatch: number];

function order(...steps: readonly Step[]) {
  return orderOf(steps.map(([letter, microBatch]) => ({ letter, microBatch })));
}

/** Two groups: jobs 0 and 1, of one step and two, and job 2 of one. */
const WORK = {
  groups: [
    {
      members: [
        { job: 0, firstStep: 0, endStep: 1 },
        { job: 1, firstStep: 0, endStep: 2 },
      ],
    },
    { members: [{ job: 2, firstStep: 0, endStep: 1 }] },
  ],
  jobs: [{ steps: 1 }, { steps: 2 }, { steps: 1 }],
  microBatches: [
    { group: 0, step: 0 },
    { group: 0, step: 1 },
    { group: 1, step: 0 },
  ] satisfies Pick<MicroBatch, "group" | "step">[],
};

describe("a stage needs a job's adapter", () => {
  const oneAfterAnother = order(
    ["F", 0],
    ["B", 0],
    ["U", 0],
    ["F", 1],
    ["B", 1],
    ["U", 1],
    ["F", 2],
    ["B", 2],
    ["U", 2],
  );

  it("from the first forward of its group to its own last update", () => {
    const { first, last } = residentsOf(oneAfterAnother, WORK);
    expect([...first]).toEqual([0, 0, 6]);
    expect([...last]).toEqual([2, 5, 8]);
  });

  it("and those that it needs at once where they take the most are the jobs that count", () => {
    const residents = residentsOf(oneAfterAnother, WORK);
    expect(mostResident(residents, (job) => [10, 20, 25][job]!)).toEqual([0, 1]);
    expect(mostResident(residents, (job) => [10, 20, 31][job]!)).toEqual([2]);
  });

  it("not at all where its group is of another pipeline", () => {
    const residents = residentsOf(order(["F", 2], ["B", 2], ["U", 2]), WORK);
    expect([...residents.first]).toEqual([-1, -1, 0]);
    expect(mostResident(residents, () => 1)).toEqual([2]);
  });

  it("so that the most at once is what the positions say", () => {
    const intervals = fc.array(
      fc.record({ from: fc.integer({ min: 0, max: 20 }), length: fc.nat(20), bytes: fc.integer({ min: 1, max: 99 }) }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(intervals, (jobs) => {
        const residents = {
          first: Int32Array.from(jobs, ({ from }) => from),
          last: Int32Array.from(jobs, ({ from, length }) => from + length),
        };
        const bytesOf = (job: number): number => jobs[job]!.bytes;
        const most = mostResident(residents, bytesOf).reduce((sum, job) => sum + bytesOf(job), 0);
        const at = (position: number): number =>
          jobs.reduce(
            (sum, { from, length, bytes }) => sum + (from <= position && position <= from + length ? bytes : 0),
            0,
          );
        expect(most).toBe(Math.max(...Array.from({ length: 41 }, (_, position) => at(position))));
      }),
    );
  });
});
