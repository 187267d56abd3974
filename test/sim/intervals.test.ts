import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { letterErrors } from "../../calibration/hold-out-errors.ts";
import { costErrors } from "../../calibration/index.ts";
import { canonicalJson, mean } from "../../core/index.ts";
import { type Calibration, calibrationSchema, createCostModel, type PlanBody } from "../../plan/index.ts";
import { drawFigures, intervalsOfFigures, predictedFigures, simulate } from "../../sim/index.ts";
import { type Intervals, runMetrics } from "../../traces/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";
import { constant, type ErrorFigures, firstDraws, layers, measured, planOf } from "./drawn-costs.ts";

function intervalsFor(plan: PlanBody, calibration: Calibration, seed = 1, samples = 60): Intervals {
  const figures = drawFigures({ plan, calibration, seed, draws: firstDraws(samples) });
  return intervalsOfFigures(plan, figures, predictedFigures({ plan, calibration }), { level: 0.9, samples, seed });
}

function width([low, high]: readonly [number, number]): number {
  return high / low - 1;
}

describe("the errors of a calibration", () => {
  it("are none for constant times, and one shared figure for layers and roofline", () => {
    expect(costErrors(constant)).toMatchObject({ actions: { F: { systematic: 0, independent: 0 } }, links: 0 });
    const { actions } = costErrors(layers(0.04));
    expect(actions.B.systematic).toBeCloseTo(0.04 * Math.sqrt(Math.PI / 2), 12);
    expect(actions.B.independent).toBe(0);
    const roofline = { kind: "calibration", version: 1, model: "roofline", computeEfficiency: 0.5 } as const;
    const rest = { memoryEfficiency: 0.5, launchSeconds: 0 } as const;
    const given = calibrationSchema.parse({ ...roofline, ...rest, meanError: 0.1 });
    expect(costErrors(given).actions).toEqual(costErrors(layers(0.1)).actions);
    expect(costErrors(calibrationSchema.parse({ ...roofline, ...rest })).actions).toEqual(
      costErrors(layers(0.25)).actions,
    );
  });

  it("of a measured calibration are the two parts of its hold-out, and the pooled ones for a letter without points", () => {
    const parts = { points: 4, systematic: 0.03, independent: 0.1 };
    const base = measured({ systematic: 0.03, independent: 0.1 }) as Calibration & { model: "measured" };
    const holdOut = { ...base.holdOut, letters: { F: parts, B: { ...parts, points: 12, systematic: 0.01 } } };
    const { actions } = costErrors({ ...base, holdOut });
    expect(actions.B.systematic).toBe(0.01);
    expect(actions.U.systematic).toBeCloseTo(Math.sqrt((4 * 0.03 ** 2 + 12 * 0.01 ** 2) / 16), 12);
    expect(actions.U.independent).toBeCloseTo(0.1, 12);
  });

  it("are both as large as the whole error where a document does not tell them apart, and guessed where nothing was kept out", () => {
    const { F } = costErrors(measured(null, 0.04)).actions;
    expect(F.systematic).toBeCloseTo(0.04 * Math.sqrt(Math.PI / 2), 12);
    expect(F.independent).toBe(F.systematic);
    const base = measured(null) as Calibration & { model: "measured" };
    expect(costErrors({ ...base, holdOut: { ...base.holdOut, points: 0 } }).actions).toEqual(
      costErrors(layers(0.25)).actions,
    );
  });

  it("are split by point: what a point's actions share, and what scatters among them", () => {
    const point = (key: string, shared: number) =>
      [0.9, 1, 1.1].map((scatter) => ({ letter: "F" as const, key, ratio: shared * scatter }));
    const { F, B } = letterErrors([...point("a", 1.05), ...point("b", 1 / 1.05)]);
    expect(F?.points).toBe(2);
    expect(F?.systematic).toBeCloseTo(Math.log(1.05), 12);
    expect(F?.independent).toBeCloseTo(Math.sqrt(0.02 / 3), 12);
    expect(B).toBeUndefined();
  });
});

describe("intervals", () => {
  it("are of the figures that the trace has", () => {
    for (const [numDevices, parts] of [
      [1, 1],
      [3, 2],
      [4, 1],
    ] as const) {
      const plan = planOf(numDevices, 3, parts);
      const trace = simulate({ plan, planHash: "", costModel: createCostModel(constant, "float32") });
      const metrics = runMetrics({ ...plan, hash: "" }, trace);
      const [figures] = drawFigures({ plan, calibration: constant, seed: 1, draws: firstDraws(1) });
      const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal } = metrics;
      expect(figures).toEqual({
        makespanSeconds,
        tokensPerSecond,
        bubbleRatio,
        bubbleRatioTotal,
        turnaroundSeconds: metrics.jobs.map((job) => job.turnaroundSeconds),
      });
    }
  });

  it("have no width without errors", () => {
    const plan = planOf();
    for (const calibration of [constant, layers(0), measured({ systematic: 0, independent: 0 })]) {
      const { makespanSeconds, tokensPerSecond, bubbleRatio, jobs } = intervalsFor(plan, calibration, 1, 5);
      for (const [low, high] of [makespanSeconds, tokensPerSecond, bubbleRatio!, jobs[2]!.turnaroundSeconds])
        expect(low).toBe(high);
    }
  });

  it("hold the point prediction when all error is shared, since then it is as likely up as down", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.4, noNaN: true }), fc.integer({ min: 0, max: 1e6 }), (error, seed) => {
        const plan = planOf();
        const point = drawFigures({ plan, calibration: layers(0), seed, draws: firstDraws(1) })[0]!;
        const { makespanSeconds, tokensPerSecond } = intervalsFor(plan, layers(error), seed);
        expect(makespanSeconds[0]).toBeLessThan(point.makespanSeconds);
        expect(makespanSeconds[1]).toBeGreaterThan(point.makespanSeconds);
        expect(tokensPerSecond[0]).toBeLessThan(point.tokensPerSecond);
        expect(tokensPerSecond[1]).toBeGreaterThan(point.tokensPerSecond);
      }),
      { numRuns: 15 },
    );
  });

  it("always hold what is predicted, whatever the errors and however the machine moves", () => {
    const plan = planOf();
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.1, noNaN: true }),
        fc.double({ min: 0, max: 0.6, noNaN: true }),
        fc.double({ min: 0, max: 5, noNaN: true }),
        fc.integer({ min: 0, max: 1e6 }),
        (systematic, independent, lost, seed) => {
          const calibration = measured({ systematic, independent });
          const moves = { calibrated: [{ own: 0.5, lost, piecesPerSecond: 1 }], seen: [] };
          const figures = drawFigures({ plan, calibration, seed, draws: firstDraws(20), moves });
          const predicted = predictedFigures({ plan, calibration });
          const intervals = intervalsOfFigures(plan, figures, predicted, { level: 0.9, samples: 20, seed });
          const holds = ([low, high]: readonly [number, number], value: number): boolean =>
            low <= value && value <= high;
          expect(holds(intervals.makespanSeconds, predicted.makespanSeconds)).toBe(true);
          expect(holds(intervals.tokensPerSecond, predicted.tokensPerSecond)).toBe(true);
          expect(holds(intervals.bubbleRatio!, predicted.bubbleRatio!)).toBe(true);
          expect(holds(intervals.bubbleRatioTotal, predicted.bubbleRatioTotal)).toBe(true);
          for (const [job, { turnaroundSeconds }] of intervals.jobs.entries())
            expect(holds(turnaroundSeconds, predicted.turnaroundSeconds[job]!)).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("are as wide as the machine moves, and the other draws are the same with and without", () => {
    const plan = planOf();
    const calibration = measured({ systematic: 0, independent: 0 });
    const request = { plan, calibration, seed: 1, draws: firstDraws(40) };
    const as = { own: 1, lost: 0, piecesPerSecond: 0 };
    const moves = { calibrated: [as, { ...as, lost: 1 }], seen: [] };
    const [still, moved] = [drawFigures(request), drawFigures({ ...request, moves })];
    const ratios = moved.map((run) => run.makespanSeconds / still[0]!.makespanSeconds);
    expect(Math.min(...ratios)).toBeLessThan(1.1);
    expect(Math.max(...ratios)).toBeGreaterThan(1.9);
    const noisy = { ...request, calibration: measured({ systematic: 0.1, independent: 0.1 }) };
    expect(drawFigures({ ...noisy, moves: { calibrated: [as], seen: [] } })).toEqual(drawFigures(noisy));
  });

  it("know that devices which are interrupted in pieces wait for each other", () => {
    const plan = planOf();
    const calibration = measured({ systematic: 0, independent: 0 });
    const request = { plan, calibration, seed: 1, draws: firstDraws(20) };
    const makespan = (piecesPerSecond: number): number => {
      const move = { own: 0.5, lost: 1, piecesPerSecond };
      const moves = { calibrated: [move], seen: Array.from({ length: 1000 }, () => move) };
      return mean(drawFigures({ ...request, moves }).map((run) => run.makespanSeconds));
    };
    const [predicted] = drawFigures(request);
    expect(makespan(0)).toBeCloseTo(predicted!.makespanSeconds, 6);
    expect(makespan(0.5)).toBeGreaterThan(1.1 * makespan(0));
  });

  it("are wider with more error of either part", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.005, max: 0.1, noNaN: true }),
        fc.double({ min: 2, max: 4, noNaN: true }),
        fc.integer({ min: 0, max: 1e6 }),
        (error, more, seed) => {
          const plan = planOf();
          const wide = (errors: ErrorFigures): number =>
            width(intervalsFor(plan, measured(errors), seed).makespanSeconds);
          expect(wide({ systematic: error * more, independent: 0 })).toBeGreaterThan(
            wide({ systematic: error, independent: 0 }),
          );
          expect(wide({ systematic: 0, independent: error * more })).toBeGreaterThan(
            wide({ systematic: 0, independent: error }),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  it("keep equal devices equal where one set of figures stands for their type, and not where each was measured", () => {
    const plan = planOf(3, 3, 1);
    const bubbles = (calibration: Calibration) =>
      drawFigures({ plan, calibration, seed: 4, draws: firstDraws(30) }).map((run) => run.bubbleRatio!);
    const ofType = { ...plan, devices: plan.devices.map((device, index) => ({ ...device, type: `type ${index}` })) };
    const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
    const letters = drawFigures({ plan: ofType, calibration: layers(0.2), seed: 4, draws: firstDraws(30) });
    expect(spread(bubbles(layers(0.2)))).toBeLessThan(0.5 * spread(letters.map((run) => run.bubbleRatio!)));
    expect(spread(bubbles(measured({ systematic: 0.2, independent: 0 })))).toBeGreaterThan(0.1);
  });

  it("shrink over a longer run where the error is each action's own, and do not where it is shared", () => {
    const short = unitPlan({ numDevices: 1, numJobs: 1, parts: 1, steps: 4 });
    const long = unitPlan({ numDevices: 1, numJobs: 1, parts: 1, steps: 64 });
    const widths = (errors: ErrorFigures) =>
      [short, long].map((plan) => width(intervalsFor(plan, measured(errors), 5, 200).makespanSeconds));
    const [ownShort, ownLong] = widths({ systematic: 0, independent: 0.1 });
    expect(ownShort! / ownLong!).toBeGreaterThan(2.5);
    expect(ownShort! / ownLong!).toBeLessThan(6);
    const [sharedShort, sharedLong] = widths({ systematic: 0.1, independent: 0 });
    expect(sharedShort! / sharedLong!).toBeCloseTo(1, 1);
  });

  it("keep the mean of single actions, so that noise alone moves a device without waits by nothing on average", () => {
    const plan = unitPlan({ numDevices: 1, numJobs: 1, parts: 1, steps: 64 });
    const calibration = measured({ systematic: 0, independent: 0.5 });
    const figures = drawFigures({ plan, calibration, seed: 2, draws: firstDraws(200) });
    const exact = drawFigures({
      plan,
      calibration: measured({ systematic: 0, independent: 0 }),
      seed: 2,
      draws: firstDraws(1),
    });
    expect(mean(figures.map((run) => run.makespanSeconds)) / exact[0]!.makespanSeconds).toBeCloseTo(1, 2);
  });

  it("are the same bytes for the same seed, in one piece or in many, and others for another seed", () => {
    const plan = planOf();
    const calibration = measured({ systematic: 0.02, independent: 0.1 });
    const draw = (first: number, count: number, seed = 3) =>
      drawFigures({ plan, calibration, seed, draws: firstDraws(first + count).slice(first) });
    const pieces = [...draw(0, 2), ...draw(2, 1), ...draw(3, 5)];
    expect(canonicalJson(pieces)).toBe(canonicalJson(draw(0, 8)));
    expect(canonicalJson(draw(0, 8, 4))).not.toBe(canonicalJson(draw(0, 8)));
  });
});
