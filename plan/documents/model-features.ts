import { InputError, type Mapping } from "../../core/index.ts";
import type { Architecture } from "./architecture.ts";

export function unsupported(expected: string, at: string, got: unknown): InputError {
  return new InputError({ expected, at, got, hint: "docs/reference/training.md lists the models that are supported." });
}

/** Keys of a configuration that change what a decoder computes, by which the values that change nothing. */
const WITHOUT_EFFECT: readonly (readonly [string, readonly unknown[]])[] = [
  ["attention_bias", [false]],
  ["mlp_bias", [false]],
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
  ["sliding_window", []],
  ["attention_dropout", [0]],
  ["resid_pdrop", [0]],
  ["embd_pdrop", [0]],
  ["is_causal", [true]],
  ["use_bidirectional_attention", [false]],
  ["clip_qkv", []],
  // transformers would train with noise on what the router sees, or add the routers' losses to that of the tokens.
  ["router_jitter_noise", [0]],
  ["output_router_logits", [false]],
];

/** @throws InputError for a feature that a family does not have, by its key. `reads`: keys of those that it has */
export function refuseFeatures(config: Mapping, reads: readonly string[]): void {
  for (const [key, without] of WITHOUT_EFFECT) {
    const value = config[key];
    if (reads.includes(key) || !Object.hasOwn(config, key)) continue;
    if (value === null || value === undefined || without.includes(value)) continue;
    throw unsupported(
      without.length === 0 ? "no such feature" : `no more than ${JSON.stringify(without[0])}`,
      key,
      value,
    );
  }
}

export function flag(config: Mapping, key: string, missing: boolean): boolean {
  const value = config[key] ?? missing;
  if (typeof value !== "boolean") throw unsupported("true or false", key, value);
  return value;
}

/** A positive number; undefined where there is none. */
export function optionalNumber(config: Mapping, key: string): number | undefined {
  const value = config[key] ?? undefined;
  if (value !== undefined && !(typeof value === "number" && value > 0))
    throw unsupported("a positive number", key, value);
  return value;
}

export function positiveWhole(value: unknown, at: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw unsupported("a positive whole number, or null", at, value);
  return value as number;
}

/** What each layer's attention sees, where the configuration says; by its name in transformers. */
function layerTypes(config: Mapping, numLayers: number, known: readonly string[]): readonly string[] | undefined {
  const given = config["layer_types"] ?? undefined;
  if (given === undefined) return undefined;
  if (!Array.isArray(given) || given.length !== numLayers)
    throw unsupported(`a type for each of ${numLayers} layers`, "layer_types", given);
  const other = given.find((type) => !known.includes(type));
  if (other !== undefined)
    throw unsupported(`${known.map((type) => JSON.stringify(type)).join(" or ")} in every layer`, "layer_types", other);
  return given;
}

export const FULL = "full_attention";
export const SLIDING = "sliding_attention";
const CHUNKED = "chunked_attention";

/** @throws InputError unless every layer's attention is of a type, where the configuration says */
export function requireLayers(config: Mapping, numLayers: number, type: string): void {
  layerTypes(config, numLayers, [type]);
}

/**
 * Layers with a window: those that `layer_types` name, or `isLocal` where it is missing. `missing`: the window where the
 * configuration does not say.
 */
export function windowsByLayer(
  config: Mapping,
  numLayers: number,
  missing: number | null,
  isLocal: (layer: number) => boolean,
): Partial<Architecture> {
  const types = layerTypes(config, numLayers, [FULL, SLIDING]);
  const windowed = Array.from({ length: numLayers }, (_, layer) =>
    types === undefined ? isLocal(layer) : types[layer] !== FULL,
  );
  if (!windowed.includes(true)) return {};
  const given = config["sliding_window"];
  const window = positiveWhole(given === undefined ? missing : given, "sliding_window");
  return { slidingWindow: window, ...(windowed.includes(false) ? { windowed } : {}) };
}

/**
 * Chunks in layers with rope (Llama 4), or in none where there is no chunk or `layer_types` say so.
 * @throws InputError where those name other layers
 */
export function chunkedLayers(
  config: Mapping,
  numLayers: number,
  ropeless: readonly boolean[] | undefined,
): Pick<Partial<Architecture>, "chunk"> {
  const given = config["attention_chunk_size"];
  const types = layerTypes(config, numLayers, [FULL, CHUNKED]);
  if (types?.every((type) => type === FULL) ?? given === null) return {};
  const other = types?.findIndex((type, layer) => (type === FULL) !== (ropeless?.[layer] === true)) ?? -1;
  if (other >= 0)
    throw unsupported("chunks in layers with rope, and in no others,", `layer_types[${other}]`, types![other]);
  return { chunk: positiveWhole(given === undefined ? 8192 : given, "attention_chunk_size") };
}
