import { expect, test } from "vitest";
import { learningRateAt } from "../../exec/learning-rate.ts";
import type { OptimizerSpec } from "../../plan/index.ts";
import { relativeDistance } from "./oracle-case.ts";
import { runSmall, smallCase } from "./small-run.ts";

type Schedule = NonNullable<OptimizerSpec["schedule"]>;

const base = { name: "adamw", learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const;

function rates(schedule: Schedule | undefined, steps: number): readonly number[] {
  const spec: OptimizerSpec = { ...base, betas: [0.9, 0.999], ...(schedule === undefined ? {} : { schedule }) };
  return Array.from({ length: steps }, (_, step) => learningRateAt(spec, step, steps));
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 14);
  });
}

test("without a schedule every step has the learning rate", () => {
  expectClose(rates(undefined, 3), [0.01, 0.01, 0.01]);
});

test("warm-up rises linearly and reaches the learning rate with its last step", () => {
  expectClose(rates({ name: "constant", warmupSteps: 4, minRatio: 0 }, 6), [0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01]);
});

test("linear decay goes down evenly from the end of the warm-up", () => {
  expectClose(rates({ name: "linear", warmupSteps: 2, minRatio: 0 }, 6), [0.005, 0.01, 0.01, 0.0075, 0.005, 0.0025]);
});

test("cosine decay is half a cosine from the end of the warm-up down to minRatio", () => {
  const expected = Array.from({ length: 10 }, (_, step) =>
    step < 2 ? (0.01 * (step + 1)) / 2 : 0.01 * (0.1 + 0.45 * (1 + Math.cos((Math.PI * (step - 2)) / 8))),
  );
  expectClose(rates({ name: "cosine", warmupSteps: 2, minRatio: 0.1 }, 10), expected);
});

test("the executor reports and uses the schedule's rates: a rate near zero moves nothing", async () => {
  const schedule: Schedule = { name: "linear", warmupSteps: 0, minRatio: 0 };
  const given = smallCase([{ steps: 4, optimizer: { learningRate: 1e-30, schedule } }]);
  const { metrics, adapters } = await runSmall(given, { devices: "cpu:0" });
  expectClose(
    metrics.map(({ learningRate }) => learningRate * 1e30),
    [1, 0.75, 0.5, 0.25],
  );
  expect(relativeDistance(adapters[0]!, given.start[0]!)).toBeLessThan(1e-20);
});
