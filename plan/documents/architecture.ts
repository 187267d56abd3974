import { z } from "zod";
import { sum } from "../../core/index.ts";

const positive = z.int().positive();

/**
 * The most of each size: several times what published models have, and little enough that what follows from them can be
 * counted in whole numbers.
 */
export const MOST = {
  hidden: 2 ** 17,
  intermediate: 2 ** 19,
  layers: 1024,
  heads: 4096,
  headDim: 4096,
  vocabulary: 2 ** 22,
  positions: 2 ** 24,
  /** Published models have 1e-8 to 1e-5: with a large one a norm divides by it alone. */
  eps: 1e-2,
  /** Published bases go to some 1e8; down to 1, no position would turn slower than another. */
  theta: 1e12,
  scaling: 2 ** 20,
  experts: 4096,
} as const;

/** Positions are squeezed, never stretched. */
const scalingFactor = z.number().min(1).max(MOST.scaling);
/** What a sum, an output or a score is multiplied by. */
const multiplier = z.number().positive().max(MOST.scaling);
const on = z.literal(true).optional();
/** One entry a layer. */
const byLayer = z.array(z.boolean()).max(MOST.layers).optional();

/**
 * Rotary scaling as Hugging Face's config.json has it: `linear` (position interpolation), `llama3` (by wave length),
 * `yarn` (a ramp over the index), `longrope` (a factor for each frequency, others for rows that are longer than the
 * model was trained with). `attentionFactor`: what cosines and sines are multiplied by.
 */
export const ropeScalingSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("linear"), factor: scalingFactor }),
  z
    .strictObject({
      type: z.literal("llama3"),
      factor: scalingFactor,
      lowFreqFactor: z.number().positive().max(MOST.scaling),
      highFreqFactor: z.number().positive().max(MOST.scaling),
      originalMaxPositions: positive.max(MOST.positions),
    })
    .refine(({ lowFreqFactor, highFreqFactor }) => lowFreqFactor < highFreqFactor, {
      path: ["highFreqFactor"],
      message: "more than lowFreqFactor",
    }),
  z.strictObject({
    type: z.literal("yarn"),
    factor: scalingFactor,
    originalMaxPositions: positive.max(MOST.positions),
    betaFast: multiplier,
    betaSlow: multiplier,
    /** Whether the ramp's ends are whole numbers. */
    truncate: z.boolean(),
    attentionFactor: multiplier,
  }),
  z.strictObject({
    type: z.literal("longrope"),
    shortFactors: z.array(multiplier).max(MOST.headDim),
    longFactors: z.array(multiplier).max(MOST.headDim),
    originalMaxPositions: positive.max(MOST.positions),
    attentionFactor: multiplier,
  }),
]);

/** Names of a layer's norms and of its MLP in a checkpoint, where they are others than Llama's. */
const layerNamesSchema = z.strictObject({
  attentionNorm: z.string().optional(),
  attentionOutNorm: z.string().optional(),
  mlpNorm: z.string().optional(),
  mlpOutNorm: z.string().optional(),
  mlp: z.string().optional(),
});

/**
 * Layers whose MLP is a mixture: a router chooses some of many small MLPs for each token, and adds what they give by the
 * weights that it has for them (Shazeer et al. 2017).
 */
const expertsSchema = z
  .strictObject({
    count: z.int().min(2).max(MOST.experts),
    /** Those that the router chooses for a token, by the largest of its logits. */
    perToken: positive.max(MOST.experts),
    /** Of each expert. */
    intermediateSize: positive.max(MOST.intermediate),
    /**
     * A softmax over the logits of a token's experts, which is also one over all experts divided by what the chosen have
     * of it; false: what they have of one over all.
     */
    normalized: z.boolean(),
    routerBias: on,
    /** Biases on gate and up, and on what an expert gives. */
    bias: on,
    /** (up + 1) gate sigmoid(alpha gate), gate at most `limit`, up from -limit to limit (gpt-oss); silu where absent. */
    gate: z.strictObject({ limit: multiplier, alpha: multiplier }).optional(),
    /** Layers whose MLP is one of the model's `intermediateSize` and no mixture. */
    dense: byLayer,
    /**
     * How a checkpoint has them: a matrix each, named as in Llama where absent or as in Mixtral, or stacked as gpt-oss has
     * them, [experts, in, out] with gate and up in turns.
     */
    stored: z.enum(["w1", "stacked"]).optional(),
  })
  .refine(({ count, perToken }) => perToken <= count, { path: ["perToken"], message: "no more than count" });

const fieldsSchema = z.strictObject({
  hiddenSize: positive.max(MOST.hidden),
  intermediateSize: positive.max(MOST.intermediate),
  numLayers: positive.max(MOST.layers),
  numHeads: positive.max(MOST.heads),
  numKvHeads: positive.max(MOST.heads),
  headDim: positive.max(MOST.headDim),
  vocabularySize: positive.max(MOST.vocabulary),
  maxPositions: positive.max(MOST.positions),
  /** Keys that a query sees, its own included, in layers that `windowed` names; in all where that is absent. */
  slidingWindow: positive.max(MOST.positions).optional(),
  windowed: byLayer,
  /** In layers with rope a query sees keys of its own chunk of so many positions alone. */
  chunk: positive.max(MOST.positions).optional(),
  rmsNormEps: z.number().positive().max(MOST.eps),
  ropeTheta: z.number().gt(1).max(MOST.theta),
  ropeScaling: ropeScalingSchema.optional(),
  /** Base of the layers with a window, without scaling, where it is their own. */
  windowTheta: z.number().gt(1).max(MOST.theta).optional(),
  /** Layers without rope. */
  ropeless: byLayer,
  /** In layers without rope queries are multiplied by 1 + scale ln(1 + floor((position + 1) / floor)). */
  temperature: z.strictObject({ scale: multiplier, floor: positive.max(MOST.positions) }).optional(),
  /** Columns of a head that are turned; all where absent. */
  rotaryDim: positive.max(MOST.headDim).optional(),
  /** Neighbouring columns are turned together, not column i with i + rotaryDim / 2. */
  rotaryPairs: on,
  /** Biases on q, k and v, and on the output projection. */
  qkvBias: z.boolean(),
  outputBias: on,
  /** One more score in each row of a head, whose value is 0; a number a head. */
  sinks: on,
  /** Norms of queries and keys: of each head, or of all heads of a row; `afterRope`: in layers with rope alone. */
  headNorm: z.strictObject({ over: z.enum(["head", "row"]), weighted: z.boolean(), afterRope: on }).optional(),
  /** Where the norms of attention and MLP are: before each when absent, or behind it, before it joins the stream. */
  norms: z.enum(["after", "both"]).optional(),
  /** Norms multiply by 1 + weight. */
  normOffset: on,
  /** Of the gate: silu when absent; gelu in its form with tanh. */
  activation: z.literal("gelu").optional(),
  /** Of scores, in place of 1 / sqrt(headDim); of embeddings, of what joins the residual stream, of logits. */
  attentionScale: multiplier.optional(),
  embeddingScale: multiplier.optional(),
  residualScale: multiplier.optional(),
  logitScale: multiplier.optional(),
  /** c: scores, or logits, z become c tanh(z / c). */
  scoreCap: multiplier.optional(),
  logitCap: multiplier.optional(),
  tiedEmbeddings: z.boolean(),
  /** A checkpoint has q, k and v, or gate and up, as one matrix; an adapter is on the whole of it. */
  fusedQkv: on,
  fusedGateUp: on,
  layerNames: layerNamesSchema.optional(),
  experts: expertsSchema.optional(),
});

/** The shape of a decoder: everything that costs, memory and layers follow from. Absent fields are as in Llama. */
export const architectureSchema = fieldsSchema
  .refine(({ numHeads, numKvHeads }) => numHeads % numKvHeads === 0, {
    path: ["numKvHeads"],
    message: "a divisor of numHeads",
  })
  .refine(({ headDim, rotaryDim = headDim }) => headDim % 2 === 0 && rotaryDim % 2 === 0 && rotaryDim <= headDim, {
    path: ["headDim"],
    message: "an even number, of which no more are turned",
  })
  .refine(
    ({ numLayers, windowed, ropeless, experts }) =>
      [windowed, ropeless, experts?.dense].every((layers) => layers === undefined || layers.length === numLayers),
    { path: ["numLayers"], message: "as many layers as windowed, ropeless and experts.dense name" },
  );

export type Architecture = z.infer<typeof architectureSchema>;
export type Experts = NonNullable<Architecture["experts"]>;
export type RopeScaling = z.infer<typeof ropeScalingSchema>;

/** What attention of a layer sees, and how positions turn its queries and keys. */
export interface LayerAttention {
  readonly window: number | undefined;
  readonly chunk: number | undefined;
  /** `window`: by `windowTheta`. */
  readonly rope: "own" | "window" | "none";
}

/** The experts of a layer; undefined where its MLP is one for all tokens. */
export function expertsOf({ experts }: Pick<Architecture, "experts">, layer: number): Experts | undefined {
  return experts?.dense?.[layer] === true ? undefined : experts;
}

/** The first layer with experts and the first without, of those that a model has: one of each kind. */
export function layerKinds(arch: Pick<Architecture, "experts" | "numLayers">): readonly number[] {
  const { dense } = arch.experts ?? {};
  if (dense === undefined) return [0];
  return [dense.indexOf(false), dense.indexOf(true)].filter((layer) => layer >= 0);
}

/** The ropes that a model has: its own, and that of the layers with a window. */
export function ropesOf(arch: Architecture): readonly ("own" | "window")[] {
  const own = new Set(Array.from({ length: arch.numLayers }, (_, layer) => layerAttention(arch, layer).rope));
  return (["own", "window"] as const).filter((rope) => own.has(rope));
}

export function layerAttention(arch: Architecture, layer: number): LayerAttention {
  const { slidingWindow, windowed, chunk, ropeless, windowTheta } = arch;
  const window = windowed === undefined || windowed[layer] === true ? slidingWindow : undefined;
  if (ropeless?.[layer] === true) return { window, chunk: undefined, rope: "none" };
  return { window, chunk, rope: windowTheta !== undefined && window !== undefined ? "window" : "own" };
}

/** Twice the keys that queries of a row see in the mean, as nearly as the row's length is that without limits. */
export type SeenLength = (tokens: number) => number;

function seenOf({ window, chunk }: LayerAttention): SeenLength {
  if (window !== undefined) return (tokens) => (tokens ** 2 - Math.max(0, tokens - window) ** 2) / tokens;
  if (chunk === undefined) return (tokens) => tokens;
  return (tokens) => (Math.floor(tokens / chunk) * chunk ** 2 + (tokens % chunk) ** 2) / tokens;
}

/** The same in the mean over some layers; all where absent. */
export function seenLength(arch: Architecture, layers?: readonly number[]): SeenLength {
  const { slidingWindow, chunk, numLayers } = arch;
  if (slidingWindow === undefined && chunk === undefined) return (tokens) => tokens;
  const some = layers ?? Array.from({ length: numLayers }, (_, layer) => layer);
  const seen = some.map((layer) => seenOf(layerAttention(arch, layer)));
  return (tokens) => sum(seen.map((of) => of(tokens))) / Math.max(1, seen.length);
}
