import { describe, expect, it } from "vitest";
import { fitOperator } from "../../calibration/fit-operator.ts";
import { splitHoldOut } from "../../calibration/hold-out.ts";
import {
  type ActionSample,
  type CalibrationSamples,
  fitCalibration,
  type OperatorSample,
} from "../../calibration/index.ts";
import { createRng } from "../../core/index.ts";
import { operatorSeconds } from "../../plan/costs/operator-seconds.ts";
import { targetsOf } from "../../plan/costs/stage-shapes.ts";
import {
  calibrationSchema,
  createCostModel,
  type MicroBatch,
  type OperatorCall,
  stageOperators,
} from "../../plan/index.ts";
import { smallPlan } from "../sim/small-plan.ts";

const base = smallPlan({ orders: ["F0 B0"], microBatches: [{ tokens: 1 }] });
const shape = {
  architecture: {
    ...base.model.architecture,
    hiddenSize: 64,
    intermediateSize: 160,
    numLayers: 4,
    numHeads: 4,
    numKvHeads: 2,
    headDim: 16,
    vocabularySize: 500,
  },
  stage: { ...base.stages[0]!, endLayer: 4 },
  jobs: base.jobs,
  targets: targetsOf(base.jobs),
  dtype: "float32" as const,
};

/** Seconds of one call that this machine of ours would take. */
const TRUTH: Readonly<Record<string, number>> = {
  one: 4e-6,
  flops: 5e-12,
  elements: 2e-10,
  work: 3e-11,
  rows: 1e-10,
  segments: 2e-6,
  scored: 1e-7,
};

function trueSeconds(call: OperatorCall): number {
  return operatorSeconds(TRUTH, call.features);
}

function rowsOf(lengths: readonly number[]): Pick<MicroBatch, "rows"> {
  return { rows: lengths.map((tokens, row) => [0, row, tokens, tokens - 1]) };
}

/**
 * Every operator at each of the micro-batches, and each as a whole action, with relative noise and a bias on whole
 * actions.
 */
function measure(
  microBatches: readonly (readonly number[])[],
  noise: number,
  bias = 1,
  overhead = 3e-5,
): CalibrationSamples {
  const rng = createRng(7);
  const noisy = (seconds: number): number => seconds * (1 + noise * (2 * rng.nextFloat() - 1));
  const operators: OperatorSample[] = [];
  const actions: ActionSample[] = [];
  for (const lengths of microBatches) {
    for (const letter of ["F", "B"] as const) {
      const calls = stageOperators(shape, letter, rowsOf(lengths));
      for (const call of calls) {
        operators.push({
          operator: call.name,
          kind: call.kind,
          features: call.features,
          seconds: noisy(trueSeconds(call)),
        });
      }
      const sum = calls.reduce((total, call) => total + call.calls * trueSeconds(call), 0);
      actions.push({ letter, calls, seconds: noisy(bias * sum + overhead) });
    }
  }
  return { operators, actions };
}

const SHAPES = [[16], [40], [64, 30], [100], [90, 90], [250], [130, 200, 64], [512], [300, 400], [512, 512]];

function modelOf(samples: CalibrationSamples) {
  const fitted = fitCalibration(samples);
  const calibration = calibrationSchema.parse({
    kind: "calibration",
    version: 1,
    model: "measured",
    device: { type: "unit", description: "", threads: 1, devicesAtOnce: 1 },
    date: "2026-01-01",
    dtype: "float32",
    link: { latencySeconds: 0, secondsPerByte: 0 },
    ...fitted,
  });
  return { fitted, model: createCostModel(calibration, "float32") };
}

function predictionError(samples: CalibrationSamples, lengths: readonly number[], bias = 1, overhead = 3e-5): number {
  const { model } = modelOf(samples);
  const errors = (["F", "B"] as const).map((letter) => {
    const calls = stageOperators(shape, letter, rowsOf(lengths));
    const actual = bias * calls.reduce((total, call) => total + call.calls * trueSeconds(call), 0) + overhead;
    const predicted = model.actionSeconds({
      letter,
      device: base.devices[0]!,
      shape,
      microBatch: rowsOf(lengths),
      updatedJobs: [],
    });
    return Math.abs(predicted / actual - 1);
  });
  return Math.max(...errors);
}

describe("an operator's fit", () => {
  const sample = (features: Readonly<Record<string, number>>, seconds: number): OperatorSample => ({
    operator: "x",
    kind: "x",
    features,
    seconds,
  });

  it("leaves out a feature that says nothing, and never has a negative coefficient", () => {
    const rng = createRng(3);
    const samples = Array.from({ length: 30 }, (_, index) => {
      const features = { one: 1, tokens: 10 + index * 13, noise: rng.nextFloat() };
      return sample(features, (2e-6 + 1e-8 * features.tokens) * (1 + 0.01 * (2 * rng.nextFloat() - 1)));
    });
    const coefficients = fitOperator(samples);
    expect(Object.keys(coefficients)).toEqual(["one", "tokens"]);
    expect(coefficients["one"]).toBeCloseTo(2e-6, 7);
    expect(coefficients["tokens"]! / 1e-8).toBeCloseTo(1, 1);
  });

  it("weighs residuals relative to the time, so that a small size counts as much as a large one", () => {
    // No line through the origin fits both; the relative optimum is (1/a + 1/b) / (1/a^2 + 1/b^2) of the rates a and b.
    const { tokens } = fitOperator([sample({ tokens: 1 }, 1), sample({ tokens: 1000 }, 2000)]);
    expect(tokens).toBeCloseTo(1.5 / 1.25, 12);
  });

  it("counts a weighted sample as often as its weight", () => {
    const once = sample({ tokens: 1 }, 1);
    const other = sample({ tokens: 10 }, 20);
    expect(fitOperator([{ ...once, weight: 3 }, other])["tokens"]).toBeCloseTo(
      fitOperator([once, once, once, other])["tokens"]!,
      12,
    );
  });

  it("refuses a time that is not positive, and samples whose features are all zero", () => {
    expect(() => fitOperator([sample({ one: 1 }, 0)])).toThrow("a positive time of x");
    expect(() => fitOperator([sample({ one: 0 }, 1)])).toThrow("a positive feature");
  });
});

describe("the hold-out", () => {
  it("takes every fifth point by size, without the extremes, and keeps measurements of a point together", () => {
    const sizes = [9, 1, 4, 7, 2, 8, 3, 6, 5, 0].flatMap((size) => [size, size]);
    const samples = sizes.map((size, index) => ({ size, seconds: 1 + size + 0.001 * index }));
    const { fitted, heldOut } = splitHoldOut(samples, ({ size }) => size);
    expect(heldOut.map(({ size }) => size)).toEqual([7, 7, 2, 2]);
    expect(fitted).toHaveLength(16);
  });

  it("takes nothing where there are too few points", () => {
    const samples = [1, 2, 3].map((seconds) => ({ seconds }));
    expect(splitHoldOut(samples, ({ seconds }) => seconds).heldOut).toEqual([]);
  });
});

describe("a fitted calibration", () => {
  it("predicts actions that were not measured, larger ones too", () => {
    const samples = measure(SHAPES, 0);
    expect(predictionError(samples, [77, 200])).toBeLessThan(1e-3);
    expect(predictionError(samples, [900, 900])).toBeLessThan(1e-3);
  });

  it("stays close with 3 % of noise on every measurement", () => {
    const samples = measure(SHAPES, 0.03);
    expect(predictionError(samples, [77, 200])).toBeLessThan(0.03);
    const { fitted } = modelOf(samples);
    expect(fitted.holdOut.points).toBe(4);
    expect(fitted.holdOut.meanAbsError).toBeLessThan(0.04);
    expect(fitted.holdOut.p90AbsError).toBeGreaterThanOrEqual(fitted.holdOut.meanAbsError);
    for (const operator of fitted.operators) expect(operator.residualSpread).toBeLessThan(0.04);
  });

  it("says of whole actions what their noise is, and how far the fit itself is off", () => {
    const repeated = SHAPES.flatMap((lengths) => Array.from({ length: 12 }, () => lengths));
    const { letters } = fitCalibration(measure(repeated, 0.06)).holdOut;
    const uniform = 0.06 / Math.sqrt(3);
    for (const { points, systematic, independent } of [letters!.F!, letters!.B!]) {
      expect(points).toBe(2);
      expect(independent / uniform).toBeGreaterThan(0.7);
      expect(independent / uniform).toBeLessThan(1.3);
      expect(systematic).toBeLessThan(uniform);
    }
    expect(letters!.U).toBeUndefined();
  });

  it("finds the time of an action beside its operators", () => {
    const { actionSeconds } = fitCalibration(measure(SHAPES, 0, 1, 3e-5));
    expect(actionSeconds.F / 3e-5).toBeCloseTo(1, 2);
    expect(actionSeconds.U).toBe(0);
  });

  it("folds one factor a letter into the coefficients when whole actions take less than their operators", () => {
    const samples = measure(SHAPES, 0.002, 0.8, 0);
    expect(predictionError(samples, [77, 200], 0.8, 0)).toBeLessThan(0.01);
  });

  it("scales what a backward runs again with the forward's factor, and the rest with its own", () => {
    const actions = measure(SHAPES, 0).actions.map((action) => {
      const seconds = action.calls.reduce((total, call) => {
        const bias = call.kind.endsWith(":B") ? 0.7 : 0.9;
        return total + bias * call.calls * trueSeconds(call);
      }, 0);
      return { ...action, seconds };
    });
    const again = actions.map((action) => {
      if (action.letter !== "B") return action;
      const forward = stageOperators(
        { ...shape, stage: { ...shape.stage, recomputedLayers: 4 } },
        "B",
        rowsOf([100]),
      ).filter(({ kind }) => kind === "rmsnorm:F");
      const added = forward.reduce((total, call) => total + 0.9 * call.calls * trueSeconds(call), 0);
      return { ...action, calls: [...action.calls, ...forward], seconds: action.seconds + added };
    });
    const { operators, holdOut } = fitCalibration({ ...measure(SHAPES, 0), actions: again });
    const factorOf = (name: string): number =>
      operators.find(({ operator }) => operator === name)!.coefficients["one"]! / TRUTH["one"]!;
    expect(factorOf("rmsnorm:F")).toBeCloseTo(0.9, 3);
    expect(factorOf("rmsnorm:B")).toBeCloseTo(0.7, 3);
    expect(holdOut.meanAbsError).toBeLessThan(1e-3);
  });

  it("takes from actions that ran alone what each letter's share of the busy time is, and never more than all of it", () => {
    const samples = measure(SHAPES, 0.01);
    const alone = samples.actions.map((action) => ({
      ...action,
      seconds: action.seconds * (action.letter === "F" ? 0.9 : 1.1),
    }));
    const { fitted, model } = modelOf({ ...samples, alone });
    expect(fitted.aloneShare!.F).toBeCloseTo(0.9, 2);
    expect(fitted.aloneShare).toMatchObject({ B: 1, U: 1 });
    expect(model.contention).toEqual({ devices: 1, alone: fitted.aloneShare });
    expect(modelOf(samples).model.contention).toBeUndefined();
  });

  it("scores operators where no whole action was measured", () => {
    const { holdOut, actionSeconds } = fitCalibration({ ...measure(SHAPES, 0.01), actions: [] });
    expect(holdOut.points).toBeGreaterThan(20);
    expect(holdOut.meanAbsError).toBeLessThan(0.02);
    expect(actionSeconds).toEqual({ F: 0, B: 0, U: 0 });
  });

  it("covers shapes that were not measured by their kind, and scales the kind for a shape with a single point", () => {
    const samples = measure(SHAPES, 0);
    const single = {
      operator: "matmul:7x9:F",
      kind: "matmul:F",
      features: { one: 1, tokens: 8, flops: 1008, weights: 63 },
      seconds: 2 * (4e-6 + 1008 * 5e-12),
    };
    const { operators } = fitCalibration({ ...samples, operators: [...samples.operators, single] });
    const coefficientsOf = (name: string) => operators.find(({ operator }) => operator === name)!.coefficients;
    expect(operatorSeconds(coefficientsOf("matmul:7x9:F"), single.features)).toBeCloseTo(single.seconds, 12);
    expect(Object.keys(coefficientsOf("matmul:7x9:F"))).toEqual(Object.keys(coefficientsOf("matmul:F")));
  });

  it("is the same for the same samples, and its hash changes with one of them", () => {
    const samples = measure(SHAPES, 0.02);
    expect(fitCalibration(samples)).toEqual(fitCalibration(samples));
    const changed = { ...samples, operators: samples.operators.slice(1) };
    expect(fitCalibration(changed).samplesHash).not.toBe(fitCalibration(samples).samplesHash);
  });

  it("refuses an action with an operator of which nothing was measured", () => {
    const samples = measure(SHAPES, 0);
    const operators = samples.operators.filter(({ kind }) => kind !== "attention:F");
    expect(() => fitCalibration({ ...samples, operators })).toThrow("samples of attention:F");
  });
});
