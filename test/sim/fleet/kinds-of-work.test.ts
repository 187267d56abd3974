import { expect, it } from "vitest";
import type { FleetWork } from "../../../plan/index.ts";
import { KindsOfWork } from "../../../sim/fleet/kinds-of-work.ts";

/** All that kinds look at of a job, but for its steps. */
const JOB = { adapter: { rank: 4 }, optimizer: { learningRate: 1e-4 } } as unknown as FleetWork["job"];

/** Of another kind for each length. */
function workOf(length: number): FleetWork {
  return { job: JOB, steps: [[[[0, 0, length, length]]]] };
}

it("kinds of jobs that are over are forgotten, and those of others are not", { tags: ["slow"] }, () => {
  const works: FleetWork[] = [];
  let forgotten = 0;
  const kinds = new KindsOfWork(works, () => {
    forgotten += 1;
  });
  // One job stays, ten others are there at a time.
  works.push(workOf(7));
  const own = kinds.of(0);
  for (let number = 1; number < 5000; number += 1) {
    works.push(workOf(7 + number));
    const kind = kinds.of(number);
    expect(kinds.example(kind).steps[0]![0]![0]![2]).toBe(7 + number);
    if (number > 10) works[number - 10] = { job: JOB, steps: [] };
    // A job that has just ended is asked for once more.
    if (number > 10) expect(kinds.example(kinds.of(number - 10)).steps).toHaveLength(1);
    expect(kinds.of(0)).toBe(own);
    expect(kinds.example(own).steps[0]![0]![0]![2]).toBe(7);
    expect(kinds.numKept).toBeLessThan(800);
  }
  expect(forgotten).toBeGreaterThan(5);
  // One that comes again is known again.
  works.push(workOf(9));
  expect(kinds.example(kinds.of(5000)).steps[0]![0]![0]![2]).toBe(9);
});
