import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { allCurves, chooseOptions, isKeptOut, keeps, PROMISED } from "../../../bench/early-stopping/choose-options.ts";
import { CURVE_SETTINGS } from "../../../bench/early-stopping/curve-settings.ts";
import { CURVES_FILE, curveLine, parseCurves, readCurves } from "../../../bench/early-stopping/curves.ts";
import { byOptions, scoreJudge, scoreOf, truthOf, watchCurve } from "../../../bench/early-stopping/score.ts";
import { earlyStoppingSchema } from "../../../plan/documents/early-stopping.ts";

const curves = readCurves();
const DEFAULTS = earlyStoppingSchema.parse({});

describe("the stored curves", () => {
  it("are those of the settings, of all families, with their evaluations", () => {
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
    expect(truth).toMatchObject({ rightFrom: 20, isHopeless: true, isHealthy: false });
    expect(truth.givenUp[0]).toBeCloseTo(3 / 1.985 - 1, 12);
    expect(truth.givenUp[5]).toBe(0);
  });
  it("is not to stop a curve whose last tenth betters it", () => {
    expect(truthOf(curve([3, 2, 2, 2, 2, 2, 2, 2, 2, 1.9]))).toMatchObject({ rightFrom: 100, isHealthy: true });
  });
  it("is to stop one without a finite evaluation at any time", () => {
    const truth = { givenUp: [0, 0], rightFrom: 0, isHealthy: false, isHopeless: true };
    expect(truthOf(curve([Number.NaN, Number.NaN]))).toEqual(truth);
  });
  it("counts stops, right ones, and iterations", () => {
    const stopped = curve([3, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    const ended = [10, 30, 100].map((iterations) => ({ curve: stopped, truth: truthOf(stopped), iterations }));
    const score = scoreOf(ended);
    expect(score).toMatchObject({ curves: 3, healthy: 0, hopeless: 3, found: 1, stopped: 2, right: 1 });
    expect(score.savedRightly).toBeCloseTo(70 / 300, 12);
    expect(score.saved).toBeCloseTo(160 / 300, 12);
    expect(score.mostGivenUp).toBeCloseTo(0.5, 12);
  });
});

describe("the rules by default", () => {
  const careful = "keep what is promised on the curves that they are chosen on, and on those that are kept out";
  it(careful, { tags: ["slow"], timeout: 120_000 }, () => {
    const all = allCurves();
    expect(all.length).toBeGreaterThanOrEqual(600);
    const [chosenOn, keptOut] = [false, true].map((isOut) =>
      scoreJudge(
        all.filter((curve) => isKeptOut(curve) === isOut),
        byOptions(DEFAULTS),
      ),
    );
    expect(keeps(PROMISED, chosenOn!), JSON.stringify(chosenOn)).toBe(true);
    expect(keeps(PROMISED, keptOut!), JSON.stringify(keptOut)).toBe(true);
  });
  it("are what is chosen", { tags: ["nightly"], timeout: 600_000 }, () => {
    expect(chooseOptions(allCurves().filter((curve) => !isKeptOut(curve))).options).toEqual(DEFAULTS);
  });
  it("find every loss that is not finite, and no divergence that was none", () => {
    for (const curve of curves) {
      const { rule, iterations } = watchCurve(curve, DEFAULTS);
      const first = curve.training.findIndex((loss) => !Number.isFinite(loss));
      if (first >= 0) expect(iterations).toBeLessThanOrEqual(first + 1);
      if (rule === "divergence") expect(iterations).toBeGreaterThanOrEqual(truthOf(curve).rightFrom);
    }
  }, 60_000);
});
