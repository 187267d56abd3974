// A whole model as GGUF: a base with an adapter merged into it. Source of names and values: conversion/*.py of llama.cpp
// v0.4.0, and gguf-py/gguf/constants.py and tensor_mapping.py there.
import path from "node:path";
import { InputError, ownValue } from "../../core/index.ts";
import { decodeFloats, type FloatType, readFileRange, type TensorEntry } from "../../datasets/index.ts";
import type { Architecture } from "../../plan/index.ts";
import type { AdapterFolder } from "./adapter-folder.ts";
import { titleOf } from "./adapter-gguf.ts";
import type { BaseFolder } from "./base-folder.ts";
import { type GgufPair, type GgufTensor, type GgufType, writeGguf } from "./gguf-file.ts";
import { ggufFamily, ggufName, withMovedRows } from "./gguf-names.ts";
import { tokenizerPairs } from "./gguf-tokenizer.ts";
import { type Changes, changedBytes, changesOf } from "./merge-tensors.ts";
import { tokenizerFolder } from "./new-folder.ts";
import { Q8_BLOCK } from "./q8.ts";

export const MODEL_GGUF = "model.gguf";

/** Numbers of the file types. Source: LlamaFileType of gguf-py. */
const FILE_TYPES: Readonly<Record<GgufType, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 };

/** Families whose whole models are written, by llama.cpp's names. */
const WHOLE = ["llama", "qwen2", "qwen3", "qwen3moe", "gemma2", "gemma3", "phi3"];

/** Elements that are converted at once. */
const PIECE = 2 ** 24;

const NAMES: Readonly<Record<string, string>> = {
  "model.embed_tokens.weight": "token_embd.weight",
  "model.norm.weight": "output_norm.weight",
  "lm_head.weight": "output.weight",
};

/** Of a layer, besides its matrices. */
const LAYER_NAMES: Readonly<Record<string, string>> = {
  "input_layernorm.weight": "attn_norm.weight",
  "post_attention_layernorm.weight": "ffn_norm.weight",
  "self_attn.q_norm.weight": "attn_q_norm.weight",
  "self_attn.k_norm.weight": "attn_k_norm.weight",
  "self_attn.q_proj.bias": "attn_q.bias",
  "self_attn.k_proj.bias": "attn_k.bias",
  "self_attn.v_proj.bias": "attn_v.bias",
  "mlp.gate.weight": "ffn_gate_inp.weight",
  "block_sparse_moe.gate.weight": "ffn_gate_inp.weight",
};

/** Where a layer has norms on both sides of attention and MLP. */
const BOTH_NAMES: Readonly<Record<string, string>> = {
  "post_attention_layernorm.weight": "post_attention_norm.weight",
  "pre_feedforward_layernorm.weight": "ffn_norm.weight",
  "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
};

/** Matrices of one expert, and the tensor of all. */
const EXPERT = /^model\.layers\.(\d+)\.(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.weight$/;
const EXPERT_NAMES: Readonly<Record<string, string>> = {
  ...{ gate_proj: "ffn_gate_exps", up_proj: "ffn_up_exps", down_proj: "ffn_down_exps" },
  ...{ w1: "ffn_gate_exps", w3: "ffn_up_exps", w2: "ffn_down_exps" },
};

/** What llama.cpp would compute otherwise. @throws InputError */
function refuseOther({ arch, config, folder }: BaseFolder): string {
  const family = ggufFamily(config);
  const file = path.join(folder, "config.json");
  const hint = "`loratwin export --to merged` makes a model that llama.cpp's converter may take.";
  const refuse = (expected: string, at: string, got: unknown): never => {
    throw new InputError({ expected, at, file, got, hint });
  };
  if (family === undefined || !WHOLE.includes(family.architecture))
    return refuse(`a model of ${WHOLE.join(", ")}`, "model_type", config["model_type"]);
  const { architecture } = family;
  const isGemma = architecture.startsWith("gemma");
  const { ropeScaling: scaling, attentionScale, headDim, hiddenSize, numHeads, numLayers } = arch;
  const types = { llama: ["linear", "llama3", "yarn"], phi3: ["longrope"], gemma2: [] as string[] };
  const allowed = ownValue(types, architecture) ?? ["linear", "yarn"];
  if (scaling !== undefined && !allowed.includes(scaling.type))
    refuse(`rope scaling of ${allowed.join(", ") || "no type"}`, "rope_parameters", scaling.type);
  // The largest Gemmas have a scale of their own there.
  const largest = numLayers === 46 || numLayers === 62 ? 1 / Math.sqrt(hiddenSize / numHeads) : undefined;
  const scale = attentionScale ?? 1 / Math.sqrt(headDim);
  if (Math.abs(scale * Math.sqrt(headDim) - 1) > 1e-6 && !(isGemma && scale === largest))
    refuse(`a query_pre_attn_scalar of ${headDim}`, "query_pre_attn_scalar", config["query_pre_attn_scalar"]);
  const every = architecture === "gemma2" ? 2 : 6;
  const isPattern = arch.windowed?.every((own, layer) => own === ((layer + 1) % every !== 0));
  if (isGemma && isPattern === false) refuse(`full attention in each ${every}th layer`, "layer_types", "another order");
  if (arch.experts !== undefined && !arch.experts.normalized)
    refuse("experts whose weights sum to 1", "norm_topk_prob", false);
  if (arch.experts?.dense?.includes(true) === true)
    refuse("experts in all layers", "mlp_only_layers", config["mlp_only_layers"] ?? config["decoder_sparse_step"]);
  if (arch.outputBias === true) refuse("no biases of o_proj", "attention_bias", true);
  return architecture;
}

/** What the file says of the model's form. */
function architecturePairs(name: string, arch: Architecture): readonly GgufPair[] {
  const whole = (key: string, value: number): GgufPair => [`${name}.${key}`, { type: "uint32", value }];
  const real = (key: string, value: number): GgufPair => [`${name}.${key}`, { type: "float32", value }];
  const { experts, ropeScaling: scaling, headDim, rotaryDim = headDim } = arch;
  const pairs: GgufPair[] = [
    whole("block_count", arch.numLayers),
    whole("context_length", arch.maxPositions),
    whole("embedding_length", arch.hiddenSize),
    whole("feed_forward_length", arch.intermediateSize),
    whole("attention.head_count", arch.numHeads),
    whole("attention.head_count_kv", arch.numKvHeads),
    whole("attention.key_length", headDim),
    whole("attention.value_length", headDim),
    real("attention.layer_norm_rms_epsilon", arch.rmsNormEps),
    whole("rope.dimension_count", rotaryDim),
    real("rope.freq_base", arch.ropeTheta),
    whole("vocab_size", arch.vocabularySize),
  ];
  if (arch.windowTheta !== undefined) pairs.push(real("rope.freq_base_swa", arch.windowTheta));
  // For Phi-3, 0 tells the models without a window from the first ones.
  if (name.startsWith("gemma") || name === "phi3")
    pairs.push(whole("attention.sliding_window", arch.slidingWindow ?? 0));
  if (arch.scoreCap !== undefined) pairs.push(real("attn_logit_softcapping", arch.scoreCap));
  if (arch.logitCap !== undefined) pairs.push(real("final_logit_softcapping", arch.logitCap));
  if (experts !== undefined) {
    pairs.push(whole("expert_count", experts.count), whole("expert_used_count", experts.perToken));
    if (name === "qwen3moe") pairs.push(whole("expert_feed_forward_length", experts.intermediateSize));
  }
  return [...pairs, ...scalingPairs(name, scaling, arch)];
}

function scalingPairs(name: string, scaling: Architecture["ropeScaling"], arch: Architecture): readonly GgufPair[] {
  const real = (key: string, value: number): GgufPair => [`${name}.rope.scaling.${key}`, { type: "float32", value }];
  const type = (value: string): GgufPair => [`${name}.rope.scaling.type`, { type: "string", value }];
  const original = (value: number): GgufPair => [
    `${name}.rope.scaling.original_context_length`,
    { type: "uint32", value },
  ];
  switch (scaling?.type) {
    case "linear":
      return [type("linear"), real("factor", scaling.factor)];
    case "yarn":
      return [
        ...[type("yarn"), real("factor", scaling.factor), original(scaling.originalMaxPositions)],
        ...[real("yarn_beta_fast", scaling.betaFast), real("yarn_beta_slow", scaling.betaSlow)],
        // llama.cpp multiplies by 1 + 0.1 ln(factor) itself.
        real("yarn_attn_factor", scaling.attentionFactor / (1 + 0.1 * Math.log(scaling.factor))),
      ];
    case "longrope":
      return [original(scaling.originalMaxPositions), real("attn_factor", scaling.attentionFactor)];
    default:
      return name === "phi3" ? [original(arch.maxPositions)] : [];
  }
}

/** Tensors that stand for the rotary scaling. */
function ropeTensors({
  ropeScaling: scaling,
  headDim,
  rotaryDim = headDim,
  ropeTheta,
}: Architecture): readonly GgufTensor[] {
  const tensor = (name: string, values: readonly number[]): GgufTensor => ({
    ...{ name: `${name}.weight`, dimensions: [values.length], type: "f32" },
    pieces: () => [Float32Array.from(values)],
  });
  if (scaling?.type === "longrope")
    return [tensor("rope_factors_long", scaling.longFactors), tensor("rope_factors_short", scaling.shortFactors)];
  if (scaling?.type !== "llama3") return [];
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositions: length } = scaling;
  const factors = Array.from({ length: rotaryDim / 2 }, (_, index) => {
    const wave = 2 * Math.PI * ropeTheta ** ((2 * index) / rotaryDim);
    if (wave < length / high) return 1;
    if (wave > length / low) return factor;
    const smooth = (length / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
  return [tensor("rope_freqs", factors)];
}

function nameOf(name: string, arch: Architecture): string | undefined {
  const known = ownValue(NAMES, name) ?? ggufName(name.replace(/\.weight$/, ""));
  if (known !== undefined) return known;
  const [, layer, own] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (own === undefined) return undefined;
  const found = (arch.norms === "both" ? ownValue(BOTH_NAMES, own) : undefined) ?? ownValue(LAYER_NAMES, own);
  return found === undefined ? undefined : `blk.${layer}.${found}`;
}

/** A merged tensor's numbers, in pieces of whole rows. */
function* floatsOf(base: BaseFolder, changes: Changes, name: string): Generator<Float32Array> {
  const change = changes.get(name);
  const { type, shape, file, start, end }: TensorEntry = base.reader.entry(change?.from ?? name);
  if (change !== undefined) {
    yield decodeFloats(changedBytes(base, change, name), type as FloatType);
    return;
  }
  const columns = shape.at(-1)!;
  const elementBytes = (end - start) / shape.reduce((product, size) => product * size, 1);
  const bytes = Math.max(1, Math.floor(PIECE / columns)) * columns * elementBytes;
  for (let at = start; at < end; at += bytes)
    yield decodeFloats(readFileRange(file, at, Math.min(end, at + bytes)), type as FloatType);
}

function whole(pieces: Iterable<Float32Array>): Float32Array {
  const all = [...pieces];
  if (all.length === 1) return all[0]!;
  const values = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of all) {
    values.set(piece, at);
    at += piece.length;
  }
  return values;
}

/** Vectors, norms and routers stay in float32, and rows that are no whole blocks in float16. */
function typeOf(name: string, shape: readonly number[], wanted: GgufType): GgufType {
  if (shape.length < 2 || name.endsWith("ffn_gate_inp.weight")) return "f32";
  return wanted === "q8_0" && shape.at(-1)! % Q8_BLOCK !== 0 ? "f16" : wanted;
}

/** @throws InputError for a tensor that llama.cpp has no name for */
function tensorsOf(base: BaseFolder, changes: Changes, architecture: string, wanted: GgufType): readonly GgufTensor[] {
  const { arch, reader } = base;
  const moves = architecture === "llama";
  const added = [...changes.keys()].filter((name) => !reader.has(name));
  const tensors: GgufTensor[] = [];
  const experts = new Map<string, { readonly shape: readonly number[]; readonly names: string[] }>();
  for (const name of [...reader.tensors.map((each) => each.name), ...added]) {
    const { shape, file } = reader.entry(changes.get(name)?.from ?? name);
    const [, layer, expert, matrix] = EXPERT.exec(name) ?? [];
    const stack = matrix === undefined ? undefined : ownValue(EXPERT_NAMES, matrix);
    if (stack !== undefined) {
      const key = `blk.${layer}.${stack}.weight`;
      const known = experts.get(key) ?? { shape, names: [] };
      known.names[Number(expert)] = name;
      experts.set(key, known);
      continue;
    }
    const isTied = name === "lm_head.weight" && arch.tiedEmbeddings && !changes.has(name);
    if (isTied || name.endsWith(".rotary_emb.inv_freq")) continue;
    const own = nameOf(name, arch);
    if (own === undefined)
      throw new InputError({ expected: "tensors that llama.cpp has a name for", at: name, file, got: "another" });
    const heads = /q_proj\.\w+$/.test(name) ? arch.numHeads : /k_proj\.\w+$/.test(name) ? arch.numKvHeads : undefined;
    const columns = shape.length === 1 ? 1 : shape.at(-1)!;
    const plusOne = arch.normOffset === true && name.endsWith("norm.weight");
    tensors.push({
      ...{ name: own, dimensions: shape.toReversed(), type: typeOf(own, shape, wanted) },
      *pieces() {
        const pieces = floatsOf(base, changes, name);
        if (moves && heads !== undefined) yield withMovedRows(whole(pieces), columns, heads);
        else for (const piece of pieces) yield plusOne ? piece.map((value) => value + 1) : piece;
      },
    });
  }
  for (const [name, { shape, names }] of experts)
    tensors.push({
      ...{ name, dimensions: [...shape.toReversed(), names.length], type: typeOf(name, shape, wanted) },
      *pieces() {
        for (const each of names) yield* floatsOf(base, changes, each);
      },
    });
  return [...ropeTensors(arch), ...tensors];
}

/**
 * Writes a model with an adapter in it as one file, of which a piece of a tensor is in memory at a time, or all of a
 * changed one.
 * @throws InputError for a model that llama.cpp has not, or would compute otherwise, and for its tokenizer
 */
export function writeModelGguf(file: string, adapter: AdapterFolder, base: BaseFolder, type: GgufType): void {
  const architecture = refuseOther(base);
  const { arch, folder, config } = base;
  const tensors = tensorsOf(base, changesOf(adapter, base), architecture, type);
  const pairs: readonly GgufPair[] = [
    ["general.architecture", { type: "string", value: architecture }],
    ["general.type", { type: "string", value: "model" }],
    ["general.name", { type: "string", value: titleOf(path.basename(adapter.folder)) }],
    ["general.file_type", { type: "uint32", value: FILE_TYPES[type] }],
    ["general.quantization_version", { type: "uint32", value: 2 }],
    ...architecturePairs(architecture, arch),
    ...tokenizerPairs(tokenizerFolder(adapter.folder, folder), config, arch.vocabularySize),
  ];
  writeGguf(file, pairs, tensors);
}

/** What llama.cpp does otherwise with such a file than the model's own program, as a person is told. */
export function modelNotes({ arch, config }: BaseFolder): readonly string[] {
  const { slidingWindow: window, ropeScaling: scaling } = arch;
  const isGemma = ggufFamily(config)?.architecture.startsWith("gemma") === true;
  const long = scaling?.type === "longrope" ? scaling.originalMaxPositions : undefined;
  return [
    ...(window === undefined || isGemma
      ? []
      : [`llama.cpp has no window of ${window} tokens for this model: longer texts are answered otherwise there.`]),
    ...(long === undefined
      ? []
      : [`llama.cpp takes the long rotary factors for every text where its context (-c) is above ${long} tokens.`]),
  ];
}

/** The type of a base's matrices, in which nothing of them is lost. */
export function ownType({ reader }: BaseFolder): GgufType {
  const { type } = reader.tensors.find(({ shape }) => shape.length > 1) ?? { type: "F32" };
  return type === "BF16" ? "bf16" : type === "F16" ? "f16" : "f32";
}
