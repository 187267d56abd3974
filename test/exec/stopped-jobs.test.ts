import { expect, test } from "vitest";
import { divergenceOf } from "../../exec/divergence.ts";
import type { LoweredAction } from "../../exec/lowering.ts";
import { StoppedJobs } from "../../exec/stopped-jobs.ts";
import type { LiveWork } from "../../plan/index.ts";

/** One group of jobs 0 and 1, which both train in its first step. */
const members = [0, 1].map((job) => ({ job, firstStep: 0, endStep: 3 }));
const live = { groups: [{ members }] } as unknown as LiveWork;

/** An action of the first step whose micro-batch has rows of these jobs. */
function actionOf(letter: "F" | "B" | "U", jobs: readonly number[]): LoweredAction {
  const rows = jobs.map((job) => [job, 0, 4, 3]);
  const miniBatch = { group: 0, step: 0 };
  return { action: { letter }, miniBatch, microBatch: { rows } } as unknown as LoweredAction;
}

test("a micro-batch without rows of jobs that train passes empty, and the update behind it is for the others", () => {
  const stopped = new StoppedJobs(live);
  expect(stopped.leftOutOf(actionOf("F", [1]))).toBeUndefined();
  stopped.add(1);
  expect(stopped.leftOutOf(actionOf("F", [1]))).toEqual({ jobs: new Set([1]), all: true });
  expect(stopped.leftOutOf(actionOf("B", [0, 1]))).toEqual({ jobs: new Set([1]), all: false });
  expect(stopped.leftOutOf(actionOf("U", [1]))).toEqual({ jobs: new Set([1]), all: false });
  stopped.forget(1);
  expect(stopped.leftOutOf(actionOf("U", [1]))).toBeUndefined();
});

test("a loss or a gradient that is NaN or infinite is a job's last", () => {
  const metrics = { job: "math", step: 4, learningRate: 1, tokens: 1, seconds: 1, loss: 2, gradNorm: 3 };
  expect(divergenceOf(metrics)).toBeUndefined();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(divergenceOf({ ...metrics, loss: value })).toEqual({ step: 4, what: "loss", value });
    expect(divergenceOf({ ...metrics, gradNorm: value })).toEqual({ step: 4, what: "gradient norm", value });
  }
});
