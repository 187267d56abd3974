import { fitParameters } from "../../calibration/index.ts";
import {
  type Architecture,
  type DevicePeaks,
  decoderDimensions,
  type LayerEfficiency,
  type LayerPass,
  layerSeconds,
  layerWork,
} from "../../plan/index.ts";
import type { Prediction } from "../score.ts";

/** A measured time of one decoder layer, or of embedding and head together, for packed tokens on one device. */
export interface LayerTime {
  readonly model: string;
  readonly arch: Architecture;
  readonly part: "layer" | "head";
  /** Passes that the time covers; LoRA has no W. */
  readonly passes: readonly LayerPass[];
  readonly tokens: number;
  readonly seconds: number;
}

/** Launches, share of the peak, and bytes a feature: the three parameters of one part and set of passes. */
export type LayerTimeFit = Readonly<Record<"launchSeconds" | "computeEfficiency" | "activationBytes", number>>;

function headSeconds(time: LayerTime, peaks: DevicePeaks, fit: LayerTimeFit): number {
  const entries = time.tokens * time.arch.vocabularySize;
  const flops = 2 * time.passes.length * entries * time.arch.hiddenSize;
  return (
    time.passes.length * fit.launchSeconds +
    flops / (peaks.flopsPerSecond * fit.computeEfficiency) +
    (entries * fit.activationBytes) / peaks.bytesPerSecond
  );
}

function predictLayerTime(time: LayerTime, peaks: DevicePeaks, fit: LayerTimeFit): number {
  if (time.part === "head") return headSeconds(time, peaks, fit);
  const efficiency: LayerEfficiency = { ...fit, scoreBytes: 0 };
  const shape = { tokens: time.tokens, sequenceLength: 0, tensorParallel: 1 };
  return layerSeconds(layerWork(decoderDimensions(time.arch), shape, time.passes), peaks, efficiency, 1);
}

export function layerTimePrediction(time: LayerTime, peaks: DevicePeaks, fit: LayerTimeFit): Prediction {
  return {
    name: `${time.model} ${time.part} ${time.passes.join("")} ${time.tokens}`,
    predicted: predictLayerTime(time, peaks, fit),
    measured: time.seconds,
  };
}

/** The three parameters from the times of one part and set of passes, whatever the model. */
export function fitLayerTimes(times: readonly LayerTime[], peaks: DevicePeaks): LayerTimeFit {
  return fitParameters({
    start: { launchSeconds: 1e-4, computeEfficiency: 0.6, activationBytes: 15 },
    residuals: (fit) => times.map((time) => Math.log(predictLayerTime(time, peaks, fit) / time.seconds)),
  });
}
