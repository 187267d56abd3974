import fs from "node:fs";
import path from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { quickenBpe } from "../../datasets/quick-bpe.ts";
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
