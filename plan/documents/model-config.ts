import { z } from "zod";
import { isMapping, type Mapping } from "../../core/index.ts";
import { type Architecture, architectureSchema, MOST } from "./architecture.ts";
import { FAMILIES, type Family, type ModelType } from "./families.ts";
import { FULL, refuseFeatures, requireLayers, unsupported } from "./model-features.ts";
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
  max_position_embeddings: z.int().positive().optional(),
  rms_norm_eps: z.number().positive().max(MOST.eps).optional(),
  rope_theta: z.number().gt(1).max(MOST.theta).optional(),
  rope_scaling: z.looseObject({}).nullish(),
  rope_parameters: z.looseObject({}).nullish(),
  hidden_act: z.string().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: z.unknown().optional(),
  tie_word_embeddings: z.boolean().optional(),
});

/**
 * The family of a model: what `model_type` says, or `architectures` where that says nothing. Llama where neither does.
 * @throws InputError for another family, and where the two contradict each other or the model brings its own code
 */
function modelType(config: Mapping): ModelType {
  const given = config["model_type"] ?? undefined;
  const types = Object.keys(FAMILIES) as ModelType[];
  if (given !== undefined && !types.includes(given as ModelType))
    throw unsupported(`one of ${types.join(", ")}`, "model_type", given);
  const own = given as ModelType | undefined;
  refuseCode(config["auto_map"] ?? {}, own);
  const named = config["architectures"] ?? undefined;
  if (named === undefined) return own ?? "llama";
  const isOf = (type: ModelType): boolean =>
    Array.isArray(named) &&
    named.length === 1 &&
    String(named[0]).toLowerCase() === FAMILIES[type].className.toLowerCase();
  const type = own ?? types.find(isOf);
  if (type === undefined || !isOf(type))
    throw unsupported(
      type === undefined
        ? `one of ${Object.values(FAMILIES)
            .map(({ className }) => className)
            .join(", ")}`
        : `["${FAMILIES[type].className}"], of model_type ${type},`,
      "architectures",
      named,
    );
  return type;
}

/**
 * A model may bring code for programs that do not know its family yet (Phi-3), which is the family's as transformers has
 * it. @throws InputError for code that makes it another model
 */
function refuseCode(map: unknown, type: ModelType | undefined): void {
  const code = isMapping(map) ? map["AutoModelForCausalLM"] : map;
  const isOwn = type !== undefined && typeof code === "string" && code.endsWith(`.${FAMILIES[type].className}`);
  if (code !== undefined && !isOwn) throw unsupported("no code of the model's own", "auto_map", map);
}

/** Columns of a head. */
function headDimOf(config: Config, { defaults }: Family): number {
  const headDim = config.head_dim ?? defaults.headDim ?? config.hidden_size / config.num_attention_heads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0)
    throw unsupported("an even whole head dimension", "hidden_size / num_attention_heads", headDim);
  return headDim;
}

type Config = z.infer<typeof huggingFaceConfigSchema>;

/**
 * The architecture that a config.json describes.
 * @throws InputError for another model family or a feature that the family does not have.
 */
export function architectureFromConfig(given: Config): Architecture {
  const family: Family = FAMILIES[modelType(given)];
  const { reads, defaults } = family;
  const maxPositions = given.max_position_embeddings ?? defaults.positions;
  const config = { ...given, max_position_embeddings: maxPositions };
  const { activation: [key, value] = ["hidden_act", "silu"], isLong = false } = family;
  const activation = (config as Mapping)[key] ?? value;
  if (activation !== value) throw unsupported(JSON.stringify(value), key, activation);
  refuseFeatures(config, reads);
  const numLayers = config.num_hidden_layers;
  if (!reads.includes("sliding_window") && !reads.includes("no_rope_layers")) requireLayers(config, numLayers, FULL);
  const numHeads = config.num_attention_heads;
  const numKvHeads = config.num_key_value_heads ?? numHeads;
  if (numHeads % numKvHeads !== 0)
    throw unsupported(`a divisor of num_attention_heads (${numHeads})`, "num_key_value_heads", numKvHeads);
  const headDim = headDimOf(config, family);
  const { hidden_size: hiddenSize, intermediate_size: intermediateSize } = config;
  const features = family.features(config, { numLayers, hiddenSize, headDim, intermediateSize });
  const { theta, scaling, partial } = ropeOf(ownRope(config), {
    ...{ theta: defaults.theta ?? 10_000, partial: defaults.partial ?? 1 },
    isLong,
  });
  if (partial !== 1 && !reads.includes("partial_rotary_factor"))
    throw unsupported("no more than 1", "rope_parameters.partial_rotary_factor", partial);
  const rotaryDim = Math.floor(headDim * partial);
  if (scaling?.type === "longrope")
    for (const [name, factors] of [
      ["short_factor", scaling.shortFactors],
      ["long_factor", scaling.longFactors],
    ] as const)
      if (factors.length !== rotaryDim / 2)
        throw unsupported(`${rotaryDim / 2} factors, one for each frequency,`, `rope_scaling.${name}`, factors.length);
  const architecture = checkFigures(architectureSchema, {
    hiddenSize,
    intermediateSize,
    numLayers,
    numHeads,
    numKvHeads,
    headDim,
    vocabularySize: config.vocab_size,
    maxPositions,
    rmsNormEps: config.rms_norm_eps ?? defaults.eps ?? 1e-6,
    ropeTheta: theta,
    ...(scaling === undefined ? {} : { ropeScaling: scaling }),
    ...(rotaryDim === headDim ? {} : { rotaryDim }),
    qkvBias: false,
    tiedEmbeddings: config.tie_word_embeddings ?? defaults.tied ?? false,
    ...features,
  });
  return withoutWideWindow(architecture);
}

/** The rope of layers that see all, where a table has one for each kind of layer (Gemma 3). */
function ownRope(config: Mapping): Mapping {
  const table = config["rope_parameters"] as Mapping | null | undefined;
  const own = table?.["full_attention"];
  return config["model_type"] === "gemma3_text" && own !== undefined ? { ...config, rope_parameters: own } : config;
}

/** A window, or chunk, as wide as all positions limits nothing. */
function withoutWideWindow(architecture: Architecture): Architecture {
  const { slidingWindow, windowed, chunk, windowTheta, ...rest } = architecture;
  const isNarrow = slidingWindow !== undefined && slidingWindow < rest.maxPositions;
  // Layers with a window of their own base are known by it.
  const keeps = isNarrow || windowTheta !== undefined;
  return {
    ...rest,
    ...(keeps && slidingWindow !== undefined ? { slidingWindow } : {}),
    ...(keeps && windowed !== undefined ? { windowed } : {}),
    ...(windowTheta === undefined ? {} : { windowTheta }),
    ...(chunk !== undefined && chunk < rest.maxPositions ? { chunk } : {}),
  };
}
