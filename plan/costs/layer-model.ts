import { groupBy, sum } from "../../core/index.ts";
import type { ComputeDtype } from "../compute-dtype.ts";
import type { Architecture, Half } from "../documents/architecture.ts";
import type { LayersCalibration } from "../documents/calibration.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Stage } from "../documents/setting.ts";
import type { Dtype, Recompute } from "../documents/workload.ts";
import { type StageLayer, stageLayers } from "../stage-layers.ts";
import type { ActionCost } from "./action-cost.ts";
import { peaksOf } from "./device-peaks.ts";
import { decoderDimensions, type LayerPass, type LayerWork, layerSeconds, layerWork } from "./layer-cost.ts";
import { updateOperator } from "./operators.ts";
import { dequantizedBytes } from "./weight-bytes.ts";

/** What times of whole layers follow from. */
export interface LayerSubject {
  readonly architecture: Architecture;
  /** Of the frozen weights. */
  readonly dtype: Dtype;
  /** Of products and activations: `computeDtype(dtype)` where absent. */
  readonly compute?: ComputeDtype;
  readonly device: ResolvedDevice;
  /** Whether base weights are trained. */
  readonly full?: boolean;
  /** A device has 1 / `split` of every layer and of the head; 1 where absent. */
  readonly split?: number;
}

/** Seconds of whole layers on a device. */
export interface LayerTimes {
  /** Passes over one layer, or half of it, for packed rows: products see all tokens, attention each row alone. */
  layer(lengths: readonly number[], passes: readonly LayerPass[], half?: Half): number;
  /** Norm, head and loss in one direction. */
  head(tokens: number, direction: "F" | "B"): number;
}

/** The passes of a backward: `W` only where base weights are trained, and one more forward where nothing was kept. */
export function backwardPasses(recompute: Recompute, full = false): readonly LayerPass[] {
  return [...(recompute === "layer" ? (["recomputed"] as const) : []), "I", ...(full ? (["W"] as const) : [])];
}

/** Only these figures of a calibration decide times on a device. */
export type LayerFigures = Pick<
  LayersCalibration,
  "computeEfficiency" | "activationBytes" | "scoreBytes" | "launchSeconds" | "headBytes"
>;

export function layerTimes(subject: LayerSubject, figures: LayerFigures): LayerTimes {
  const { architecture, dtype, compute, device, full = false, split = 1 } = subject;
  const peaks = peaksOf(device, dtype, compute);
  const whole = decoderDimensions(architecture);
  return {
    layer(lengths, passes, half) {
      const dimensions = half === undefined ? whole : decoderDimensions(architecture, half);
      const dequantized = (dimensions.parameters * dequantizedBytes(dtype, compute)) / split;
      const works = lengths.map((tokens) =>
        layerWork(dimensions, { tokens, sequenceLength: tokens, tensorParallel: split }, passes),
      );
      const total = (part: keyof LayerWork): number => works.reduce((all, work) => all + work[part], 0);
      const touching = passes.filter((pass) => pass !== "W").length;
      const work = {
        flops: total("flops"),
        activations: total("activations"),
        scores: total("scores"),
        passes: touching * (dimensions.launchShare ?? 1),
        communicationSeconds: (touching * dequantized) / peaks.bytesPerSecond,
      };
      return layerSeconds(work, peaks, figures, 1);
    },
    head(tokens, direction) {
      const entries = (tokens * architecture.vocabularySize) / split;
      const products = 2 * entries * architecture.hiddenSize * (direction === "B" && full ? 2 : 1);
      return (
        products / (peaks.flopsPerSecond * figures.computeEfficiency) +
        (entries * figures.headBytes) / 2 / peaks.bytesPerSecond
      );
    },
  };
}

const UPDATE_BYTES = 4;

/** Layers of a stage that take the same time. */
interface EqualLayers {
  readonly count: number;
  /** Absent for whole layers. */
  readonly half: Half | undefined;
  readonly isRecomputed: boolean;
}

/** A stage's actions are many, and all go through the same layers. */
const knownLayers = new WeakMap<Stage, readonly EqualLayers[]>();

function equalLayers(stage: Stage): readonly EqualLayers[] {
  const known = knownLayers.get(stage);
  if (known !== undefined) return known;
  const kind = ({ halves, isRecomputed }: StageLayer): string => `${halves.join()} ${isRecomputed}`;
  const layers = [...groupBy(stageLayers(stage), kind).values()].map((same): EqualLayers => {
    const { halves, isRecomputed } = same[0]!;
    return { count: same.length, half: halves.length === 2 ? undefined : halves[0], isRecomputed };
  });
  knownLayers.set(stage, layers);
  return layers;
}

/** Seconds of an action from whole layers. A backward has no dW; over a recomputed layer it makes one more pass. */
export function layerActionSeconds(action: ActionCost, figures: LayerFigures): number {
  const { letter, device, shape, microBatch } = action;
  const { architecture, dtype, stage } = shape;
  if (letter === "U") {
    const { elements } = updateOperator(shape, action.updatedJobs);
    return figures.launchSeconds + (UPDATE_BYTES * elements) / peaksOf(device, dtype).bytesPerSecond;
  }
  const times = layerTimes({ architecture, dtype, device }, figures);
  const lengths = microBatch.rows.map(([, , tokens]) => tokens);
  const seconds = equalLayers(stage).map(({ count, half, isRecomputed }) => {
    const passes = letter !== "B" ? (["F"] as const) : backwardPasses(isRecomputed ? "layer" : "none");
    return count * times.layer(lengths, passes, half);
  });
  return sum(seconds) + (stage.head ? times.head(sum(lengths), letter === "B" ? "B" : "F") : 0);
}
