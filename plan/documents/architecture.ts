import { z } from "zod";

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
} as const;

/** Positions are squeezed, never stretched. */
const scalingFactor = z.number().min(1).max(MOST.scaling);

/**
 * Rotary scaling as Hugging Face's config.json has it: `linear` (position interpolation) or `llama3` (by wave length).
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
]);

const fieldsSchema = z.strictObject({
  hiddenSize: positive.max(MOST.hidden),
  intermediateSize: positive.max(MOST.intermediate),
  numLayers: positive.max(MOST.layers),
  numHeads: positive.max(MOST.heads),
  numKvHeads: positive.max(MOST.heads),
  headDim: positive.max(MOST.headDim),
  vocabularySize: positive.max(MOST.vocabulary),
  maxPositions: positive.max(MOST.positions),
  /** Attention sees so many positions back, so that no row may be longer; absent where it sees all. */
  slidingWindow: positive.max(MOST.positions).optional(),
  rmsNormEps: z.number().positive().max(MOST.eps),
  ropeTheta: z.number().gt(1).max(MOST.theta),
  ropeScaling: ropeScalingSchema.optional(),
  /** Biases on q, k and v (Qwen2). */
  qkvBias: z.boolean(),
  tiedEmbeddings: z.boolean(),
});

/** The shape of a Llama-family decoder: everything that costs, memory and layers follow from. */
export const architectureSchema = fieldsSchema
  .refine(({ numHeads, numKvHeads }) => numHeads % numKvHeads === 0, {
    path: ["numKvHeads"],
    message: "a divisor of numHeads",
  })
  .refine(({ headDim }) => headDim % 2 === 0, { path: ["headDim"], message: "an even number" });

export type Architecture = z.infer<typeof architectureSchema>;
export type RopeScaling = z.infer<typeof ropeScalingSchema>;

/** The most tokens of a row. */
export function longestRow({ maxPositions, slidingWindow = maxPositions }: Architecture): number {
  return Math.min(maxPositions, slidingWindow);
}

/** The seven linear projections of a decoder layer, in the order that numbers them (`target` = layer * 7 + index). */
export const PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const;
export type Projection = (typeof PROJECTIONS)[number];

/**
 * A layer is attention and MLP one after the other; between them, as between layers, only the residual stream passes.
 */
export const HALVES = ["attention", "mlp"] as const;
export type Half = (typeof HALVES)[number];

/** The half of a layer that a projection belongs to. */
export function halfOf(projection: Projection): Half {
  return PROJECTIONS.indexOf(projection) < 4 ? "attention" : "mlp";
}

/** Projections with one input and one output tensor: the LoRA parts of a group are one operator. */
export const LORA_GROUPS: readonly (readonly Projection[])[] = [
  ["q_proj", "k_proj", "v_proj"],
  ["o_proj"],
  ["gate_proj", "up_proj"],
  ["down_proj"],
];

/** The group that a projection belongs to. */
export function loraGroup(projection: Projection): readonly Projection[] {
  return LORA_GROUPS.find((group) => group.includes(projection))!;
}

/** In and out features of a projection. */
export function projectionShape(
  arch: Architecture,
  projection: Projection,
): { readonly in: number; readonly out: number } {
  const { hiddenSize, intermediateSize } = arch;
  const queryColumns = arch.numHeads * arch.headDim;
  const kvColumns = arch.numKvHeads * arch.headDim;
  switch (projection) {
    case "q_proj":
      return { in: hiddenSize, out: queryColumns };
    case "k_proj":
    case "v_proj":
      return { in: hiddenSize, out: kvColumns };
    case "o_proj":
      return { in: queryColumns, out: hiddenSize };
    case "gate_proj":
    case "up_proj":
      return { in: hiddenSize, out: intermediateSize };
    case "down_proj":
      return { in: intermediateSize, out: hiddenSize };
  }
}
