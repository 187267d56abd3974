import { maximum, nonNegativeLeastSquares, sum } from "../../core/index.ts";
import type { Prediction } from "../score.ts";
import type { LayerBytes, MeasuredPlan } from "./profiled-pipeline.ts";

/**
 * Peak memory of the fullest device = base + statePerParameter x parameter bytes + allocator x activation bytes in
 * flight.
 */
export interface DeviceMemoryFit {
  /** Bytes of context, libraries and kernels. */
  readonly baseBytes: number;
  /** Bytes a parameter byte: 5 is weight, gradient, two moments and a flattened copy. */
  readonly statePerParameter: number;
  /** Reserved over allocated memory; 1 where allocated memory is reported. */
  readonly allocatorFactor: number;
}

/** Parameter and activation bytes of each stage; stage s of S holds S - s micro-batches, at most all of them. */
function stageBytes(layers: readonly LayerBytes[], plan: MeasuredPlan) {
  const { layersPerStage, microBatchSize, globalBatchSize, dataParallel } = plan;
  const numMicroBatches = globalBatchSize / (microBatchSize * dataParallel);
  let first = 0;
  return layersPerStage.map((count, stage) => {
    const sized = layers.slice(first, first + count);
    first += count;
    const inFlight = Math.min(layersPerStage.length - stage, numMicroBatches);
    return {
      parameterBytes: sum(sized.map((layer) => layer.parameterBytes)),
      activationBytes: inFlight * microBatchSize * sum(sized.map((layer) => layer.activationMemoryBytes)),
    };
  });
}

function predictPeak(layers: readonly LayerBytes[], plan: MeasuredPlan, fit: DeviceMemoryFit): number {
  const needs = stageBytes(layers, plan).map(
    ({ parameterBytes, activationBytes }) =>
      fit.statePerParameter * parameterBytes + fit.allocatorFactor * activationBytes,
  );
  return fit.baseBytes + maximum(needs);
}

export function peakPrediction(layers: readonly LayerBytes[], plan: MeasuredPlan, fit: DeviceMemoryFit): Prediction {
  return { name: plan.name, predicted: predictPeak(layers, plan, fit), measured: plan.peakBytes };
}

/** Which stage is the fullest depends on the parameters, so the fit is repeated until it no longer changes. */
const ROUNDS = 10;

/** Three parameters by least squares on relative errors. */
export function fitDeviceMemory(layers: readonly LayerBytes[], plans: readonly MeasuredPlan[]): DeviceMemoryFit {
  let fit: DeviceMemoryFit = { baseBytes: 0, statePerParameter: 4, allocatorFactor: 1 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const { statePerParameter, allocatorFactor } = fit;
    const fullest = plans.map((plan) => {
      const need = (stage: { readonly parameterBytes: number; readonly activationBytes: number }): number =>
        statePerParameter * stage.parameterBytes + allocatorFactor * stage.activationBytes;
      return stageBytes(layers, plan).reduce((a, b) => (need(b) > need(a) ? b : a));
    });
    const share = (value: (index: number) => number): readonly number[] =>
      plans.map((plan, index) => value(index) / plan.peakBytes);
    const [base = 0, state = 0, allocator = 0] = nonNegativeLeastSquares(
      [
        share(() => 1),
        share((index) => fullest[index]!.parameterBytes),
        share((index) => fullest[index]!.activationBytes),
      ],
      plans.map(() => 1),
    );
    fit = { baseBytes: base, statePerParameter: state, allocatorFactor: allocator };
  }
  return fit;
}
