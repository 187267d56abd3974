import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chooseOptions, halfOf } from "../../../bench/early-stopping/choose-options.ts";
import { CURVE_SETTINGS } from "../../../bench/early-stopping/curve-settings.ts";
import { CURVES_FILE, curveLine, parseCurves, readCurves } from "../../../bench/early-stopping/curves.ts";
import { scoreOf, scoreOptions, truthOf, watchCurve } from "../../../bench/early-stopping/score.ts";
import { earlyStoppingSchema } from "../../../plan/documents/early-stopping.ts";

const curves = readCurves();
const DEFAULTS = earlyStoppingSchema.parse({});
const half = (of: 0 | 1) => curves.filter((curve) => halfOf(curve) === of);

describe("the stored curves", () => {
  it("are those of the settings, of all families, with an evaluation after every ten iterations", () => {
    expect(curves.map(({ name, family, setting }) => ({ name, family, setting }))).toEqual(CURVE_SETTINGS);
    for (const { training, evaluation, every, setting } of curves) {
      expect(training.length).toBe(setting.iterations);
      expect(evaluation.length).toBe(setting.iterations / every);
    }
  });
  it("are read as they are written", () => {
    const [, ...lines] = readFileSync(CURVES_FILE, "utf8").trimEnd().split("\n");
    expect(curves.map(curveLine)).toEqual(lines);
    expect(lines.some((line) => line.includes("null"))).toBe(true);
    expect(parseCurves(`{}\n${lines[0]}\n`).curves).toEqual([curves[0]]);
  });
});

describe("what is right", () => {
  const curve = (evaluation: readonly number[]) => ({
    ...curves[0]!,
    ...{ every: 10, evaluation, training: Array.from({ length: 10 * evaluation.length }, () => 1) },
  });
  it("is to stop where the rest betters the best evaluation by no more than one per cent", () => {
    const truth = truthOf(curve([3, 2, 2.1, 1.99, 5, 1.985, 1.99, 2, 2, 2]));
    expect(truth).toMatchObject({ rightFrom: 20, isToStop: true });
    expect(truth.givenUp[0]).toBeCloseTo(3 / 1.985 - 1, 12);
    expect(truth.givenUp[5]).toBe(0);
  });
  it("is not to stop a curve whose last tenth betters it", () => {
    expect(truthOf(curve([3, 2, 2, 2, 2, 2, 2, 2, 2, 1.9]))).toMatchObject({ rightFrom: 100, isToStop: false });
  });
  it("is to stop one without a finite evaluation at any time", () => {
    expect(truthOf(curve([Number.NaN, Number.NaN]))).toEqual({ givenUp: [0, 0], rightFrom: 0, isToStop: true });
  });
  it("counts stops, right ones, and iterations", () => {
    const stopped = curve([3, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    const ended = [10, 30, 100].map((iterations) => ({ curve: stopped, truth: truthOf(stopped), iterations }));
    const score = scoreOf(ended);
    expect(score).toMatchObject({ curves: 3, toStop: 3, stopped: 2, right: 1, precision: 0.5, recall: 1 / 3 });
    expect(score.savedRightly).toBeCloseTo(70 / 300, 12);
    expect(score.saved).toBeCloseTo(160 / 300, 12);
    expect(score.mostGivenUp).toBeCloseTo(0.5, 12);
  });
});

describe("the rules by default", () => {
  it("are what is chosen on the first half of the curves", { tags: ["slow"], timeout: 300_000 }, () => {
    expect(chooseOptions(half(0)).options).toEqual(DEFAULTS);
  });
  it("are right in 13 of 15 stops on the other half, find 10 of 14, and save 12 % of the iterations", () => {
    const score = scoreOptions(half(1), DEFAULTS);
    expect(score).toMatchObject({ curves: 31, toStop: 14, stopped: 15, right: 13 });
    expect(score.recall).toBeCloseTo(10 / 14, 12);
    expect(score.savedRightly).toBeCloseTo(0.12, 3);
    expect(score.meanGivenUp).toBeLessThan(0.005);
  }, 60_000);
  it("find every loss that is not finite, and no divergence that was none", () => {
    for (const curve of curves) {
      const { rule, iterations } = watchCurve(curve, DEFAULTS);
      const first = curve.training.findIndex((loss) => !Number.isFinite(loss));
      if (first >= 0) expect(iterations).toBeLessThanOrEqual(first + 1);
      if (rule === "divergence") expect(iterations).toBeGreaterThanOrEqual(truthOf(curve).rightFrom);
    }
  }, 60_000);
});
