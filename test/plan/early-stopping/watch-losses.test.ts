import { describe, expect, test } from "vitest";
import { createRng, InvariantError } from "../../../core/index.ts";
import { earlyStoppingSchema } from "../../../plan/documents/early-stopping.ts";
import { type LossWatch, type RateSchedule, startWatch, type Verdict, watchLosses } from "../../../plan/index.ts";

const NONE = { divergence: false, plateau: false } as const;
const rng = createRng("losses of the tests");

interface Watched {
  /** The verdicts until the stop, or all. */
  readonly verdicts: readonly Verdict[];
  readonly watch: LossWatch;
}

interface Shown {
  readonly steps?: number;
  readonly evaluation?: Record<number, number>;
  readonly schedule?: RateSchedule;
}

/** Losses shown one by one to a job that has them all as steps, or more. */
function watched(
  written: unknown,
  training: readonly number[],
  { steps = training.length, evaluation = {}, schedule }: Shown = {},
): Watched {
  const optimizer = { learningRate: 1, ...(schedule === undefined ? {} : { schedule }) };
  let watch = startWatch({ options: earlyStoppingSchema.parse(written), steps, optimizer });
  const verdicts: Verdict[] = [];
  for (const [index, loss] of training.entries()) {
    const iteration = index + 1;
    const after = evaluation[iteration];
    const said = watchLosses(watch, {
      iteration,
      training: loss,
      ...(after === undefined ? {} : { evaluation: after }),
    });
    // What a file or a message makes of the state is the state.
    watch = JSON.parse(JSON.stringify(said.watch)) as LossWatch;
    expect(watch).toEqual(said.watch);
    verdicts.push(said.verdict);
    if (said.verdict.kind === "stop") break;
  }
  return { verdicts, watch };
}

const last = ({ verdicts }: Watched): Verdict => verdicts.at(-1)!;
const losses = (count: number, of: (t: number) => number): readonly number[] =>
  Array.from({ length: count }, (_, index) => of(index + 1));
const noise = (size: number): number => size * rng.nextNormal();

describe("a loss that is not finite", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])("stops a job with its first iteration (%s)", (loss) => {
    const result = watched(NONE, [loss, 1, 1]);
    expect(result.verdicts).toEqual([{ kind: "stop", rule: "not-finite", why: `its training loss is ${loss}` }]);
  });
  test("stops it as an evaluation too", () => {
    const result = watched(NONE, [3, 3], { evaluation: { 2: Number.NaN } });
    expect(last(result)).toEqual({ kind: "stop", rule: "not-finite", why: "its evaluation loss is NaN" });
  });
  test("is the verdict of all that comes after it", () => {
    const { watch } = watched({}, [Number.NaN], { steps: 9 });
    expect(watchLosses(watch, { iteration: 2, training: 1 }).verdict).toMatchObject({ kind: "stop" });
  });
});

/** An evaluation after every `every` iterations. */
const evaluated = (count: number, every: number, of: (t: number) => number): Record<number, number> =>
  Object.fromEntries(losses(count / every, (n) => n * every).map((t) => [t, of(t)]));
const ends = (result: Watched): string => {
  const said = last(result);
  return said.kind === "stop" ? `${said.rule} after ${result.verdicts.length}` : "goes on";
};

describe("divergence", () => {
  const only = { ...NONE, divergence: {} };
  test("stops a loss that rises far above its best and stays there, once it has lasted", () => {
    const curve = losses(400, (t) => (t < 200 ? 5 - t / 100 : 6) + noise(0.1));
    const result = watched(only, curve);
    expect(ends(result)).toMatch(/^divergence after 2[23]\d$/);
    expect(last(result)).toMatchObject({ why: expect.stringContaining("does not come back") });
  });
  test.each([2, 10, 20])("is not seen in spikes of %i iterations that pass", (length) => {
    const spiked = losses(600, (t) => (t % 150 < length ? 30 : 4 - t / 300) + noise(0.05));
    expect(ends(watched(only, spiked))).toBe("goes on");
  });
  test("is not seen in a rise that is on its way back", () => {
    const back = losses(400, (t) => 2 + (t > 100 ? 20 * Math.exp(-(t - 100) / 40) : 0) + noise(0.02));
    expect(ends(watched(only, back))).toBe("goes on");
  });
  test("is not seen in what the loss's own noise does", () => {
    const noisy = losses(300, () => Math.abs(3 + noise(1.2)));
    expect(ends(watched(only, noisy))).toBe("goes on");
  });
  test("waits for the warm-up, of the job's options and of its learning rate", () => {
    const rising = losses(100, (t) => 1 + t / 4);
    expect(ends(watched({ ...only, warmupSteps: 40 }, rising))).toBe("divergence after 40");
    const schedule = { name: "constant", warmupSteps: 60, minRatio: 0 } as const;
    expect(ends(watched(only, rising, { schedule }))).toBe("divergence after 60");
  });
});

describe("a plateau", () => {
  const only = { ...NONE, plateau: { share: 0.3, sigmas: 1 } };
  const flat = losses(1000, () => 2);
  test("is a constant evaluation loss over the share of the job's steps, whatever their number", () => {
    for (const [steps, every] of [
      [100, 5],
      [1000, 10],
      [1000, 100],
    ] as const) {
      const result = watched(only, flat.slice(0, steps), { evaluation: evaluated(steps, every, () => 3) });
      // Four evaluations at least, and the first was the best.
      expect(ends(result)).toBe(`plateau after ${Math.max(0.3 * steps + every, 5 * every)}`);
    }
  });
  test("says what stopping saves and gives up at most", () => {
    const result = watched(only, flat, { evaluation: evaluated(1000, 10, () => 3) });
    expect(last(result)).toMatchObject({
      why: "no loss was better by 1 % for 300 iterations; stopping saves 690 and gives up at most 0.0 % of the best loss, 3.000",
    });
  });
  test("is not a loss that falls slowly, as long as the rest of it is worth more than minDelta", () => {
    const slow = evaluated(1000, 10, (t) => 3 * (1 - 0.05 * (t / 1000)));
    expect(ends(watched(only, flat, { evaluation: slow }))).toBe("goes on");
  });
  test("is not called one where the noise hides whether the loss falls", () => {
    const noisy = evaluated(1000, 20, (t) => 3 * (1 - t / 5000) * (1 + 0.05 * noise(1)));
    expect(ends(watched(only, flat.slice(0, 600), { steps: 1000, evaluation: noisy }))).toBe("goes on");
  });
  test("is seen in a loss that has risen since its best", () => {
    const overfitted = evaluated(1000, 10, (t) => 2 + Math.abs(t - 200) / 500);
    expect(ends(watched(only, flat, { evaluation: overfitted }))).toBe("plateau after 490");
  });
  test("needs evaluations, unless training losses are asked for", () => {
    const curve = losses(1000, () => 2 + noise(0.01));
    expect(ends(watched(only, curve))).toBe("goes on");
    expect(ends(watched({ ...only, losses: "training" }, curve))).toMatch(/^plateau after [34]\d\d$/);
  });
  test.each([
    ["cosine", { name: "cosine", warmupSteps: 100, minRatio: 0 }, 555],
    ["decay at the end", { name: "warmup_stable_decay", warmupSteps: 20, minRatio: 0, decaySteps: 200 }, 905],
    ["restarts", { name: "cosine_with_restarts", warmupSteps: 0, minRatio: 0, cycles: 4 }, 880],
    ["constant", { name: "constant", warmupSteps: 500, minRatio: 0 }, 505],
  ] as const)("waits for half of the learning rate's fall: %s", (_, schedule, from) => {
    const evaluation = evaluated(1000, 5, () => 3);
    expect(ends(watched(only, flat, { evaluation, schedule }))).toBe(`plateau after ${from}`);
  });
});

describe("patience", () => {
  const only = { ...NONE, patience: 3, minDelta: 0.01 };
  const evaluations = (values: readonly number[]): Record<number, number> =>
    Object.fromEntries(values.map((value, index) => [10 * (index + 1), value]));
  test("ends with so many evaluations without a betterment by minDelta", () => {
    const evaluation = evaluations([3, 2.5, 2, 1.995, 1.99, 2.1, 1]);
    const result = watched(
      only,
      losses(100, () => 2),
      { evaluation },
    );
    expect(last(result)).toEqual({
      kind: "stop",
      rule: "patience",
      why: "3 evaluations in a row were not below 1.980, 1 % under the 2.000 after iteration 30",
    });
    expect(result.verdicts.length).toBe(60);
  });
  test("begins anew with each betterment", () => {
    const evaluation = evaluations([3, 3, 3, 2.9, 2.9, 2.9, 2.8, 2.8, 2.8]);
    expect(
      last(
        watched(
          only,
          losses(95, () => 2),
          { evaluation },
        ),
      ).kind,
    ).toBe("go-on");
  });
});

describe("the expected end", () => {
  const only = { ...NONE, plateau: { share: 0.3, sigmas: 50 }, losses: "training" } as const;
  test("is where the fall that is left is down to minDelta, and a plateau has lasted", () => {
    const steps = 400;
    const curve = losses(60, (t) => 2 + 3 * Math.exp(-t / 40) + noise(0.02));
    const said = last(watched(only, curve, { steps }));
    if (said.kind !== "go-on") throw new Error(said.why);
    // What is left is 1 % of the loss there, 2.67, where 3 exp(-t / 40) = 0.0267, at 189; a plateau lasts 120.
    expect(said.low).toBeLessThanOrEqual(said.predicted);
    expect(said.predicted).toBeLessThanOrEqual(said.high);
    expect(said.low).toBeLessThanOrEqual(309);
    expect(said.high).toBeGreaterThanOrEqual(309);
    expect(said.high).toBeLessThanOrEqual(steps);
  });
  test("gets surer as losses come", () => {
    const curve = losses(150, (t) => 2 + 3 * Math.exp(-t / 30) + noise(0.02));
    const { verdicts } = watched(only, curve, { steps: 400 });
    const width = (at: number): number => {
      const said = verdicts[at - 1]!;
      return said.kind === "stop" ? 0 : said.high - said.low;
    };
    expect(width(140)).toBeLessThan(width(30));
  });
});

describe("a watch", () => {
  test("says nothing of a job of one step, of two, or after the last one", () => {
    expect(last(watched({}, [3]))).toEqual({ kind: "go-on", predicted: 1, low: 1, high: 1 });
    expect(last(watched({ warmupSteps: 0 }, [3, 3])).kind).toBe("go-on");
    const evaluation = { 1: 3, 2: 3, 3: 3, 4: 3 };
    expect(ends(watched({ ...NONE, plateau: {}, warmupSteps: 0 }, [3, 3, 3, 3], { evaluation }))).toBe("goes on");
  });
  test("without rules says that a job trains all its steps", () => {
    expect(last(watched(NONE, [3, 2, 1], { steps: 50 }))).toEqual({ kind: "go-on", predicted: 50, low: 20, high: 50 });
  });
  test("does not grow with the iterations", () => {
    const size = (count: number): number =>
      JSON.stringify(
        watched(
          { ...NONE, plateau: { sigmas: 1e9 }, losses: "training" },
          losses(count, (t) => 9 / t),
        ).watch,
      ).length;
    expect(size(5000)).toBeLessThan(2.2 * size(1000));
    expect(size(20_000)).toBeLessThan(1.2 * size(5000));
  });
  test("takes an evaluation that is behind the training losses, and no loss twice or out of order", () => {
    const { watch } = watched({}, [3, 2, 1], { steps: 9 });
    const behind = watchLosses(watch, { iteration: 2, evaluation: 2 }).watch;
    expect(behind.best).toEqual({ lowest: 2, loss: 2, iteration: 2, since: 0 });
    for (const seen of [
      { iteration: 3, training: 1 },
      { iteration: 10, training: 1 },
      { iteration: 3.5, training: 1 },
    ])
      expect(() => watchLosses(watch, seen)).toThrow(InvariantError);
    expect(() => watchLosses(behind, { iteration: 2, evaluation: 2 })).toThrow(InvariantError);
  });
});
