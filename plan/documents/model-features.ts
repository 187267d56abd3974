import { InputError } from "../../core/index.ts";

type Config = Readonly<Record<string, unknown>>;

export function unsupported(expected: string, at: string, got: unknown): InputError {
  return new InputError({ expected, at, got, hint: "Llama-family decoders (llama, mistral, qwen2) are supported." });
}

/** Keys of a configuration that change what a decoder computes, by which the value that changes nothing. */
const WITHOUT_EFFECT: readonly (readonly [string, readonly unknown[]])[] = [
  ["partial_rotary_factor", [1]],
  ["rotary_pct", [1]],
  ["use_qk_norm", [false]],
  ["qk_norm", [false]],
  ["qk_layernorm", [false]],
  ["attn_logit_softcapping", []],
  ["final_logit_softcapping", []],
  ["logit_scale", [1]],
  ["logits_scaling", [1]],
  ["embedding_multiplier", [1]],
  ["residual_multiplier", [1]],
  ["attention_multiplier", []],
  ["num_experts", [0, 1]],
  ["num_local_experts", [0, 1]],
  ["alibi", [false]],
  ["parallel_attn", [false]],
  ["use_parallel_residual", [false]],
  ["quantization_config", []],
  ["attention_sinks", [false]],
  ["no_rope_layers", []],
  ["pretraining_tp", [1]],
  ["attention_dropout", [0]],
  ["is_causal", [true]],
  ["use_bidirectional_attention", [false]],
  ["clip_qkv", []],
];

/** The families that are supported, by `model_type`: the class that a checkpoint of each names. */
const CLASSES = { llama: "LlamaForCausalLM", mistral: "MistralForCausalLM", qwen2: "Qwen2ForCausalLM" } as const;
export type ModelType = keyof typeof CLASSES;

function isSupported(type: unknown): type is ModelType {
  return typeof type === "string" && Object.hasOwn(CLASSES, type);
}

/**
 * The family of a model: what `model_type` says, or `architectures` where that says nothing. Llama where neither does.
 * @throws InputError for another family, and where the two contradict each other or the model brings its own code
 */
export function modelType(config: Config): ModelType {
  const given = config["model_type"] ?? undefined;
  const types = Object.keys(CLASSES) as ModelType[];
  if (given !== undefined && !isSupported(given)) throw unsupported(`one of ${types.join(", ")}`, "model_type", given);
  const code = config["auto_map"] ?? undefined;
  if (code !== undefined) throw unsupported("no code of the model's own", "auto_map", code);
  const named = config["architectures"] ?? undefined;
  if (named === undefined) return given ?? "llama";
  const isOf = (type: ModelType): boolean =>
    Array.isArray(named) && named.length === 1 && String(named[0]).toLowerCase() === CLASSES[type].toLowerCase();
  const type = given ?? types.find(isOf);
  if (type === undefined || !isOf(type))
    throw unsupported(
      type === undefined
        ? `one of ${Object.values(CLASSES).join(", ")}`
        : `["${CLASSES[type]}"], of model_type ${type},`,
      "architectures",
      named,
    );
  return type;
}

/** @throws InputError for a feature that the decoder does not have, by its key */
export function refuseFeatures(config: Config): void {
  for (const [key, without] of WITHOUT_EFFECT) {
    const value = config[key];
    if (!Object.hasOwn(config, key) || value === null || value === undefined || without.includes(value)) continue;
    throw unsupported(
      without.length === 0 ? "no such feature" : `no more than ${JSON.stringify(without[0])}`,
      key,
      value,
    );
  }
  const types = config["layer_types"];
  const other = Array.isArray(types) ? types.find((type) => type !== "full_attention") : undefined;
  if (other !== undefined) throw unsupported('"full_attention" in every layer', "layer_types", other);
}

/** What a window is where a configuration does not say. Source: the configuration classes of transformers. */
const WITHOUT_WINDOW: Readonly<Record<ModelType, number | null>> = { llama: null, mistral: 4096, qwen2: 4096 };

/**
 * How many positions back attention sees where the configuration limits it; undefined where it sees all. A row that is
 * no longer than that is computed as without the limit.
 */
export function slidingWindow(config: Config, type: ModelType): number | undefined {
  const window = config["sliding_window"] === undefined ? WITHOUT_WINDOW[type] : config["sliding_window"];
  // Only Qwen2 has the switch, which is off where it is missing.
  if (type === "qwen2" && config["use_sliding_window"] !== true) return undefined;
  if (window === null) {
    if (config["use_sliding_window"] === true) throw unsupported("sliding_window", "use_sliding_window", true);
    return undefined;
  }
  if (!Number.isSafeInteger(window) || (window as number) < 1)
    throw unsupported("a positive whole number, or null", "sliding_window", window);
  return window as number;
}
