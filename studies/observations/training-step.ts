import { sum } from "../../core/index.ts";
import {
  type Architecture,
  adaptedFeatures,
  adapterPasses,
  attentionShare,
  BACKWARD_FORWARDS,
  collectiveSeconds,
  decoderDimensions,
  dequantizedBytes,
  type GpuKernels,
  headProductSeconds,
  heldParameters,
  layerProductSeconds,
  projectionsOf,
  WEIGHT_BYTES,
} from "../../plan/index.ts";
import { plainSoftware } from "./plain-software.ts";
import type { ProductPrecision, TrainingSystem } from "./training-system.ts";

/** What is fitted. All shares and factors are positive. */
export interface StepFit {
  /** Speed of products with 8-bit operands relative to what kernels in 16 bits reach of their peak; of 4-bit ones. */
  readonly float8Share: number;
  readonly float4Share: number;
  /** Of the host, a layer and pass, where kernels are launched one by one. */
  readonly hostSeconds: number;
  /** A step of a ring of context parallelism, a layer and pass. */
  readonly ringSeconds: number;
  /** Speed of a generation relative to one of which 1 is assumed; 1 where absent. */
  readonly generations: Readonly<Record<string, number>>;
  /** Of a software release, time relative to one of which 1 is assumed; 1 where absent. */
  readonly releases: Readonly<Record<string, number>>;
}

/**
 * Assumed, from other sources or after looking at fits; docs/reference/accuracy.md says which. Shares are of a peak or of a link's
 * rate.
 */
const ASSUMED = {
  linkShare: 0.8,
  /** Of the time that NCCL's collectives take alone. */
  collectiveShare: 0.75,
  allToAllShare: 0.4,
  overlapped: 0.9,
  reduceShare: 0.7,
  gatherShare: 0.75,
  gapSeconds: 1e-4,
  stepSeconds: 0.01,
  hopSeconds: 4e-3,
} as const;

/** Bytes of a parameter of the base model that is gathered, and of a gradient that is reduced. */
const GATHERED_BYTES = 2;
const GRADIENT_BYTES = 4;
/** Of a weight in an update: gradient, copy in 32 bits, both moments, and the weight in 16 bits; reads and writes. */
const UPDATE_BYTES = 30;
/** Of a micro-batch's time in full training. */
const BACKWARD_SHARE = 2 / 3;
const PASSES = 2;
/** Gathers and scatters of a pass with sequence parallelism. */
const COLLECTIVES = 4;
const BFLOAT16_BYTES = 2;
/** The host launches ahead: it is a floor below what the device needs, with a soft corner. */
const FLOOR_EXPONENT = 8;

/** How many times as fast as kernels in 16 bits products of a precision are, by what is fitted of it. */
function speedOf({ accelerator }: TrainingSystem, precision: ProductPrecision, fit: StepFit): number {
  const { bfloat16 = Number.NaN, float8 = Number.NaN, float4 = Number.NaN } = accelerator.flops;
  const { [accelerator.generation]: factor = 1 } = fit.generations;
  switch (precision) {
    case "bfloat16":
      // Kernels that were timed need no factor.
      return accelerator.kernels.source === "mean" ? factor : 1;
    case "float8":
      return (factor * fit.float8Share * float8) / bfloat16;
    case "float4":
      return (factor * fit.float4Share * float4) / bfloat16;
  }
}

/** A fit asks for the same products over and over. */
const knownSeconds = new WeakMap<GpuKernels, WeakMap<Architecture, Map<string, number>>>();

/**
 * Seconds of the products of a pass over a layer, or over the head, in 16 bits, on a device that keeps up its speed; for
 * each of so many tokens.
 */
function productSecondsOf(system: TrainingSystem, size: number, pass: "F" | "I" | "W", part: "layer" | "head"): number {
  const { accelerator, architecture, tensorParallel: split, contextParallel, precision } = system;
  const { kernels, losses, flops, memoryBytesPerSecond: bytesPerSecond } = accelerator;
  // What long products lose to the power limit was seen in 16 bits; steps in 8 bits show none of it.
  const hasLoss = part === "head" || precision === "bfloat16";
  const { products } = kernels;
  const figures = { products: hasLoss ? products : { ...products, powerLoss: 0 } };
  const tokens = Math.max(1, Math.round(size / contextParallel));
  const byArchitecture = knownSeconds.get(kernels) ?? new WeakMap<Architecture, Map<string, number>>();
  knownSeconds.set(kernels, byArchitecture);
  const known = byArchitecture.get(architecture) ?? new Map<string, number>();
  byArchitecture.set(architecture, known);
  const key = `${part} ${pass} ${tokens} ${split} ${hasLoss}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const peaks = { flopsPerSecond: losses.sustained * (flops.bfloat16 ?? Number.NaN), bytesPerSecond };
  const secondsOf = part === "layer" ? layerProductSeconds : headProductSeconds;
  const seconds = secondsOf(figures, peaks, architecture, tokens, { passes: [pass], split, layer: 0 }) / tokens;
  known.set(key, seconds);
  return seconds;
}

/** The same of a backward: of gradients of the input, and in full training of those of weights. */
function backwardProductSeconds(system: TrainingSystem, size: number, part: "layer" | "head"): number {
  const weights = system.isFull === undefined ? 0 : productSecondsOf(system, size, "W", part);
  return productSecondsOf(system, size, "I", part) + weights;
}

/** Seconds of attention in a layer, forward and backward: of each token, and of each pair of tokens of one row. */
function attentionOf(system: TrainingSystem, fit: StepFit) {
  const { accelerator, architecture, tensorParallel, contextParallel, recomputedLayers, precision } = system;
  const { numHeads, headDim, numLayers } = architecture;
  const figures = accelerator.kernels.attention;
  const share = attentionShare(figures, headDim);
  const peak = accelerator.losses.sustained * (accelerator.flops.bfloat16 ?? Number.NaN);
  const faster = precision === "bfloat16" ? 1 : accelerator.float8Attention;
  const flops = share * peak * faster * speedOf(system, "bfloat16", fit);
  const forwards = 1 + BACKWARD_FORWARDS + recomputedLayers / numLayers;
  const pair = (forwards * 2 * numHeads * headDim) / tensorParallel / contextParallel / flops;
  return { token: figures.halfSpeedTokens * pair, pair };
}

/** In which a layer's quantized weights are read and written in 16 bits for a pass. */
function unpackSeconds({ accelerator, architecture, tensorParallel, quantized }: TrainingSystem): number {
  if (quantized === undefined) return 0;
  const bytes = dequantizedBytes(quantized, "bfloat16") * heldParameters(decoderDimensions(architecture));
  return bytes / tensorParallel / accelerator.memoryBytesPerSecond;
}

/** Of each token of a layer's input, in which tensor parallelism gathers it: in collectives of so many. */
function tokenGatherSeconds({ accelerator, architecture, tensorParallel }: TrainingSystem, tokens: number): number {
  const bytes = BFLOAT16_BYTES * architecture.hiddenSize;
  const { kernels, linkBytesPerSecond } = accelerator;
  if (kernels.collectives !== undefined)
    return (
      (ASSUMED.collectiveShare * collectiveSeconds(kernels.collectives, "all-gather", tensorParallel, bytes * tokens)) /
      tokens
    );
  return (bytes * (tensorParallel - 1)) / tensorParallel / (ASSUMED.linkShare * linkBytesPerSecond);
}

/**
 * Seconds of a device for one layer, forward and backward, of a micro-batch, by what they go to. `size`: tokens of the
 * micro-batches that products are made of.
 */
function layerParts(system: TrainingSystem, size: number, fit: StepFit) {
  const { accelerator, architecture, tensorParallel: tp, contextParallel: cp, precision, recomputedLayers } = system;
  const { hiddenSize, numLayers, numKvHeads, headDim } = architecture;
  const { losses, memoryBytesPerSecond } = accelerator;
  const recomputed = recomputedLayers / numLayers;
  const passes = PASSES + recomputed;
  const tokens = system.tokens / cp;
  const { sequence = system.tokens, targets = system.isFull ? [] : projectionsOf(system.architecture) } = system;
  const link = accelerator.linkBytesPerSecond;
  const bursts =
    (1 + recomputed) * productSecondsOf(system, size, "F", "layer") + backwardProductSeconds(system, size, "layer");
  const products = (tokens * bursts) / speedOf(system, precision, fit);
  const attended = attentionOf(system, fit);
  const attention = system.tokens * (attended.token + sequence * attended.pair);
  const { activationFeatures } = decoderDimensions(architecture);
  const moved =
    passes * losses.activationBytes * activationFeatures +
    (adapterPasses(["F", "I"]) + recomputed) * losses.adapterBytes * adaptedFeatures(architecture, targets, 0);
  const memory = (tokens * moved) / tp / memoryBytesPerSecond;
  const shared = passes * COLLECTIVES * tokens * tokenGatherSeconds(system, size / cp);
  const tensor = shared * (system.overlaps ? ASSUMED.overlapped : 1);
  const exchanged = (hiddenSize + numKvHeads * headDim) * 2 * BFLOAT16_BYTES;
  const context =
    system.contextExchange === "ring"
      ? passes * (cp - 1) * fit.ringSeconds
      : (passes * tokens * exchanged * (cp - 1)) / cp / tp / (ASSUMED.allToAllShare * link);
  return { products, attention, memory, tensor, context, fixed: passes * (ASSUMED.gapSeconds + unpackSeconds(system)) };
}

/** Of the head, forward and backward, in 16 bits. */
function headSeconds(system: TrainingSystem, size: number, fit: StepFit): number {
  const { accelerator, architecture, tensorParallel, contextParallel, tokens } = system;
  const { losses, memoryBytesPerSecond } = accelerator;
  const bursts = productSecondsOf(system, size, "F", "head") + backwardProductSeconds(system, size, "head");
  const moved = (losses.headBytes * architecture.vocabularySize) / tensorParallel / memoryBytesPerSecond;
  return (tokens / contextParallel) * (bursts / speedOf(system, "bfloat16", fit) + moved);
}

/** What a micro-batch's time follows from. */
export interface MicroBatchSize {
  readonly tokens: number;
  /** Pairs of tokens of one row: the squares of rows' tokens. */
  readonly pairs: number;
}

/** Seconds of micro-batches of any size, forward and backward. */
export interface MicroBatchCost {
  /** Of a stage without the head. */
  stage(size: MicroBatchSize): number;
  /** Of the last stage, which has the most to do: what one more micro-batch adds to a step. */
  last(size: MicroBatchSize): number;
  /** In which a pipeline fills and drains in a step, beside all micro-batches of its last stage: by the largest of them. */
  fill(largest: MicroBatchSize, microBatches: number): number;
  /** Whether so many micro-batches take what their sums do. */
  readonly isLinear: boolean;
  /** The same of the last stage for so many micro-batches by their sums; where it is linear. */
  sums(microBatches: number, size: MicroBatchSize): number;
}

/** Of a system whose micro-batches are of other sizes than its own. */
export function microBatchCost(system: TrainingSystem, release: string, fit: StepFit): MicroBatchCost {
  const { hasGraphs, recomputedLayers, architecture, pipelineParallel, virtualStages = 1 } = system;
  const one = { ...system, tokens: 1, sequence: 1 };
  const { products, memory, tensor, context, fixed: own } = layerParts(one, system.tokens, fit);
  const attended = attentionOf(system, fit);
  const isRing = system.contextExchange === "ring";
  const layers = (releaseFactor(system, release, fit) * architecture.numLayers) / pipelineParallel;
  const fixed = layers * (own + (isRing ? context : 0));
  const token = layers * (products + memory + attended.token + tensor + (isRing ? 0 : context));
  const pair = layers * attended.pair;
  const head = releaseFactor(system, release, fit) * headSeconds(one, system.tokens, fit);
  const hostSeconds = plainSoftware(release)?.hostSeconds ?? fit.hostSeconds;
  const host = layers * (PASSES + recomputedLayers / architecture.numLayers) * hostSeconds;
  const stage = ({ tokens, pairs }: MicroBatchSize): number => {
    const device = fixed + token * tokens + pair * pairs;
    // Where the host launches kernels one by one it may be a floor.
    return hasGraphs ? device : (device ** FLOOR_EXPONENT + host ** FLOOR_EXPONENT) ** (1 / FLOOR_EXPONENT);
  };
  const handOn = handOnSeconds(one);
  return {
    stage,
    fill(largest, microBatches) {
      if (pipelineParallel === 1) return 0;
      const fills = numFills(system, microBatches);
      // Fewer micro-batches than stages leave nothing to interleave.
      const groups = microBatches / fills < pipelineParallel ? 1 : virtualStages;
      return fills * (((pipelineParallel - 1) * stage(largest)) / groups + handOn * largest.tokens);
    },
    last: (size) => stage(size) + head * size.tokens,
    isLinear: hasGraphs,
    sums: (count, { tokens, pairs }) => count * fixed + (token + head) * tokens + pair * pairs,
  };
}

/** Bytes a second of one accelerator to the farthest of the others. */
function farRate({ accelerator, accelerators, scaleUp }: TrainingSystem): number {
  return accelerators <= scaleUp ? accelerator.linkBytesPerSecond : accelerator.networkBytesPerSecond;
}

/**
 * Gradients of what is trained, summed over all copies of the model: over those that the fast link joins, and then, each
 * with its share of them, with the copies elsewhere.
 */
function reduceSeconds(system: TrainingSystem): number {
  const { accelerator, accelerators, tensorParallel, pipelineParallel, trainedParameters, scaleUp } = system;
  const split = tensorParallel * pipelineParallel;
  const copies = accelerators / split;
  const bytes = (GRADIENT_BYTES * trainedParameters) / split;
  const near = Math.max(1, Math.min(copies, scaleUp / tensorParallel));
  const { collectives } = accelerator.kernels;
  const moved = (count: number): number => (2 * (count - 1)) / count;
  const nearSeconds =
    collectives === undefined
      ? (moved(near) * bytes) / (ASSUMED.reduceShare * accelerator.linkBytesPerSecond)
      : collectiveSeconds(collectives, "all-reduce", near, bytes);
  if (copies === near) return nearSeconds;
  const hops = ASSUMED.hopSeconds * Math.log2(accelerators / scaleUp);
  const far = (moved(copies / near) * bytes) / near / (ASSUMED.reduceShare * accelerator.networkBytesPerSecond);
  return nearSeconds + far + hops;
}

/**
 * The base model's parameters gathered as so many micro-batches need them: forward, backward, and forward again in
 * between.
 */
function gatherSeconds(system: TrainingSystem): (microBatches: number) => number {
  const { accelerator, accelerators, architecture, tensorParallel, pipelineParallel, scaleUp } = system;
  const { numLayers, hiddenSize, vocabularySize } = architecture;
  const each = system.quantized === undefined ? GATHERED_BYTES : WEIGHT_BYTES[system.quantized];
  const layers = numLayers * heldParameters(decoderDimensions(architecture)) * each;
  const gathered = layers + 2 * hiddenSize * vocabularySize * GATHERED_BYTES;
  // Each machine brings all of them over the ports of its devices.
  const rate = accelerators <= scaleUp ? accelerator.linkBytesPerSecond : accelerator.networkBytesPerSecond * scaleUp;
  const own = gathered / tensorParallel / pipelineParallel;
  return (microBatches) => (3 * (microBatches * own)) / (ASSUMED.gatherShare * rate);
}

/** How often a pipeline fills in a step of so many micro-batches. */
function numFills({ drainAfter = Number.POSITIVE_INFINITY }: TrainingSystem, microBatches: number): number {
  return Math.max(1, Math.ceil(microBatches / drainAfter));
}

/** Rows at a stage's end and their gradients, handed on while nothing else is there to do: a pipeline fills and drains. */
function handOnSeconds(system: TrainingSystem): number {
  const { architecture, tokens, contextParallel, tensorParallel, pipelineParallel } = system;
  const bytes = (BFLOAT16_BYTES * architecture.hiddenSize * tokens) / contextParallel / tensorParallel;
  return (2 * (pipelineParallel - 1) * bytes) / (ASSUMED.linkShare * farRate(system));
}

/** Where the seconds of a step go. `rest`: the head, gaps, the host, filling a pipeline, and what a step has once. */
export const STEP_PARTS = ["products", "attention", "memory", "link", "rest"] as const;
export type StepShares = Readonly<Record<(typeof STEP_PARTS)[number], number>>;

/** What one accelerator does in a step, in sums. */
export interface StepSums extends MicroBatchSize {
  readonly microBatches: number;
  readonly largest: MicroBatchSize;
}

/** Shares of a step's time that go to each part. `computed`: as for `wholeStepSeconds`, by who does so much. */
export function stepShares(
  system: TrainingSystem,
  release: string,
  fit: StepFit,
  { computed, tokens, pairs, microBatches, largest }: StepSums & { readonly computed: number },
): StepShares {
  const step = wholeStepSeconds(system)(computed, microBatches);
  const sequence = pairs / tokens;
  const { products, attention, memory, tensor, context } = layerParts(
    { ...system, tokens, sequence },
    system.tokens,
    fit,
  );
  const { architecture, pipelineParallel, contextExchange } = system;
  const inLayers = (releaseFactor(system, release, fit) * architecture.numLayers) / pipelineParallel;
  const exchanged = context * (contextExchange === "ring" ? microBatches : 1);
  const handedOn = numFills(system, microBatches) * handOnSeconds({ ...system, tokens: largest.tokens });
  // What gathering weights takes beyond all else is the link's as well.
  const beyond = step - wholeStepSeconds({ ...system, isSharded: false })(computed, microBatches);
  const link = inLayers * (tensor + exchanged) + handedOn + reduceSeconds(system) + beyond;
  const known = { products: inLayers * products, attention: inLayers * attention, memory: inLayers * memory };
  return {
    products: known.products / step,
    attention: known.attention / step,
    memory: known.memory / step,
    link: link / step,
    rest: (step - sum(Object.values(known)) - link) / step,
  };
}

function releaseFactor({ accelerator }: TrainingSystem, release: string, { releases }: StepFit): number {
  return (
    plainSoftware(release)?.factor ?? releases[`${release} on ${accelerator.generation}`] ?? releases[release] ?? 1
  );
}

const ownSize = ({ tokens, sequence = tokens }: TrainingSystem): MicroBatchSize => ({
  tokens,
  pairs: tokens * sequence,
});

/** Seconds that one more micro-batch adds to a step: those of the last stage, which has the most to do. */
export function microBatchSeconds(system: TrainingSystem, release: string, fit: StepFit): number {
  return microBatchCost(system, release, fit).last(ownSize(system));
}

/** Of Adam over all weights, that each accelerator of those that hold a part of the model updates a share of (ZeRO-1). */
function updateSeconds({ accelerator, accelerators, trainedParameters }: TrainingSystem): number {
  return (UPDATE_BYTES * trainedParameters) / accelerators / accelerator.memoryBytesPerSecond;
}

/** Seconds of steps whose slowest accelerators compute for so long, in so many micro-batches. */
export function wholeStepSeconds(system: TrainingSystem): (computed: number, microBatches: number) => number {
  const { pipelineParallel } = system;
  const reduce = reduceSeconds(system);
  const gather = system.isSharded ? gatherSeconds(system) : () => 0;
  return (computed, microBatches) => {
    // Gradients of layers are summed while a pipeline drains, beside the last backwards, and what is left after them.
    const [summed, update] =
      system.isFull === undefined
        ? [reduce, 0]
        : [Math.max(0, reduce - (BACKWARD_SHARE * pipelineParallel * computed) / microBatches), updateSeconds(system)];
    return Math.max(computed + summed + update + ASSUMED.stepSeconds, gather(microBatches));
  };
}

/**
 * Seconds of a training step of equal micro-batches; stages work as 1F1B has them. `release`: of the software, one of the
 * fit's, or another one that counts as those that are 1.
 */
export function trainingStepSeconds(system: TrainingSystem, release: string, fit: StepFit): number {
  const cost = microBatchCost(system, release, fit);
  const size = ownSize(system);
  const computed = cost.fill(size, system.accumulation) + system.accumulation * cost.last(size);
  return wholeStepSeconds(system)(computed, system.accumulation);
}
