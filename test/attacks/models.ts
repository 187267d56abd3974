import { readFileSync } from "node:fs";
import path from "node:path";
import { createRng } from "../../core/index.ts";
import { edited, WORKLOAD } from "../cli/bad-input/bad-input.ts";
import { mutations } from "./mutate.ts";
import type { Attack } from "./run-attacks.ts";

const OWN = edited(WORKLOAD, "../model", "model");
const CHAT = OWN.replaceAll("../rows.jsonl", "chat.jsonl");
const MESSAGES = `${JSON.stringify({
  messages: [
    { role: "user", content: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" },
    { role: "assistant", content: "no" },
  ],
})}\n`;

type Files = Readonly<Record<string, string | Uint8Array>>;

/** The files of the shared model. */
function modelFiles(root: string): Files {
  return Object.fromEntries(
    ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"].map((name) => [
      `model/${name}`,
      readFileSync(path.join(root, "model", name)),
    ]),
  );
}

function json(files: Files, name: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(files[`model/${name}`] as Uint8Array).toString()) as Record<string, unknown>;
}

/** Bytes of a safetensors file with another header. */
function withHeader(file: Uint8Array, change: (header: Record<string, unknown>) => unknown): Uint8Array {
  const bytes = Buffer.from(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, unknown>;
  const written = change(header);
  const text = Buffer.from(typeof written === "string" ? written : JSON.stringify(written));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, bytes.subarray(8 + length)]);
}

const FEATURES: readonly (readonly [string, unknown])[] = [
  ["sliding_window", 8],
  ["sliding_window", "8"],
  ["rope_scaling", { factor: 4 }],
  ["rope_scaling", { type: "yarn", factor: "4" }],
  ["rope_scaling", { rope_type: "constructor" }],
  ["rope_parameters", { factor: 4 }],
  ["partial_rotary_factor", 0.5],
  ["rope_parameters", { rope_theta: 1e4, partial_rotary_factor: 0.5 }],
  ["use_qk_norm", true],
  ["layer_types", ["full_attention", "sliding_attention"]],
  ["quantization_config", { bits: 4 }],
  ["num_local_experts", 8],
  ["attn_logit_softcapping", 50],
  ["num_hidden_layers", 1],
  ["num_hidden_layers", 1e9],
  ["num_hidden_layers", 3],
  ["vocab_size", 1e12],
  ["vocab_size", 100],
  ["hidden_size", 1e9],
  ["max_position_embeddings", 1e12],
  ["num_key_value_heads", 0],
  ["head_dim", 3],
  ["rms_norm_eps", -1],
  ["rope_theta", 0],
  ["tie_word_embeddings", "yes"],
  ["model_type", "constructor"],
  ["hidden_act", "gelu"],
  ["architectures", ["Qwen3ForCausalLM"]],
  ["auto_map", { AutoModelForCausalLM: "modeling.Own" }],
  ["rms_norm_eps", 1e308],
  ["rope_theta", 1e308],
  ["rope_theta", 0.5],
  ["rope_parameters", { rope_type: "yarn", factor: 4, beta_fast: 0, rope_theta: 1e4 }],
  ["rope_parameters", { full_attention: { rope_type: "linear", factor: 2 } }],
  ["rope_scaling", { rope_type: "default", factor: 4 }],
  ["rope_scaling", { rope_type: "linear", type: "yarn", factor: 4 }],
  ["rope_scaling", { rope_type: "linear", factor: 1e308 }],
  [
    "rope_scaling",
    {
      ...{ rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 },
      original_max_position_embeddings: 64,
    },
  ],
];

const TEMPLATES: readonly (readonly [string, string])[] = [
  ["counts to a milliard", "{% for i in range(1000000000) %}{{ i }}{% endfor %}"],
  ["counts in counts", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"],
  [
    "doubles a text",
    "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
  ],
  ["is not closed", "{% for m in messages %}{{ m.content }}"],
  ["asks for the constructor", "{{ messages.constructor.constructor('return process')().exit(7) }}"],
  ["calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"],
  ["raises", "{{ raise_exception('no') }}"],
  ["writes nothing", "{# nothing #}"],
  ["is deep", `${"{% if true %}".repeat(20_000)}x${"{% endif %}".repeat(20_000)}`],
  ["is long", `${"{{ messages[0].content }}".repeat(200_000)}`],
];

/** Models whose configuration, tensors, tokenizer or template is not what it says, or is made to do harm. */
export function hostileModels(root: string, seed: number, share = 1): readonly Attack[] {
  const rng = createRng(`models ${seed}`);
  const files = modelFiles(root);
  const [config, tokenizer, tokenizerConfig] = ["config.json", "tokenizer.json", "tokenizer_config.json"].map((name) =>
    json(files, name),
  ) as [Record<string, unknown>, Record<string, unknown>, Record<string, unknown>];
  const weights = files["model/model.safetensors"] as Uint8Array;
  const with_ = (name: string, changed: Files, more: Partial<Attack> = {}): Attack => ({
    name,
    files: { "w.yaml": OWN, ...files, ...changed },
    argv: ["plan", "w.yaml", "--devices", "cpu:0", "--no-intervals", "--no-cache"],
    ...more,
  });
  const mutated = (kind: string, name: string, value: object, count: number): readonly Attack[] =>
    mutations(value, Math.round(share * count), rng).map((mutation) =>
      with_(
        `a ${kind} with ${mutation.what}`,
        { [`model/${name}`]: JSON.stringify(mutation.value) },
        { mayPass: true },
      ),
    );
  const chat = (name: string, changed: Files, more: Partial<Attack> = {}): Attack =>
    with_(name, { "w.yaml": CHAT, "chat.jsonl": MESSAGES, ...changed }, more);
  const regex = (kind: string, part: object): Attack =>
    chat(`a ${kind} that backtracks without end`, {
      "model/tokenizer.json": JSON.stringify({ ...tokenizer, ...part }),
      "model/chat_template.jinja": "{% for m in messages %}{{ m.content }}{% endfor %}",
    });
  const pattern = { Regex: "(a+)+$" };
  const header = (
    name: string,
    change: (header: Record<string, unknown>) => unknown,
    more: Partial<Attack> = {},
  ): Attack => with_(`a safetensors header ${name}`, { "model/model.safetensors": withHeader(weights, change) }, more);
  const first = "model.embed_tokens.weight";
  const entry = (change: object) => (tensors: Record<string, unknown>) => ({
    ...tensors,
    [first]: { ...(tensors[first] as object), ...change },
  });
  return [
    ...FEATURES.map(([key, value]) =>
      with_(`a configuration with ${key} ${JSON.stringify(value)}`, {
        "model/config.json": JSON.stringify({ ...config, [key]: value }),
      }),
    ),
    ...TEMPLATES.map(([what, template]) =>
      chat(`a chat template that ${what}`, { "model/chat_template.jinja": template }),
    ),
    regex("normalizer", { normalizer: { type: "Replace", pattern, content: "" } }),
    regex("pre-tokenizer", { pre_tokenizer: { type: "Split", pattern, behavior: "Isolated", invert: false } }),
    ...mutated("configuration", "config.json", config, 25),
    ...mutated(
      "tokenizer",
      "tokenizer.json",
      { ...tokenizer, model: { ...(tokenizer["model"] as object), vocab: { a: 0 } } },
      15,
    ),
    ...mutated("tokenizer's configuration", "tokenizer_config.json", tokenizerConfig, 10),
    header("without tensors", () => ({})),
    header("that is a list", () => []),
    header("that is no JSON", () => "{"),
    header("with a tensor twice", (tensors) =>
      JSON.stringify(tensors).replace("{", `{"${first}":${JSON.stringify(tensors[first])},`),
    ),
    header("with a tensor more", (tensors) => ({
      ...tensors,
      extra: { dtype: "F32", shape: [0], data_offsets: [0, 0] },
    })),
    header("with a norm of queries", (tensors) => ({
      ...tensors,
      "model.layers.0.self_attn.q_norm.weight": { dtype: "F32", shape: [0], data_offsets: [0, 0] },
    })),
    header("with a layer more", (tensors) => ({
      ...tensors,
      "model.layers.2.mlp.up_proj.weight": { dtype: "F32", shape: [0], data_offsets: [0, 0] },
    })),
    header(
      "with rotary frequencies",
      (tensors) => ({
        ...tensors,
        "model.layers.0.self_attn.rotary_emb.inv_freq": { dtype: "F32", shape: [0], data_offsets: [0, 0] },
      }),
      { mayPass: true },
    ),
    header("with a shape of milliards", entry({ shape: [2 ** 53, 2 ** 53] })),
    header("with a negative shape", entry({ shape: [-1, 16] })),
    header("with offsets beyond its file", entry({ data_offsets: [0, 2 ** 52] })),
    header("with offsets the other way round", entry({ data_offsets: [64, 0] })),
    header("with a type that objects inherit", entry({ dtype: "constructor" })),
    header("with a type of another length", entry({ dtype: "F64" })),
    with_("a safetensors file that says its header is endless", {
      "model/model.safetensors": Buffer.from("ffffffffffffff7f7b7d", "hex"),
    }),
    with_("a safetensors file of seven bytes", { "model/model.safetensors": Buffer.alloc(7) }),
    with_("a safetensors file of zeros", { "model/model.safetensors": Buffer.alloc(4096) }),
    with_("an index that climbs", {
      "model/model.safetensors.index.json": JSON.stringify({ weight_map: { a: "../model.safetensors" } }),
    }),
    with_("an index of a missing file", {
      "model/model.safetensors.index.json": JSON.stringify({ weight_map: { a: "b.safetensors" } }),
    }),
    with_(
      "weights that are no numbers",
      { "model/model.safetensors": spoilt(weights) },
      { argv: ["train", "w.yaml", "--devices", "cpu:0", "-o", "run", "--no-cache"] },
    ),
    with_("a tokenizer of no JSON", { "model/tokenizer.json": "{" }),
    with_("a tokenizer that is a list", { "model/tokenizer.json": "[]" }),
    with_("a tokenizer that is deep", { "model/tokenizer.json": `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}` }),
  ];
}

/** The last value of a file is no number. */
function spoilt(file: Uint8Array): Uint8Array {
  const bytes = Buffer.from(file);
  bytes.writeFloatLE(Number.NaN, bytes.length - 4);
  return bytes;
}
