import { z } from "zod";
import { type Architecture, architectureSchema, MOST } from "./architecture.ts";
import { modelType, refuseFeatures, slidingWindow, unsupported } from "./model-features.ts";
import { checkFigures } from "./read-document.ts";
import { ropeOf } from "./rope-config.ts";

/** Hugging Face's config.json, the keys that we read; the others belong to Hugging Face and are passed over. */
export const huggingFaceConfigSchema = z.looseObject({
  model_type: z.string().optional(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: z.int().positive().nullish(),
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive().default(4096),
  rms_norm_eps: z.number().positive().max(MOST.eps).default(1e-6),
  rope_theta: z.number().gt(1).max(MOST.theta).optional(),
  rope_scaling: z.looseObject({}).nullish(),
  rope_parameters: z.looseObject({}).nullish(),
  hidden_act: z.string().default("silu"),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: z.unknown().optional(),
  tie_word_embeddings: z.boolean().default(false),
});

/**
 * The architecture that a config.json describes.
 * @throws InputError for another model family or a feature that the decoder does not have.
 */
export function architectureFromConfig(config: z.infer<typeof huggingFaceConfigSchema>): Architecture {
  const type = modelType(config);
  if (config.hidden_act !== "silu") throw unsupported('"silu"', "hidden_act", config.hidden_act);
  if (config.mlp_bias === true) throw unsupported("no biases in the MLP", "mlp_bias", true);
  if (config.attention_bias === true && type !== "qwen2")
    throw unsupported("no bias on o_proj", "attention_bias", true);
  refuseFeatures(config);
  const numHeads = config.num_attention_heads;
  const numKvHeads = config.num_key_value_heads ?? numHeads;
  if (numHeads % numKvHeads !== 0)
    throw unsupported(`a divisor of num_attention_heads (${numHeads})`, "num_key_value_heads", numKvHeads);
  const headDim = config.head_dim ?? config.hidden_size / numHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0)
    throw unsupported("an even whole head dimension", "hidden_size / num_attention_heads", headDim);
  const { theta, scaling } = ropeOf(config);
  const window = slidingWindow(config, type);
  const positions = config.max_position_embeddings;
  return checkFigures(architectureSchema, {
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    numLayers: config.num_hidden_layers,
    numHeads,
    numKvHeads,
    headDim,
    vocabularySize: config.vocab_size,
    maxPositions: positions,
    ...(window === undefined || window >= positions ? {} : { slidingWindow: window }),
    rmsNormEps: config.rms_norm_eps,
    ropeTheta: theta,
    ...(scaling === undefined ? {} : { ropeScaling: scaling }),
    qkvBias: type === "qwen2",
    tiedEmbeddings: config.tie_word_embeddings,
  });
}
