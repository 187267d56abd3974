import type { PlannedLetter } from "../action.ts";
import type { LayersCalibration } from "../documents/calibration.ts";
import type { MicroBatch } from "../documents/plan.ts";
import {
  type DevicePeaks,
  decoderDimensions,
  type LayerPass,
  type LayerWork,
  layerSeconds,
  layerWork,
} from "./layer-cost.ts";
import { type StageShape, updateOperator } from "./operators.ts";

/** An action as the layer model sees it. */
export interface LayerAction {
  readonly letter: PlannedLetter;
  readonly shape: StageShape;
  readonly microBatch: Pick<MicroBatch, "rows">;
  readonly updatedJobs: readonly number[];
  readonly peaks: DevicePeaks;
  /** Bytes moved to dequantize one weight before each pass; 0 for weights that products take as they are. */
  readonly dequantizedBytes: number;
}

const UPDATE_BYTES = 4;

function sumOfWork(works: readonly LayerWork[]): LayerWork {
  const total = (part: keyof LayerWork): number => works.reduce((sum, work) => sum + work[part], 0);
  return {
    flops: total("flops"),
    activations: total("activations"),
    scores: total("scores"),
    passes: works[0]?.passes ?? 0,
    communicationSeconds: 0,
  };
}

function headSeconds(action: LayerAction, tokens: number, calibration: LayersCalibration): number {
  const { architecture } = action.shape;
  const entries = tokens * architecture.vocabularySize;
  return (
    (2 * entries * architecture.hiddenSize) / (action.peaks.flopsPerSecond * calibration.computeEfficiency) +
    (entries * calibration.headBytes) / 2 / action.peaks.bytesPerSecond
  );
}

/**
 * Seconds of an action from whole layers: the rows of a micro-batch are packed, so that products see all tokens and attention
 * each row's own. A backward has no dW; with recomputation it makes one more pass.
 */
export function layerActionSeconds(action: LayerAction, calibration: LayersCalibration): number {
  const { letter, shape, microBatch, peaks } = action;
  if (letter === "U") {
    const { elements } = updateOperator(shape, action.updatedJobs);
    return calibration.launchSeconds + (UPDATE_BYTES * elements) / peaks.bytesPerSecond;
  }
  const isRecomputed = letter === "B" && shape.recompute === "layer";
  const passes: readonly LayerPass[] = letter === "F" ? ["F"] : isRecomputed ? ["recomputed", "I"] : ["I"];
  const dimensions = decoderDimensions(shape.architecture);
  const lengths = microBatch.rows.map(([, , tokens]) => tokens);
  const work = sumOfWork(
    lengths.map((tokens) => layerWork(dimensions, { tokens, sequenceLength: tokens, tensorParallel: 1 }, passes)),
  );
  const dequantizing = (work.passes * dimensions.parameters * action.dequantizedBytes) / peaks.bytesPerSecond;
  const layer = layerSeconds({ ...work, communicationSeconds: dequantizing }, peaks, calibration, 1);
  const tokens = lengths.reduce((a, b) => a + b, 0);
  const numLayers = shape.stage.endLayer - shape.stage.firstLayer;
  return numLayers * layer + (shape.stage.head ? headSeconds(action, tokens, calibration) : 0);
}
