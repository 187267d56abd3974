import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type RateSchedule, rateScheduleSchema } from "../../plan/documents/rate-schedule.ts";
import { learningRateAt, type OptimizerSpec } from "../../plan/index.ts";
import { SHARED } from "../shared-folder.ts";
import { relativeDistance } from "./oracle-case.ts";
import { runSmall, smallCase } from "./small-run.ts";

const base = { name: "adamw", learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const;

function rates(schedule: RateSchedule | undefined, steps: number): readonly number[] {
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
  const schedule: RateSchedule = { name: "linear", warmupSteps: 0, minRatio: 0 };
  const given = smallCase([{ steps: 4, optimizer: { learningRate: 1e-30, schedule } }]);
  const { metrics, adapters } = await runSmall(given, { devices: "cpu:0" });
  expectClose(
    metrics.map(({ learningRate }) => learningRate * 1e30),
    [1, 0.75, 0.5, 0.25],
  );
  expect(relativeDistance(adapters[0]!, given.start[0]!)).toBeLessThan(1e-20);
});

/** What transformers computed, and how the same is written here. */
const ORACLE = path.join(SHARED, "oracle/variants/schedules.json");
const AS_WRITTEN: Readonly<Record<string, object>> = {
  linear: { name: "linear" },
  cosine: { name: "cosine" },
  cosine_with_restarts: { name: "cosine_with_restarts", cycles: 3 },
  cosine_with_restarts_default: { name: "cosine_with_restarts" },
  constant_with_warmup: { name: "constant" },
  polynomial_default: { name: "polynomial", minLearningRate: 1e-7 },
  polynomial: { name: "polynomial", minLearningRate: 1e-5, power: 2 },
  inverse_sqrt_default: { name: "inverse_sqrt" },
  inverse_sqrt: { name: "inverse_sqrt", timescale: 20 },
  warmup_stable_decay_default: { name: "warmup_stable_decay", decaySteps: 10 },
  warmup_stable_decay_linear: { name: "warmup_stable_decay", decaySteps: 10, decayType: "linear", minRatio: 0.1 },
  warmup_stable_decay_sqrt: {
    ...{ name: "warmup_stable_decay", decaySteps: 10, decayType: "1-sqrt", warmupType: "cosine", minRatio: 0.1 },
  },
  cosine_with_min_lr: { name: "cosine", minLearningRate: 2e-5 },
  cosine_with_min_lr_rate: { name: "cosine", minRatio: 0.1 },
  cosine_warmup_with_min_lr: { name: "cosine_warmup_with_min_lr", minRatio: 0.1, warmupFromZero: false },
};

describe.skipIf(!existsSync(ORACLE))("the Trainer's schedules", () => {
  const { peak, steps, warmup_steps, schedules } = (
    existsSync(ORACLE) ? JSON.parse(readFileSync(ORACLE, "utf8")) : { schedules: {} }
  ) as {
    readonly peak: number;
    readonly steps: number;
    readonly warmup_steps: number;
    readonly schedules: Readonly<Record<string, { readonly lr: readonly number[] }>>;
  };

  test("are all known", () => {
    expect(Object.keys(AS_WRITTEN).sort()).toEqual(Object.keys(schedules).sort());
  });

  test.each(Object.keys(schedules))("%s has the same rate in every step, to the last bit or a cosine's", (key) => {
    const schedule = rateScheduleSchema.parse({ warmupSteps: warmup_steps, warmupFromZero: true, ...AS_WRITTEN[key] });
    const optimizer: OptimizerSpec = { ...base, betas: [0.9, 0.999], learningRate: peak, schedule };
    const own = Array.from({ length: steps }, (_, step) => learningRateAt(optimizer, step, steps));
    const { lr } = schedules[key]!;
    const hasCosine = /cosine|stable_decay_(?:default|sqrt)/.test(key);
    if (!hasCosine) expect(own).toEqual(lr);
    // The cosine of another system's library, or of another Node.
    for (const [step, rate] of own.entries()) expect(Math.abs(rate - lr[step]!)).toBeLessThanOrEqual(1e-15 * peak);
    expect(own).toHaveLength(lr.length);
  });
});
