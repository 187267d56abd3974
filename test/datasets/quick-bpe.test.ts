import fs from "node:fs";
import path from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createByteTokenizer } from "../../datasets/byte-tokenizer.ts";
import { quickenBpe } from "../../datasets/quick-bpe.ts";
import { quickEncoder } from "../../datasets/quick-encoder.ts";
import { SHARED } from "../shared-folder.ts";
import { sharedTest, TINY_STORIES } from "./shared.ts";

/** With a space as Llama writes it, a letter of two bytes and a character of two UTF-16 units. */
const ALPHABET = ["▁", "a", "b", "c", "1", ".", "ü", "😀"];

interface Merges {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
}

/** Merges of tokens that there already are, as training makes them. */
function mergesOf(picks: readonly (readonly [number, number])[]): Merges {
  const tokens = [...ALPHABET];
  const merges: [string, string][] = [];
  for (const [left, right] of picks) {
    const merge: [string, string] = [tokens[left % tokens.length]!, tokens[right % tokens.length]!];
    if (tokens.includes(merge.join(""))) continue;
    tokens.push(merge.join(""));
    merges.push(merge);
  }
  return { vocab: Object.fromEntries(["<unk>", ...tokens].map((token, id) => [token, id])), merges };
}

function llamaLike({ vocab, merges }: Merges, more: object = {}) {
  return {
    added_tokens: [],
    normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: "BPE", unk_token: "<unk>", fuse_unk: true, vocab, merges, ...more },
  };
}

function bothWays(json: object, config: object = {}): readonly [plain: Tokenizer, quick: Tokenizer] {
  const quick = new Tokenizer(json, config);
  quickenBpe(quick, json as Readonly<Record<string, unknown>>);
  return [new Tokenizer(json, config), quick];
}

const picks = fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { maxLength: 60 });
// "?" is a character that the tokenizer does not know.
const text = fc
  .array(fc.constantFrom(...ALPHABET, " ", "?"), { minLength: 1, maxLength: 150 })
  .map((all) => all.join(""));

test("a tokenizer gives the same tokens when it merges words alone, whatever its merges", () => {
  fc.assert(
    fc.property(picks, fc.array(text, { minLength: 1, maxLength: 5 }), (chosen, texts) => {
      const [plain, quick] = bothWays(llamaLike(mergesOf(chosen)));
      for (const each of texts) expect(quick.encode(each).ids).toEqual(plain.encode(each).ids);
    }),
    { numRuns: 300 },
  );
});

test("texts are cut where no merge joins, not inside a word, and not for a model that does more than merge", () => {
  const merges = mergesOf([
    [1, 2],
    [0, 1],
  ]);
  const long = "ab ab.ab 1😀ab aab ab ab ab ab ab ab";
  const pieces = (more: object): readonly string[] => {
    const [, quick] = bothWays(llamaLike(merges, more));
    const cut = quick.pre_tokenizer as unknown as ((whole: string) => readonly string[]) | null;
    return cut === null ? [] : cut(long.replaceAll(" ", "▁")).slice(0, 6);
  };
  expect(pieces({})).toEqual(["ab", "▁ab", ".ab", "▁1", "😀ab", "▁aab"]);
  for (const more of [{ ignore_merges: true }, { end_of_word_suffix: "</w>" }, { dropout: 0.1 }])
    expect(pieces(more)).toEqual([]);
});

sharedTest("a model of Llama's kind gives the same tokens for questions and answers", () => {
  const read = (name: string) => JSON.parse(fs.readFileSync(path.join(TINY_STORIES, name), "utf8")) as object;
  const [plain, quick] = bothWays(read("tokenizer.json"), read("tokenizer_config.json"));
  const lines = fs.readFileSync(path.join(SHARED, "data/gsm8k-test.jsonl"), "utf8").split("\n").slice(0, 300);
  for (const line of lines) {
    const { question, answer } = JSON.parse(line) as { readonly question: string; readonly answer: string };
    for (const each of [question, answer]) expect(quick.encode(each).ids).toEqual(plain.encode(each).ids);
  }
});

/** As Llama 3 and Qwen have it: cut by a pattern, and then each byte a character. */
function byteLevel({ merges }: Merges, more: object = {}) {
  const bytes = createByteTokenizer(64).tokenizer as { readonly model: { readonly vocab: Record<string, number> } };
  const { vocab } = bytes.model;
  const own = merges.filter(
    (merge) => merge.join("") in vocab === false && merge.every((part) => /^[\x21-\x7e]+$/.test(part)),
  );
  const ids = Object.fromEntries(own.map((merge, index) => [merge.join(""), 300 + index]));
  const split = {
    type: "Split",
    pattern: { Regex: "\\p{L}+|\\s?[^\\s\\p{L}]+|\\s+" },
    behavior: "Isolated",
    invert: false,
  };
  const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    ...bytes,
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, level] },
    model: { ...bytes.model, vocab: { ...vocab, ...ids }, merges: own },
    ...more,
  };
}

test("a tokenizer that looks words up gives the ids that it gives without, marks and all", () => {
  const marked = fc.array(fc.oneof(text, fc.constantFrom("<s>", "</s>", "e\u0301", "\n", "\ud800")), { maxLength: 8 });
  fc.assert(
    fc.property(picks, fc.array(marked, { minLength: 1, maxLength: 4 }), (chosen, texts) => {
      for (const json of [
        llamaLike(mergesOf(chosen)),
        byteLevel(mergesOf(chosen)),
        createByteTokenizer(64).tokenizer,
      ]) {
        const plain = new Tokenizer(json, {});
        const encode = quickEncoder(new Tokenizer(json, {}), json as Readonly<Record<string, unknown>>)!;
        for (const each of texts.map((pieces) => pieces.join("")))
          expect(encode(each)).toEqual(plain.encode(each, { add_special_tokens: false }).ids);
      }
    }),
    { numRuns: 200 },
  );
});

test("a tokenizer that does more than to cut and merge is left as it is", () => {
  const merges = mergesOf([]);
  const strips = [{ id: 9, content: "<m>", lstrip: true, rstrip: false, normalized: false, special: true }];
  const bert = { type: "BertProcessing", sep: ["a", 1], cls: ["b", 2] };
  for (const more of [{ added_tokens: strips }, { post_processor: bert }]) {
    const json = { ...llamaLike(merges), ...more };
    expect(quickEncoder(new Tokenizer(json, {}), json)).toBeUndefined();
  }
  const json = llamaLike(merges);
  expect(quickEncoder(new Tokenizer(json, { remove_space: true }), json)).toBeUndefined();
});
