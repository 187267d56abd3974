import { describe, expect, test } from "vitest";
import { createRng, InvariantError } from "../../../core/index.ts";
import { earlyStoppingSchema } from "../../../plan/documents/early-stopping.ts";
import { type LossWatch, startWatch, type Verdict, watchLosses } from "../../../plan/index.ts";

const NONE = { divergence: false, plateau: false, patience: false, extrapolate: false } as const;
const rng = createRng("losses of the tests");

interface Watched {
  /** The verdicts until the stop, or all. */
  readonly verdicts: readonly Verdict[];
  readonly watch: LossWatch;
}

/** Losses shown one by one to a job that has them all as steps, or more. */
function watched(
  written: unknown,
  training: readonly number[],
  { steps = training.length, evaluation = {} }: { steps?: number; evaluation?: Record<number, number> } = {},
): Watched {
  let watch = startWatch({ options: earlyStoppingSchema.parse(written), steps });
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

describe("divergence", () => {
  const only = { ...NONE, divergence: {} };
  test("stops a loss that rises far above its best", () => {
    const result = watched(
      only,
      losses(120, (t) => (t < 60 ? 5 - t / 30 : 3 + (t - 60) / 5) + noise(0.1)),
    );
    expect(last(result)).toMatchObject({ kind: "stop", rule: "divergence" });
    expect(result.verdicts.length).toBeGreaterThan(60);
    expect(result.verdicts.length).toBeLessThan(75);
  });
  test("is not seen in spikes that pass", () => {
    const spiked = losses(200, (t) => (t % 17 < 2 ? 30 : 4 - t / 100) + noise(0.05));
    expect(last(watched(only, spiked)).kind).toBe("go-on");
  });
  test("is not seen in what the loss's own noise does", () => {
    const noisy = losses(300, () => Math.abs(3 + noise(1.2)));
    expect(last(watched(only, noisy)).kind).toBe("go-on");
  });
  test("waits for the warm-up", () => {
    const rising = losses(60, (t) => 1 + t / 4);
    expect(watched({ ...only, warmupSteps: 40 }, rising).verdicts.length).toBe(40);
  });
});

describe("a plateau", () => {
  const only = { ...NONE, plateau: { window: 40 } };
  test("is a constant loss, as soon as the window is full", () => {
    const result = watched(
      only,
      losses(100, () => 2.5),
    );
    expect(last(result)).toMatchObject({ kind: "stop", rule: "plateau" });
    expect(result.verdicts.length).toBe(40);
  });
  test("is not a loss that falls by more than minDelta from half to half", () => {
    expect(
      last(
        watched(
          only,
          losses(100, (t) => 3 * 0.999 ** t),
        ),
      ).kind,
    ).toBe("go-on");
  });
  test("is not called one where the noise hides whether the loss falls", () => {
    expect(
      last(
        watched(
          only,
          losses(200, () => 3 + noise(0.6)),
        ),
      ).kind,
    ).toBe("go-on");
  });
  test("is not called one while evaluations get better", () => {
    const evaluation = Object.fromEntries(losses(20, (n) => n).map((n) => [10 * n, 3 - n / 10]));
    expect(
      last(
        watched(
          { ...only, patience: 99 },
          losses(200, () => 2),
          { evaluation },
        ),
      ).kind,
    ).toBe("go-on");
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
      why: "3 evaluations did not better the 2.000 after iteration 30",
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

describe("the extrapolation", () => {
  const only = { ...NONE, extrapolate: {} };
  test("stops an exponential decay that is over, and not a power law that goes on", () => {
    const over = watched(
      only,
      losses(400, (t) => 2 + 3 * Math.exp(-t / 15) + noise(0.05)),
    );
    expect(last(over)).toMatchObject({ kind: "stop", rule: "extrapolation" });
    expect(over.verdicts.length).toBeGreaterThan(60);
    expect(over.verdicts.length).toBeLessThan(300);
    const goesOn = watched(
      only,
      losses(250, (t) => 5 * t ** -0.3 + noise(0.05)),
      { steps: 400 },
    );
    expect(last(goesOn).kind).toBe("go-on");
  });
  test("predicts the end within its interval, which holds where the fall that is left is down to minDelta", () => {
    const steps = 400;
    const result = watched(
      only,
      losses(60, (t) => 2 + 3 * Math.exp(-t / 57) + noise(0.02)),
      { steps },
    );
    const said = last(result);
    if (said.kind !== "go-on") throw new Error(said.why);
    // What is left is 1 % of the loss there, 3.05, where 3 exp(-t / 57) = 0.0305 + 3 exp(-400 / 57).
    expect(said.low).toBeLessThanOrEqual(said.predicted);
    expect(said.predicted).toBeLessThanOrEqual(said.high);
    expect(said.low).toBeLessThanOrEqual(257);
    expect(said.high).toBeGreaterThanOrEqual(257);
    expect(said.high).toBeLessThanOrEqual(steps);
  });
  test("gets surer as losses come", () => {
    const curve = losses(150, (t) => 2 + 3 * Math.exp(-t / 50) + noise(0.02));
    const { verdicts } = watched(only, curve, { steps: 400 });
    const width = (at: number): number => {
      const said = verdicts[at - 1]!;
      return said.kind === "stop" ? 0 : said.high - said.low;
    };
    expect(width(140)).toBeLessThan(width(30));
  });
  test("confirms anew after a loss that says there is more to come", () => {
    const curve = losses(60, (t) => 5 * t ** -0.3 + noise(0.05));
    const { watch } = watched(only, curve.slice(0, 59), { steps: 400 });
    const next = watchLosses({ ...watch, confirmed: 2 }, { iteration: 60, training: curve[59]! });
    expect(next.watch.confirmed).toBe(0);
  });
  test("goes by evaluations alone where there are some", () => {
    const evaluation = Object.fromEntries(losses(20, (n) => n).map((n) => [10 * n, 5 - n / 10]));
    expect(
      last(
        watched(
          only,
          losses(200, () => 2),
          { steps: 400, evaluation },
        ),
      ).kind,
    ).toBe("go-on");
  });
});

describe("a watch", () => {
  test("says nothing of a job of one step, of two, or after the last one", () => {
    expect(last(watched({}, [3]))).toEqual({ kind: "go-on", predicted: 1, low: 1, high: 1 });
    expect(last(watched({ warmupSteps: 0 }, [3, 3])).kind).toBe("go-on");
    expect(last(watched({ ...NONE, plateau: { window: 4 }, warmupSteps: 4 }, [3, 3, 3, 3])).kind).toBe("go-on");
  });
  test("without rules says that a job trains all its steps", () => {
    expect(last(watched(NONE, [3, 2, 1], { steps: 50 }))).toEqual({ kind: "go-on", predicted: 50, low: 20, high: 50 });
  });
  test("does not grow with the iterations", () => {
    const size = (count: number): number =>
      JSON.stringify(
        watched(
          { ...NONE, extrapolate: { probability: 1e-9 } },
          losses(count, (t) => 9 / t),
        ).watch,
      ).length;
    expect(size(500)).toBeLessThan(1.2 * size(100));
  });
  test("takes an evaluation that is behind the training losses, and no loss twice or out of order", () => {
    const { watch } = watched({}, [3, 2, 1], { steps: 9 });
    const behind = watchLosses(watch, { iteration: 2, evaluation: 2 }).watch;
    expect(behind.best).toEqual({ loss: 2, iteration: 2, since: 0 });
    for (const seen of [
      { iteration: 3, training: 1 },
      { iteration: 10, training: 1 },
      { iteration: 3.5, training: 1 },
    ])
      expect(() => watchLosses(watch, seen)).toThrow(InvariantError);
    expect(() => watchLosses(behind, { iteration: 2, evaluation: 2 })).toThrow(InvariantError);
  });
});
