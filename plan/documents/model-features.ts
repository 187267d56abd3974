import { InputError } from "../../core/index.ts";
import type { RopeScaling } from "./architecture.ts";

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
];

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

/**
 * How many positions back attention sees where the configuration limits it; undefined where it sees all. A row that is
 * no longer than that is computed as without the limit.
 */
export function slidingWindow(config: Config): number | undefined {
  const window = config["sliding_window"];
  const isOff = config["use_sliding_window"] === false;
  if (window === null || window === undefined || isOff) {
    if (config["use_sliding_window"] === true && !isOff)
      throw unsupported("sliding_window", "use_sliding_window", true);
    return undefined;
  }
  if (!Number.isSafeInteger(window) || (window as number) < 1)
    throw unsupported("a positive whole number, or null", "sliding_window", window);
  return window as number;
}

/** What a rotary table may say beside a scaling. */
const UNSCALED = ["rope_theta", "rope_type", "type", "partial_rotary_factor"];

/** The scaling of rotary positions that `rope_scaling`, or the newer `rope_parameters`, describes. */
export function ropeScaling({ rope_scaling: old, rope_parameters: parameters }: Config): RopeScaling | undefined {
  const [raw, at] = (old ?? undefined) === undefined ? [parameters, "rope_parameters"] : [old, "rope_scaling"];
  if (raw === null || raw === undefined) return undefined;
  if (typeof raw !== "object") throw unsupported("a mapping", at, raw);
  const table = raw as Config;
  const partial = table["partial_rotary_factor"];
  if (partial !== undefined && partial !== null && partial !== 1)
    throw unsupported("no more than 1", `${at}.partial_rotary_factor`, partial);
  const type = table["rope_type"] ?? table["type"];
  if (type === undefined || type === "default") {
    const scaled = Object.keys(table).find((key) => !UNSCALED.includes(key));
    if (type === undefined && scaled !== undefined)
      throw unsupported('"default", "linear" or "llama3", which is missing,', `${at}.rope_type`, Object.keys(table));
    return undefined;
  }
  const figure = (key: string): number => {
    const value = table[key];
    if (typeof value !== "number") throw unsupported("a number", `${at}.${key}`, value);
    return value;
  };
  if (type === "linear") return { type, factor: figure("factor") };
  if (type === "llama3") {
    return {
      type,
      factor: figure("factor"),
      lowFreqFactor: figure("low_freq_factor"),
      highFreqFactor: figure("high_freq_factor"),
      originalMaxPositions: figure("original_max_position_embeddings"),
    };
  }
  throw unsupported('"default", "linear" or "llama3"', `${at}.rope_type`, type);
}
