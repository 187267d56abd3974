import { groupBy, InputError, ownValue, sum } from "../../core/index.ts";
import { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "../actions/compute-dtype.ts";
import { adaptedTokens, type JobSegment, jobSegments } from "../actions/mini-batch.ts";
import { isSample, type SampleRun, sampleRuns } from "../actions/samples.ts";
import { type StageLayer, stageLayers } from "../actions/stage-layers.ts";
import { type Architecture, expertsOf, layerKinds, type SeenLength, seenLength } from "../documents/architecture.ts";
import type { LayersCalibration } from "../documents/calibration.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { KernelFigures } from "../documents/kernels.ts";
import { type Half, isInLayers, type Projection, projectionsOf } from "../documents/projections.ts";
import type { Stage } from "../documents/setting.ts";
import type { Recompute } from "../documents/workload.ts";
import { expertLoad } from "../kernels/expert-loads.ts";
import {
  type DevicePeaks,
  decoderDimensions,
  type LayerDimensions,
  type LayerPass,
  type LayerWork,
  layerSeconds,
  layerWork,
  touchedParameters,
} from "../kernels/layer-cost.ts";
import {
  adaptedFeatures,
  adapterPasses,
  headProductSeconds,
  launchedShare,
  layerAttentionSeconds,
  layerProductSeconds,
} from "../kernels/layer-kernels.ts";
import type { ActionCost } from "./action-cost.ts";
import { actionOperators } from "./action-operators.ts";
import { numMagnitudes } from "./adapter-parameters.ts";
import { peaksOf } from "./device-peaks.ts";
import { isQuantized } from "./quantized-weights.ts";
import { sizesOfRun } from "./sample-operators.ts";
import { dequantizedBytes, WEIGHT_BYTES } from "./weight-bytes.ts";

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
  /** Projections with adapters, of every token; all where absent. */
  readonly targets?: readonly Projection[];
}

/** Of adapters in a pass over packed rows that are of several jobs. */
export interface AdaptedRows {
  /** Sum over tokens of the features into and out of the projections with adapters. */
  readonly features: number;
  /** Projections with adapters of a token, on average over a whole layer. */
  readonly targets: number;
}

/** Seconds of whole layers on a device. */
export interface LayerTimes {
  /**
   * Passes over one layer, or half of it, for packed rows: products see all tokens, attention each row alone. `adapted`:
   * where not every token has the subject's targets. `seen`: of the layer's attention; in the mean over all layers where
   * absent. `layer`: one of the kind of layers that is asked about, one with experts where absent and the model has any.
   */
  layer(
    lengths: readonly number[],
    passes: readonly LayerPass[],
    half?: Half,
    adapted?: AdaptedRows,
    seen?: SeenLength,
    layer?: number,
  ): number;
  /** Norm, head and loss in one direction; of so many tokens with an adapter on the head. */
  head(tokens: number, direction: "F" | "B", adapted?: number): number;
}

/** The passes of a backward: `W` only where base weights are trained, and one more forward where nothing was kept. */
export function backwardPasses(recompute: Recompute, full = false): readonly LayerPass[] {
  return [...(recompute === "layer" ? (["recomputed"] as const) : []), "I", ...(full ? (["W"] as const) : [])];
}

/** Only these figures of a calibration decide times on a device. */
export type LayerFigures = Pick<
  LayersCalibration,
  "computeEfficiency" | "activationBytes" | "scoreBytes" | "launchSeconds" | "headBytes" | "kernels"
>;

const touchingOf = (passes: readonly LayerPass[]): number => passes.filter((pass) => pass !== "W").length;

/** Seconds of dequantizing the weights that some passes over a layer need. */
function dequantizingSeconds(
  { dtype, compute, split = 1 }: LayerSubject,
  peaks: DevicePeaks,
  dimensions: LayerDimensions,
  tokens: number,
  passes: readonly LayerPass[],
): number {
  const parameters = touchedParameters(dimensions, tokens);
  return (touchingOf(passes) * parameters * dequantizedBytes(dtype, compute)) / split / peaks.bytesPerSecond;
}

/** Seconds that reading the weights of a mixture's experts takes longer than multiplying them, where few tokens do. */
function readingSeconds(
  { dtype, split = 1 }: LayerSubject,
  peaks: DevicePeaks,
  { mixture }: LayerDimensions,
  tokens: number,
  passes: readonly LayerPass[],
  computeEfficiency: number,
): number {
  if (mixture === undefined) return 0;
  const { pairs, touched } = expertLoad(mixture.experts, tokens);
  const reading = (touched * mixture.parameters * WEIGHT_BYTES[dtype]) / peaks.bytesPerSecond;
  const multiplying = (2 * pairs * mixture.parameters) / (peaks.flopsPerSecond * computeEfficiency);
  return (touchingOf(passes) * Math.max(0, reading - multiplying)) / split;
}

/** Dimensions by half and kind of layer, each counted once. */
function dimensionsOf(architecture: Architecture) {
  const known = new Map<string, LayerDimensions>();
  return (half: Half | undefined, layer: number): LayerDimensions => {
    const key = `${half} ${expertsOf(architecture, layer) === undefined}`;
    const found = known.get(key) ?? decoderDimensions(architecture, half, layer);
    known.set(key, found);
    return found;
  };
}

/** With one share of the peak for all products, and attention among them. */
function shareTimes(subject: LayerSubject, peaks: DevicePeaks, figures: LayerFigures): LayerTimes {
  const { architecture, full = false, split = 1 } = subject;
  const all = seenLength(architecture);
  const known = dimensionsOf(architecture);
  return {
    layer(lengths, passes, half, _, seen = all, layer = layerKinds(architecture)[0]!) {
      const dimensions = known(half, layer);
      const tokens = sum(lengths);
      const works = lengths.map((tokens) =>
        layerWork(dimensions, { tokens, sequenceLength: seen(tokens), tensorParallel: split }, passes),
      );
      const total = (part: keyof LayerWork): number => works.reduce((all, work) => all + work[part], 0);
      const work = {
        flops: total("flops"),
        activations: total("activations"),
        scores: total("scores"),
        passes: touchingOf(passes) * (dimensions.launchShare ?? 1),
        communicationSeconds:
          dequantizingSeconds(subject, peaks, dimensions, tokens, passes) +
          readingSeconds(subject, peaks, dimensions, tokens, passes, figures.computeEfficiency),
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

const PASS_BITS: Readonly<Record<LayerPass, number>> = { F: 1, recomputed: 2, I: 4, W: 8 };

/** A number for passes, each of which is there once. */
function passesCode(passes: readonly LayerPass[]): number {
  return passes.reduce((code, pass) => code | PASS_BITS[pass], 0);
}

/** With each product and each row's attention as kernels of such sizes were measured. */
function kernelTimes(
  subject: LayerSubject,
  peaks: DevicePeaks,
  { computeEfficiency, activationBytes, launchSeconds, headBytes }: LayerFigures,
  kernels: KernelFigures,
): LayerTimes {
  const { architecture, full = false, split = 1, targets = projectionsOf(architecture) } = subject;
  const memoryRate = peaks.bytesPerSecond * (kernels.memoryBoundSpeed ?? 1);
  const all = seenLength(architecture);
  const ofLayer = dimensionsOf(architecture);
  // Micro-batches are many, and their sizes few: by what is computed, and tokens.
  const known: Map<number, number>[] = [];
  const once = (what: number, tokens: number, seconds: () => number): number => {
    known[what] ??= new Map();
    const found = known[what].get(tokens) ?? seconds();
    known[what].set(tokens, found);
    return found;
  };
  return {
    layer(lengths, passes, half, adapted, seen = all, layer = layerKinds(architecture)[0]!) {
      const dimensions = ofLayer(half, layer);
      const tokens = sum(lengths);
      const { features, targets: numTargets } = adapted ?? {
        features: tokens * adaptedFeatures(architecture, targets, layer, half),
        targets: targets.length,
      };
      const { activations } = layerWork(dimensions, { tokens, sequenceLength: 0, tensorParallel: split }, passes);
      const part =
        (half === undefined ? 2 : half === "mlp" ? 4 : 6) + (expertsOf(architecture, layer) === undefined ? 0 : 1);
      const products = once(8 * passesCode(passes) + part, tokens, () =>
        layerProductSeconds(kernels, peaks, architecture, tokens, { passes, split, layer, half }),
      );
      const attention =
        half === "mlp" ? 0 : layerAttentionSeconds(kernels, peaks, architecture, lengths, { passes, split, seen });
      const traffic = activations * activationBytes + (adapterPasses(passes) * features * kernels.adapterBytes) / split;
      return (
        (products + attention) / computeEfficiency +
        traffic / memoryRate +
        dequantizingSeconds(subject, peaks, dimensions, tokens, passes) +
        touchingOf(passes) * (dimensions.launchShare ?? 1) * launchSeconds * launchedShare(numTargets)
      );
    },
    head(tokens, direction, adapted = 0) {
      const entries = (tokens * architecture.vocabularySize) / split;
      const features = adapted * (architecture.hiddenSize + architecture.vocabularySize);
      const passes: readonly LayerPass[] = direction === "F" ? ["F"] : full ? ["I", "W"] : ["I"];
      const products = once(direction === "F" ? 0 : 1, tokens, () =>
        headProductSeconds(kernels, peaks, architecture, tokens, { passes, split }),
      );
      const traffic = (entries * headBytes) / 2 + (adapterPasses(passes) * features * kernels.adapterBytes) / split;
      return products / computeEfficiency + traffic / memoryRate;
    },
  };
}

/** Of a device's type, or of the only one. @throws InputError where there are several and none of its type */
function kernelsOf({ type, name }: ResolvedDevice, kernels: Readonly<Record<string, KernelFigures>>): KernelFigures {
  const types = Object.keys(kernels);
  const found = ownValue(kernels, type) ?? (types.length === 1 ? kernels[types[0]!] : undefined);
  if (found !== undefined) return found;
  throw new InputError({
    expected: `kernels of ${name}'s type, ${type}`,
    at: "calibration.kernels",
    got: types.join(", "),
  });
}

export function layerTimes(subject: LayerSubject, figures: LayerFigures): LayerTimes {
  const { dtype, compute, device } = subject;
  const peaks = peaksOf(device, dtype, compute);
  return figures.kernels === undefined
    ? shareTimes(subject, peaks, figures)
    : kernelTimes(subject, peaks, figures, kernelsOf(device, figures.kernels));
}

const UPDATE_BYTES = 4;

/** Layers of a stage that take the same time. */
interface EqualLayers {
  readonly count: number;
  /** Of their attention in the mean. */
  readonly seen: SeenLength;
  /** Absent for whole layers. */
  readonly half: Half | undefined;
  readonly isRecomputed: boolean;
  /** One of them. */
  readonly layer: number;
}

/** A stage's actions are many, and all go through the same layers. */
const knownLayers = new WeakMap<Stage, WeakMap<Architecture, readonly EqualLayers[]>>();

function equalLayers(architecture: Architecture, stage: Stage): readonly EqualLayers[] {
  const ofStage = knownLayers.get(stage) ?? new WeakMap<Architecture, readonly EqualLayers[]>();
  knownLayers.set(stage, ofStage);
  const known = ofStage.get(architecture);
  if (known !== undefined) return known;
  const kind = ({ layer, halves, isRecomputed }: StageLayer): string =>
    `${halves.join()} ${isRecomputed} ${expertsOf(architecture, layer) === undefined}`;
  const layers = [...groupBy(stageLayers(stage), kind).values()].map((same): EqualLayers => {
    const { layer, halves, isRecomputed } = same[0]!;
    const seen = seenLength(
      architecture,
      same.map(({ layer }) => layer),
    );
    return { count: same.length, seen, half: halves.length === 2 ? undefined : halves[0], isRecomputed, layer };
  });
  ofStage.set(architecture, layers);
  return layers;
}

/** What is known of layers is kept from action to action. */
const knownTimes = new WeakMap<LayerFigures, WeakMap<Architecture, WeakMap<ResolvedDevice, Map<Dtype, LayerTimes>>>>();

function keptTimes(
  figures: LayerFigures,
  architecture: Architecture,
  device: ResolvedDevice,
  dtype: Dtype,
): LayerTimes {
  const byArchitecture = knownTimes.get(figures) ?? new WeakMap();
  knownTimes.set(figures, byArchitecture);
  const byDevice = byArchitecture.get(architecture) ?? new WeakMap();
  byArchitecture.set(architecture, byDevice);
  const byDtype: Map<Dtype, LayerTimes> = byDevice.get(device) ?? new Map();
  byDevice.set(device, byDtype);
  const times = byDtype.get(dtype) ?? layerTimes({ architecture, dtype, device }, figures);
  byDtype.set(dtype, times);
  return times;
}

/** Seconds of an update that reads and writes so many numbers. */
export function updateSeconds(
  elements: number,
  device: ResolvedDevice,
  dtype: Dtype,
  { launchSeconds }: Pick<LayerFigures, "launchSeconds">,
): number {
  return launchSeconds + (UPDATE_BYTES * elements) / peaksOf(device, dtype).bytesPerSecond;
}

/** Seconds of an action from whole layers. A backward has no dW; over a recomputed layer it makes one more pass. */
export function layerActionSeconds(action: ActionCost, figures: LayerFigures): number {
  const { letter, device, shape, microBatch } = action;
  if (letter === "U")
    return updateSeconds(sum(actionOperators(action).map((call) => call.elements)), device, shape.dtype, figures);
  if (isSample(microBatch))
    return sum(sampleRuns(microBatch).map((run) => run.times * sampleRunSeconds(action, figures, run)));
  return passSeconds(action, figures, jobSegments(microBatch, letter === "B"), letter !== "B");
}

/**
 * Seconds of one of the runs that answer prompts: no less than reading the weights takes, with the keys and values of the
 * tokens before.
 */
function sampleRunSeconds(action: ActionCost, figures: LayerFigures, run: SampleRun): number {
  const { shape, device } = action;
  const { architecture, dtype, stage } = shape;
  const { segments, tokens, sequences, pasts = [] } = sizesOfRun(run);
  const computed = passSeconds(action, figures, segments, true, sequences);
  const compute = COMPUTE_BYTES[computeDtype(dtype)];
  const layers = equalLayers(architecture, stage);
  const weights = layers.map(({ count, half, layer }) => {
    const touched = touchedParameters(decoderDimensions(architecture, half, layer), tokens);
    return count * touched * (isQuantized(dtype) ? WEIGHT_BYTES[dtype] : compute);
  });
  const head = architecture.hiddenSize * architecture.vocabularySize * compute;
  const keys = 2 * architecture.numKvHeads * architecture.headDim * compute * sum(pasts.flat());
  const attentions = sum(layers.map(({ count, half }) => (half === "mlp" ? 0 : count)));
  const { bytesPerSecond } = peaksOf(device, dtype);
  return Math.max(computed, (sum(weights) + head) / bytesPerSecond) + (attentions * keys) / bytesPerSecond;
}

/** Of a forward, or a backward; `headTokens` are those of which logits are made, all where absent. */
function passSeconds(
  { device, shape }: ActionCost,
  figures: LayerFigures,
  segments: readonly JobSegment[],
  isForward: boolean,
  headTokens?: number,
): number {
  const { architecture, dtype, stage } = shape;
  const times = keptTimes(figures, architecture, device, dtype);
  const lengths: number[] = [];
  const ofJobs: { readonly own: number; readonly targets: readonly Projection[] }[] = [];
  let [targeted, onHead] = [0, 0];
  for (const segment of segments) {
    const job = shape.jobs[segment.job]!;
    const own = adaptedTokens(segment, job);
    const { targets } = job.adapter;
    const inLayers = targets.reduce((count, target) => count + (isInLayers(target) ? 1 : 0), 0);
    lengths.push(...segment.lengths);
    ofJobs.push({ own, targets });
    targeted += own * inLayers;
    if (inLayers < targets.length) onHead += own;
  }
  const tokens = sum(lengths);
  const numTargets = targeted / tokens;
  const seconds = equalLayers(architecture, stage).map(({ count, seen, half, isRecomputed, layer }) => {
    const passes = isForward ? (["F"] as const) : backwardPasses(isRecomputed ? "layer" : "none");
    const features = sum(ofJobs.map(({ own, targets }) => own * adaptedFeatures(architecture, targets, layer, half)));
    return count * times.layer(lengths, passes, half, { features, targets: numTargets }, seen, layer);
  });
  // Each of its outputs is read and written as by a sum.
  let outputs = 0;
  for (const segment of segments) {
    const job = shape.jobs[segment.job]!;
    if (job.adapter.dora === true) outputs += adaptedTokens(segment, job) * numMagnitudes(architecture, stage, job);
  }
  const scaling = (3 * COMPUTE_BYTES[computeDtype(dtype)] * outputs) / peaksOf(device, dtype).bytesPerSecond;
  const atHead = headTokens ?? tokens;
  const head = stage.head ? times.head(atHead, isForward ? "F" : "B", (onHead * atHead) / tokens) : 0;
  return sum(seconds) + scaling + head;
}
