import { fitParameters } from "../../calibration/index.ts";
import { maximum, sum } from "../../core/index.ts";
import { rendezvousTasks, runTasks } from "../../sim/index.ts";
import type { Prediction } from "../score.ts";

/** Seconds of one layer and one micro-batch. */
export interface ProfiledLayer {
  readonly forwardSeconds: number;
  readonly backwardSeconds: number;
  /** Optimizer step of a whole stage, as a profile of each layer repeats it. */
  readonly updateSeconds: number;
}

/** A profile: a list of layers for each micro-batch size. */
export type Profile = ReadonlyMap<number, readonly ProfiledLayer[]>;

/** Of one device. */
export interface LayerBytes {
  readonly parameterBytes: number;
  /** For one sequence. */
  readonly activationOutputBytes: number;
  readonly activationMemoryBytes: number;
}

/** Rate of a message by its size, in bytes a second. */
export type RateOfMessage = (bytes: number) => number;

export interface ProfiledModel {
  readonly layers: readonly LayerBytes[];
  readonly profile: Profile;
  readonly rate: RateOfMessage;
}

/** A measured run of full training with 1F1B, blocking transfers and an all-reduce after the flush. */
export interface MeasuredPlan {
  readonly name: string;
  readonly layersPerStage: readonly number[];
  readonly dataParallel: number;
  readonly microBatchSize: number;
  readonly globalBatchSize: number;
  readonly seconds: number;
  /** Of the stage that reported it; waiting included. */
  readonly reduceSeconds: number;
  readonly peakBytes: number;
}

/** What the profile does not hold. */
export type PipelineFit = Readonly<
  Record<
    /** Factor on the profile at the smallest micro-batch, where launches bound it and hooks slow them. */
    | "smallestFactor"
    /** Host time of a micro-batch on a stage of a pipeline, half in forward and half in backward. */
    | "hostSeconds"
    /** Flatten, scale and copy back gradients, also without replicas. */
    | "flattenSecondsPerByte"
    /** Measured over ideal time of a ring all-reduce. */
    | "reduceFactor",
    number
  >
>;

interface StageFacts {
  readonly forwardSeconds: number;
  readonly backwardSeconds: number;
  readonly updateSeconds: number;
  readonly parameterBytes: number;
  readonly activationBytes: number;
  readonly messageBytes: number;
}

function stagesOf({ layers, profile }: ProfiledModel, plan: MeasuredPlan): readonly StageFacts[] {
  const times = profile.get(plan.microBatchSize)!;
  let first = 0;
  return plan.layersPerStage.map((count) => {
    const end = first + count;
    const timed = times.slice(first, end);
    const sized = layers.slice(first, end);
    first = end;
    return {
      forwardSeconds: sum(timed.map((layer) => layer.forwardSeconds)),
      backwardSeconds: sum(timed.map((layer) => layer.backwardSeconds)),
      updateSeconds: maximum(timed.map((layer) => layer.updateSeconds)),
      parameterBytes: sum(sized.map((layer) => layer.parameterBytes)),
      activationBytes: plan.microBatchSize * sum(sized.map((layer) => layer.activationMemoryBytes)),
      messageBytes: plan.microBatchSize * sized[sized.length - 1]!.activationOutputBytes,
    };
  });
}

function reduceSeconds(
  bytes: number,
  replicas: number,
  rate: RateOfMessage,
  fit: Pick<PipelineFit, "flattenSecondsPerByte" | "reduceFactor">,
): number {
  const ring = (2 * (replicas - 1) * bytes) / replicas / rate(bytes / replicas);
  return fit.flattenSecondsPerByte * bytes + fit.reduceFactor * ring;
}

export function predictPipeline(model: ProfiledModel, plan: MeasuredPlan, fit: PipelineFit): number {
  const stages = stagesOf(model, plan);
  const factor = plan.microBatchSize === Math.min(...model.profile.keys()) ? fit.smallestFactor : 1;
  const host = stages.length > 1 ? fit.hostSeconds / 2 : 0;
  const graph = rendezvousTasks({
    numStages: stages.length,
    numMicroBatches: plan.globalBatchSize / (plan.microBatchSize * plan.dataParallel),
    seconds: (stage, letter) => {
      const { forwardSeconds, backwardSeconds } = stages[stage]!;
      return factor * (letter === "F" ? forwardSeconds : backwardSeconds) + host;
    },
    transfer: (boundary) => {
      const { messageBytes } = stages[boundary]!;
      return { seconds: messageBytes / model.rate(messageBytes), flows: [], latencySeconds: 0 };
    },
    flushSeconds: (stage) =>
      reduceSeconds(stages[stage]!.parameterBytes, plan.dataParallel, model.rate, fit) + stages[stage]!.updateSeconds,
  });
  return runTasks(graph).makespanNs / 1e9;
}

export function pipelinePrediction(model: ProfiledModel, plan: MeasuredPlan, fit: PipelineFit): Prediction {
  return { name: plan.name, predicted: predictPipeline(model, plan, fit), measured: plan.seconds };
}

/**
 * The reduction's two parameters, from reported reductions: without replicas the first, with two the second (more
 * replicas also wait for each other).
 */
function fitReduction(model: ProfiledModel, plans: readonly MeasuredPlan[]) {
  const used = plans.filter(
    ({ dataParallel, layersPerStage }) => dataParallel <= 2 && (dataParallel === 2 || layersPerStage.length === 1),
  );
  return fitParameters({
    start: { flattenSecondsPerByte: 2e-11, reduceFactor: 1.2 },
    softL1: 0.05,
    residuals: (fit) =>
      used.map((plan) => {
        const largest = maximum(stagesOf(model, plan).map(({ parameterBytes }) => parameterBytes));
        return Math.log(reduceSeconds(largest, plan.dataParallel, model.rate, fit) / plan.reduceSeconds);
      }),
  });
}

/**
 * Four parameters: two from reported reductions, two from iteration times. A run that behaves like no other counts by
 * its size only.
 */
export function fitPipeline(model: ProfiledModel, plans: readonly MeasuredPlan[]): PipelineFit {
  const reduction = fitReduction(model, plans);
  const timed = fitParameters({
    start: { smallestFactor: 0.9, hostSeconds: 2e-3 },
    softL1: 0.02,
    residuals: (fit) =>
      plans.map((plan) => Math.log(predictPipeline(model, plan, { ...fit, ...reduction }) / plan.seconds)),
  });
  return { ...timed, ...reduction };
}
