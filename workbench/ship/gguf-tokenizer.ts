// A tokenizer as llama.cpp reads it. Source: conversion/base.py of llama.cpp v0.4.0, gguf-py/gguf/vocab.py there.
import { existsSync } from "node:fs";
import path from "node:path";
import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { readJson } from "./end-texts.ts";
import type { GgufPair } from "./gguf-file.ts";

const WORD = "[^\\r\\n\\p{L}\\p{N}]?";
const CASED = ["\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}", "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"] as const;
const SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * What llama.cpp calls the ways in which texts are split in front of byte-level BPE, by the expression that splits.
 * Source: src/llama-vocab.cpp of llama.cpp v0.4.0, which has them in comments.
 */
const SPLITS: Readonly<Record<string, string>> = {
  [`${SHORT}|${WORD}\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${REST}`]: "llama-bpe",
  [`${SHORT}|${WORD}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${REST}`]: "qwen2",
  [`${WORD}[${CASED[0]}]*[${CASED[1]}]+|${WORD}[${CASED[0]}]+[${CASED[1]}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${REST}`]:
    "tekken",
  [`${WORD}[${CASED[0]}]*[${CASED[1]}]+${SHORT}?|${WORD}[${CASED[0]}]+[${CASED[1]}]*${SHORT}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${REST}`]:
    "gpt-4o",
};

/** Types of tokens. Source: gguf-py/gguf/constants.py, TokenType. */
const KIND = { normal: 1, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Added tokens that are control tokens, whatever the file says. Source: does_token_look_special there. */
const LOOKS_SPECIAL = /^(<pad>|<mask>|<2mass>|\[@BOS@\]|<\|.*\|>|<unused.*>)$/s;

interface Added {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

interface TokenizerFile {
  readonly file: string;
  readonly json: Mapping;
  readonly config: Mapping;
  readonly added: readonly Added[];
  readonly merges: readonly (readonly [string, string])[];
  readonly vocabulary: Readonly<Record<string, number>>;
}

function listOf(value: unknown): readonly Mapping[] {
  return Array.isArray(value) ? value.filter(isMapping) : [];
}

/** Parts of a sequence, or the only one. */
function partsOf(part: unknown, key: string): readonly Mapping[] {
  if (!isMapping(part)) return [];
  return part["type"] === "Sequence" ? listOf(part[key]).flatMap((each) => partsOf(each, key)) : [part];
}

function readTokenizer(folder: string): TokenizerFile {
  const file = path.join(folder, "tokenizer.json");
  if (!existsSync(file))
    throw new InputError({ expected: "tokenizer.json beside the model", file, got: "no such file" });
  const json = readJson(folder, "tokenizer.json");
  const model = isMapping(json["model"]) ? json["model"] : {};
  if (model["type"] !== "BPE" || !isMapping(model["vocab"]))
    throw new InputError({ expected: "a tokenizer of type BPE", at: "model.type", file, got: model["type"] });
  const merges = Array.isArray(model["merges"]) ? model["merges"] : [];
  return {
    ...{ file, json, config: readJson(folder, "tokenizer_config.json") },
    vocabulary: model["vocab"] as Readonly<Record<string, number>>,
    merges: merges.map((pair) => (typeof pair === "string" ? pair.split(" ") : pair) as [string, string]),
    added: listOf(json["added_tokens"]).map(({ id, content, special }) => ({
      ...{ id: Number(id), content: String(content), special: special === true },
    })),
  };
}

/** How llama.cpp splits texts in front of the merges. @throws InputError where that is not known */
function splitOf({ json, file }: TokenizerFile): string {
  const parts = partsOf(json["pre_tokenizer"], "pretokenizers");
  const [split, ...more] = parts.filter(({ type }) => type === "Split");
  const pattern = isMapping(split?.["pattern"]) ? split["pattern"]["Regex"] : undefined;
  const types = parts.map(({ type }) => type).join();
  const known = typeof pattern === "string" && more.length === 0 ? SPLITS[pattern] : undefined;
  if (known !== undefined && types === "Split,ByteLevel") return known;
  if (types === "ByteLevel" && parts[0]!["use_regex"] !== false) return "gpt-2";
  if (types === "Digits,ByteLevel" && parts[0]!["individual_digits"] === true) return "smollm";
  throw new InputError({
    expected: "a way of splitting texts that llama.cpp has a name for",
    at: "pre_tokenizer",
    file,
    got: pattern ?? types,
    hint: "`loratwin export --to merged` makes a model that llama.cpp's converter may take.",
  });
}

/** Texts and kinds of all tokens. Ids without one are unused. */
function tokensOf(tokenizer: TokenizerFile, size: number, bytes: boolean) {
  const texts = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const kinds: number[] = new Array(size).fill(KIND.unused);
  for (const [text, id] of Object.entries(tokenizer.vocabulary)) {
    if (id >= size) continue;
    texts[id] = text;
    kinds[id] = bytes && /^<0x[0-9A-F]{2}>$/.test(text) ? KIND.byte : KIND.normal;
  }
  for (const { id, content, special } of tokenizer.added) {
    if (id >= size) continue;
    const isControl = special || LOOKS_SPECIAL.test(content);
    texts[id] = isControl ? content : content.replaceAll("\u2581", " ");
    kinds[id] = isControl ? KIND.control : KIND.userDefined;
  }
  return { texts, kinds };
}

/** The merges' order as scores of what they make, by which llama.cpp chooses: the first merge has the highest. */
function scoresOf({ merges }: TokenizerFile, texts: readonly string[]): readonly number[] {
  const ranks = new Map<string, number>();
  merges.forEach(([left, right], rank) => {
    if (!ranks.has(left + right)) ranks.set(left + right, rank);
  });
  return texts.map((text) => -(ranks.get(text) ?? merges.length));
}

function specialOf(config: Mapping, name: string): string | undefined {
  const value = config[`${name}_token`];
  const text = isMapping(value) ? value["content"] : value;
  return typeof text === "string" ? text : undefined;
}

/** Special tokens by their uses, and which are put around a text. */
function specialPairs(tokenizer: TokenizerFile, model: Mapping): readonly GgufPair[] {
  const { config, json, added, vocabulary } = tokenizer;
  const names = { bos: "bos", eos: "eos", unk: "unknown", pad: "padding" } as const;
  const ids = new Map(added.map(({ id, content }) => [content, id]));
  const pairs: GgufPair[] = [];
  for (const [name, key] of Object.entries(names)) {
    const text = specialOf(config, name);
    const [own] = [model[`${name}_token_id`]].flat();
    const id = text === undefined ? own : (ids.get(text) ?? vocabulary[text]);
    if (typeof id === "number") pairs.push([`tokenizer.ggml.${key}_token_id`, { type: "uint32", value: id }]);
  }
  const template = partsOf(json["post_processor"], "processors").find(({ type }) => type === "TemplateProcessing");
  const single = listOf(template?.["single"]);
  const isSpecial = (at: number): boolean => single.length > 1 && single.at(at)?.["SpecialToken"] !== undefined;
  pairs.push(["tokenizer.ggml.add_bos_token", { type: "bool", value: isSpecial(0) }]);
  pairs.push(["tokenizer.ggml.add_eos_token", { type: "bool", value: isSpecial(-1) }]);
  return pairs;
}

function templatePairs(folder: string, { config }: TokenizerFile): readonly GgufPair[] {
  const file = path.join(folder, "chat_template.jinja");
  const inside = config["chat_template"];
  const named = listOf(inside);
  const chosen = (named.find(({ name }) => name === "default") ?? named[0])?.["template"];
  const value = existsSync(file) ? readWholeText(file) : (chosen ?? inside);
  return typeof value === "string" ? [["tokenizer.chat_template", { type: "string", value }]] : [];
}

/** Whether a space is put in front of a text. */
function addsSpace({ json }: TokenizerFile): boolean {
  const prepends = partsOf(json["normalizer"], "normalizers").some(({ type }) => type === "Prepend");
  const metaspace = partsOf(json["pre_tokenizer"], "pretokenizers").find(({ type }) => type === "Metaspace");
  return prepends || (metaspace !== undefined && metaspace["prepend_scheme"] !== "never");
}

/**
 * All that a model's GGUF says of its tokenizer. `size`: rows of the embeddings.
 * @throws InputError for a tokenizer that llama.cpp does not have
 */
export function tokenizerPairs(folder: string, model: Mapping, size: number): readonly GgufPair[] {
  const tokenizer = readTokenizer(folder);
  const largest = Math.max(...tokenizer.added.map(({ id }) => id), 0);
  if (largest >= size)
    throw new InputError({
      expected: `tokens below ${size}, the rows of the embeddings`,
      at: "added_tokens",
      file: tokenizer.file,
      got: largest,
    });
  const types = partsOf(tokenizer.json["decoder"], "decoders").map(({ type }) => type);
  const bytes = !types.includes("ByteLevel");
  if (bytes && !types.includes("ByteFallback"))
    throw new InputError({
      expected: "a decoder with ByteLevel or ByteFallback",
      at: "decoder",
      file: tokenizer.file,
      got: types,
    });
  const { texts, kinds } = tokensOf(tokenizer, size, bytes);
  const tokens: GgufPair = ["tokenizer.ggml.tokens", { type: "strings", value: texts }];
  const kind: GgufPair = ["tokenizer.ggml.token_type", { type: "int32s", value: kinds }];
  const own: readonly GgufPair[] = bytes
    ? [
        ["tokenizer.ggml.model", { type: "string", value: "llama" }],
        ["tokenizer.ggml.pre", { type: "string", value: "default" }],
        ...[tokens, kind],
        ["tokenizer.ggml.scores", { type: "float32s", value: scoresOf(tokenizer, texts) }],
        ["tokenizer.ggml.add_space_prefix", { type: "bool", value: addsSpace(tokenizer) }],
      ]
    : [
        ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
        ["tokenizer.ggml.pre", { type: "string", value: splitOf(tokenizer) }],
        ...[tokens, kind],
        [
          "tokenizer.ggml.merges",
          {
            type: "strings",
            // A space within a token is written as byte-level BPE does.
            value: tokenizer.merges.map((pair) => pair.map((text) => text.replaceAll(" ", "\u0120")).join(" ")),
          },
        ],
      ];
  return [...own, ...specialPairs(tokenizer, model), ...templatePairs(folder, tokenizer)];
}
