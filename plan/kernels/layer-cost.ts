import { sum } from "../../core/index.ts";
import { type Architecture, type Experts, expertsOf, layerKinds } from "../documents/architecture.ts";
import { type Half, halfOf, layerProjections, projectionShape, rowsPerToken } from "../documents/projections.ts";
import { expertLoad } from "./expert-loads.ts";

/** The two peaks that bound a device, in FLOP and bytes a second. */
export interface DevicePeaks {
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * How near a device comes to its peaks in a decoder layer. Four numbers, none negative, so that more work never takes
 * less time.
 */
export interface LayerEfficiency {
  /** Share of the peak that matrix products reach. */
  readonly computeEfficiency: number;
  /**
   * Bytes moved for each token and each of the features that a pass over a layer touches; they are not hidden behind
   * products.
   */
  readonly activationBytes: number;
  /** Bytes moved for each token, key and head where attention scores are stored; 0 where attention works in tiles. */
  readonly scoreBytes: number;
  /** Time of a pass over a layer that the host needs to launch it, whatever its size. */
  readonly launchSeconds: number;
}

/** What is done to one layer for one micro-batch. */
export interface LayerWork {
  readonly flops: number;
  /** Tokens x activation features x passes. */
  readonly activations: number;
  /** Tokens x keys x heads x passes. */
  readonly scores: number;
  /** Forward and backward are one pass each, a recomputed forward another. */
  readonly passes: number;
  /** Collectives inside the layer, which nothing hides. */
  readonly communicationSeconds: number;
}

/** Forward, input gradient, weight gradient; `recomputed` is a forward inside a backward. */
export type LayerPass = "F" | "I" | "W" | "recomputed";

export interface LayerShape {
  readonly tokens: number;
  /** Tokens of one sequence; 0 leaves attention's own arithmetic out (lengths unknown). */
  readonly sequenceLength: number;
  readonly tensorParallel: number;
}

/** What a layer's cost follows from. */
export interface LayerDimensions {
  /** Of all matrix products that a token passes; norms do not count. */
  readonly parameters: number;
  /** Of a mixture: its experts, and the parameters of one. */
  readonly mixture?: { readonly experts: Experts; readonly parameters: number };
  readonly heads: number;
  /** Heads times the size of a head. */
  readonly attentionFeatures: number;
  /** Features of a token that a pass over the layer reads or writes. */
  readonly activationFeatures: number;
  /**
   * Those of them that tensor parallelism does not split: both norms' inputs and outputs (Korthikanti et al. 2022,
   * section 4.2).
   */
  readonly replicatedFeatures: number;
  /** Of a whole layer's launches; 1 where absent. */
  readonly launchShare?: number;
}

/**
 * A Llama-family layer: 8 h + 3 f features, of which 3 f are gate, up and their product. Of one half, attention's are
 * the norm's input and output, q, k and v, and what attention gives; half of the launches are its. A mixture has
 * instead of 3 f the router's logits, and of each of a token's experts 3 f, its row and what it gives. `layer`: one of the
 * kind that is asked about, with experts where absent and a model has any.
 */
export function decoderDimensions(arch: Architecture, half?: Half, layer = layerKinds(arch)[0]!): LayerDimensions {
  const projections = layerProjections(arch, layer).filter((own) => half === undefined || halfOf(own) === half);
  const parameters = sum(
    projections.map((projection) => {
      const shape = projectionShape(arch, projection);
      return rowsPerToken(arch, projection) * shape.in * shape.out;
    }),
  );
  const { hiddenSize, numHeads, headDim } = arch;
  const attention = { heads: numHeads, attentionFeatures: numHeads * headDim };
  const experts = expertsOf(arch, layer);
  const mlpFeatures =
    experts === undefined
      ? 3 * arch.intermediateSize
      : experts.count + experts.perToken * (3 * experts.intermediateSize + 2 * hiddenSize);
  const mixture =
    experts === undefined || half === "attention"
      ? {}
      : { mixture: { experts, parameters: 3 * hiddenSize * experts.intermediateSize } };
  if (half === undefined)
    return {
      parameters,
      ...mixture,
      ...attention,
      activationFeatures: 8 * hiddenSize + mlpFeatures,
      replicatedFeatures: 4 * hiddenSize,
    };
  return {
    parameters,
    ...mixture,
    ...(half === "attention" ? attention : { heads: 0, attentionFeatures: 0 }),
    activationFeatures: half === "attention" ? 6 * hiddenSize : 2 * hiddenSize + mlpFeatures,
    replicatedFeatures: 2 * hiddenSize,
    launchShare: 1 / 2,
  };
}

/** Parameters that a device holds: of a mixture those of all experts. */
export function heldParameters({ parameters, mixture }: LayerDimensions): number {
  if (mixture === undefined) return parameters;
  const { count, perToken } = mixture.experts;
  return parameters + (count - perToken) * mixture.parameters;
}

/** Parameters that some tokens together read: of a mixture those of all experts that any of them has. */
export function touchedParameters({ parameters, mixture }: LayerDimensions, tokens: number): number {
  if (mixture === undefined) return parameters;
  const { touched } = expertLoad(mixture.experts, tokens);
  return parameters + (touched - mixture.experts.perToken) * mixture.parameters;
}

/** A GPT layer: four h x h projections and an MLP of 4 h with one input projection (Radford et al. 2019). */
export function gptDimensions(hiddenSize: number, heads: number): LayerDimensions {
  return {
    parameters: 12 * hiddenSize * hiddenSize,
    heads,
    attentionFeatures: hiddenSize,
    activationFeatures: 16 * hiddenSize,
    replicatedFeatures: 4 * hiddenSize,
  };
}

/**
 * The work of some passes over a layer: 2 FLOP a parameter and token each, and 4 a token, key and feature for
 * attention. W makes no pass of its own: it reads what F and I touched.
 */
export function layerWork(layer: LayerDimensions, shape: LayerShape, passes: readonly LayerPass[]): LayerWork {
  const { tokens, sequenceLength, tensorParallel } = shape;
  const products = 2 * layer.parameters * tokens;
  const attention = 4 * tokens * sequenceLength * layer.attentionFeatures;
  const touching = passes.filter((pass) => pass !== "W").length;
  return {
    flops: (passes.length * (products + attention)) / tensorParallel,
    activations:
      touching *
      tokens *
      (layer.replicatedFeatures + (layer.activationFeatures - layer.replicatedFeatures) / tensorParallel),
    scores: (touching * tokens * sequenceLength * layer.heads) / tensorParallel,
    passes: touching * (layer.launchShare ?? 1),
    communicationSeconds: 0,
  };
}

/** Seconds that the device alone needs: products, then traffic, then collectives. */
export function deviceSeconds(work: LayerWork, peaks: DevicePeaks, efficiency: LayerEfficiency): number {
  const { computeEfficiency, activationBytes, scoreBytes } = efficiency;
  return (
    work.flops / (peaks.flopsPerSecond * computeEfficiency) +
    (work.activations * activationBytes + work.scores * scoreBytes) / peaks.bytesPerSecond +
    work.communicationSeconds
  );
}

/**
 * Seconds of a layer: the device's time and the launches. `overlap` 1 adds them; the larger it is, the more the larger
 * of the two hides the smaller (the device runs while the host launches ahead). Monotone in every part of the work.
 */
export function layerSeconds(
  work: LayerWork,
  peaks: DevicePeaks,
  efficiency: LayerEfficiency,
  overlap: number,
): number {
  const device = deviceSeconds(work, peaks, efficiency);
  const launches = work.passes * efficiency.launchSeconds;
  return overlap === 1 ? device + launches : (device ** overlap + launches ** overlap) ** (1 / overlap);
}
