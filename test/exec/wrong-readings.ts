import type { BaseModel } from "../../exec/index.ts";
import type { Architecture, Experts } from "../../plan/index.ts";

type Change = (arch: Architecture) => Architecture;

const without =
  (...keys: readonly (keyof Architecture)[]): Change =>
  (arch) =>
    Object.fromEntries(
      Object.entries(arch).filter(([key]) => !keys.includes(key as keyof Architecture)),
    ) as Architecture;

const withExperts =
  (change: (experts: Experts) => Partial<Experts>): Change =>
  (arch) => ({ ...arch, experts: { ...arch.experts!, ...change(arch.experts!) } });

const NOT_DIVIDED = withExperts(() => ({ normalized: false }));

/** By the name that the cases have for it: the architecture with one thing read wrongly. */
export const WRONG_READINGS: Readonly<Record<string, Change>> = {
  "rope scaling ignored (plain rope)": without("ropeScaling"),
  "factor on cos and sin ignored": (arch) => ({
    ...arch,
    ropeScaling: { ...arch.ropeScaling!, attentionFactor: 1 } as NonNullable<Architecture["ropeScaling"]>,
  }),
  "yarn `truncate` the other way": (arch) => {
    const scaling = arch.ropeScaling as Extract<Architecture["ropeScaling"], { type: "yarn" }>;
    return { ...arch, ropeScaling: { ...scaling, truncate: !scaling.truncate } };
  },
  "short factors at every length": (arch) => {
    const scaling = arch.ropeScaling as Extract<Architecture["ropeScaling"], { type: "longrope" }>;
    return { ...arch, ropeScaling: { ...scaling, longFactors: scaling.shortFactors } };
  },
  "scores scaled by 1/sqrt(hidden/heads)": (arch) => ({
    ...arch,
    attentionScale: (arch.hiddenSize / arch.numHeads) ** -0.5,
  }),
  "scores scaled by 1/sqrt(head_dim)": without("attentionScale"),
  "attention biases ignored": (arch) => ({ ...without("outputBias")(arch), qkvBias: false }),
  "no q/k norm": without("headNorm"),
  "q/k norm after rope": (arch) => ({ ...arch, headNorm: { ...arch.headNorm!, afterRope: true } }),
  // Layers with a window of their own rope are known by it: it is as wide as all positions.
  "no window": (arch) => ({ ...arch, slidingWindow: arch.maxPositions }),
  "window of one more": (arch) => ({ ...arch, slidingWindow: arch.slidingWindow! + 1 }),
  "window in all layers": without("windowed"),
  "norm weight w instead of 1 + w": without("normOffset"),
  "no cap on scores": without("scoreCap"),
  "no cap on logits": without("logitCap"),
  "embeddings not multiplied": without("embeddingScale"),
  "silu instead of gelu (tanh form)": without("activation"),
  "the full layers' rope in all layers": without("windowTheta"),
  "norms moved before attention and MLP": (arch) => ({
    ...without("norms")(arch),
    layerNames: { attentionNorm: "post_attention_layernorm", mlpNorm: "post_feedforward_layernorm" },
  }),
  "no norm after attention and MLP": without("norms"),
  "residual_multiplier ignored": without("residualScale"),
  "logits_scaling ignored": without("logitScale"),
  "logits multiplied by logits_scaling": (arch) => ({ ...arch, logitScale: 1 / arch.logitScale! }),
  "rope in all layers": without("ropeless"),
  "whole head rotated": without("rotaryDim"),
  "halves rotated instead of pairs": without("rotaryPairs"),
  "post_attention_layernorm used after attention": (arch) => ({
    ...arch,
    layerNames: {
      ...arch.layerNames,
      attentionOutNorm: "post_attention_layernorm",
      mlpNorm: "post_self_attn_layernorm",
    },
  }),
  "no temperature on the layers without rope": without("temperature"),
  "no chunks": without("chunk"),
  "no sinks": without("sinks"),
  "top-k weights not divided by their sum": NOT_DIVIDED,
  "softmax over all experts before the top-k": NOT_DIVIDED,
  "one expert fewer a token": withExperts(({ perToken }) => ({ perToken: perToken - 1 })),
  "swiglu limit ignored": withExperts(({ gate }) => ({ gate: { ...gate!, limit: 1e6 } })),
  "alpha 1 (plain silu)": withExperts(({ gate }) => ({ gate: { ...gate!, alpha: 1 } })),
  "expert biases ignored": withExperts(() => ({ bias: undefined })),
  "router bias ignored": withExperts(() => ({ routerBias: undefined })),
  "chunks read as a sliding window": (arch) => ({
    ...without("chunk")(arch),
    slidingWindow: arch.chunk!,
    ...(arch.ropeless === undefined ? {} : { windowed: arch.ropeless.map((is) => !is) }),
  }),
};

/** The same of its weights. */
export const WRONG_WEIGHTS: Readonly<Record<string, (weights: BaseModel["weights"]) => BaseModel["weights"]>> = {
  "gate and up read as halves": (weights) => ({
    ...weights,
    read(name, shape) {
      const values = weights.read(name, shape);
      return name.includes("gate_up_proj") ? inTurns(values, shape.at(-1)!) : values;
    },
  }),
  "up before gate in gate_up_proj": (weights) => ({
    ...weights,
    read(name, shape) {
      const values = weights.read(name, shape);
      if (!name.includes("gate_up_proj")) return values;
      const half = values.length / 2;
      return Float32Array.from(values, (_, i) => values[(i + half) % values.length]!);
    },
  }),
};

/** Of the last index of a tensor, what lies in two halves in turns. */
function inTurns(values: Float32Array, columns: number): Float32Array {
  return values.map((_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return values[row * columns + (column % 2) * (columns / 2) + Math.floor(column / 2)]!;
  });
}

const OF_ADAPTERS = ["adapter `all`: right", "adapter `all`: columns of B read as expert, then rank"];

/** What no description says: a model without any norm, and norms of heads with weights of a whole row. */
export const NOT_READINGS: Readonly<Record<string, readonly string[]>> = {
  olmo2: ["no norm after attention and MLP", "q/k norm one head at a time"],
  // Its layers with a window are those of the other rope.
  gemma3: ["window in all layers"],
  // Its layers without rope see more than the others.
  "llama4-dense": ["rope in all layers"],
  // Readings of adapters are in mixtures.test.ts.
  ...Object.fromEntries(["qwen3-moe", "mixtral"].map((name) => [name, OF_ADAPTERS])),
  "gpt-oss": [...OF_ADAPTERS, "up instead of up + 1"],
  "phi4-mini": ["factor squared on the whole score, the unrotated part too"],
};
