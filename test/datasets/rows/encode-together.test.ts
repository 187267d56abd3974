import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, it, test } from "vitest";
import { initModel, loadTokenizer, readDataset, type TextTokenizer } from "../../../datasets/index.ts";
import { encodeTogether } from "../../../datasets/rows/encode-together.ts";
import { sharedTest, TINY_STORIES, temporaryFile, temporaryFolder } from "../shared.ts";

/** A tokenizer of words and pieces of them, in small letters: the text is not to be had from its tokens. */
function wordPieces(): TextTokenizer {
  const folder = temporaryFolder();
  const words = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "##a", "##b", "ab", "##ab", "aba", ".", "<x>", "<y>", "e"];
  const added = (content: string, more: object = {}) => ({
    id: words.indexOf(content),
    content,
    ...{ special: true, normalized: false, lstrip: false, rstrip: false, single_word: false, ...more },
  });
  const around = [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }];
  const special = (id: string) => [id, { id, ids: [words.indexOf(id)], tokens: [id] }];
  const tokenizer = {
    added_tokens: [
      ...["[UNK]", "[CLS]", "[SEP]"].map((content) => added(content)),
      added("<x>", { rstrip: true }),
      added("<y>", { lstrip: true }),
    ],
    normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [...around, { SpecialToken: { id: "[SEP]", type_id: 0 } }],
      pair: [...around, { SpecialToken: { id: "[SEP]", type_id: 0 } }],
      special_tokens: Object.fromEntries(["[CLS]", "[SEP]"].map(special)),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: false },
    model: {
      ...{ type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  };
  fs.writeFileSync(path.join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  fs.writeFileSync(path.join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: "[SEP]" }));
  return loadTokenizer(folder);
}

function bytes(): TextTokenizer {
  const folder = temporaryFolder();
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  return loadTokenizer(folder);
}

const PIECES = ["a", "b", "ab", "A", "Á", " ", "  ", "\n", ".", "e\u0301", "🙂", "<s>", "</s>", "[SEP]", "<x>", "<y>"];
const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(""));

sharedTest.each([
  ["of bytes", bytes],
  ["with a space in front", () => loadTokenizer(TINY_STORIES)],
  ["that normalizes, with word pieces", wordPieces],
])("parts have the tokens of their whole text, each from where the text before it ends: a tokenizer %s", (_, made) => {
  const tokenizer = made();
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (parts) => {
      const { ids, starts, joined } = encodeTogether(tokenizer, parts, Number.POSITIVE_INFINITY);
      expect(ids).toEqual(tokenizer.encode(parts.join("")));
      parts.forEach((_part, at) => {
        const before = tokenizer.encode(parts.slice(0, at).join(""));
        const same = before.findIndex((id, index) => id !== ids[index]);
        expect([starts[at], joined[at]]).toEqual(same === -1 ? [before.length, false] : [same, same < ids.length]);
      });
    }),
    { numRuns: 300 },
  );
});

sharedTest("of a text with more tokens than are wanted there are just enough to see it, at the same places", () => {
  const tokenizer = loadTokenizer(TINY_STORIES);
  const parts = ["Once upon a time ".repeat(700), "there was</s>", " a cat. ".repeat(3000), "The end"];
  const whole = encodeTogether(tokenizer, parts, Number.POSITIVE_INFINITY);
  for (const most of [0, 10, whole.starts[1]! - 1, whole.starts[1]! + 1, whole.starts[2]! + 5, whole.ids.length - 1]) {
    const some = encodeTogether(tokenizer, parts, most);
    expect(some.ids).toEqual(whole.ids.slice(0, most + 1));
    expect(some.starts).toEqual(whole.starts.map((start) => Math.min(start, most + 1)));
  }
  expect(encodeTogether(tokenizer, parts, whole.ids.length).ids).toEqual(whole.ids);
});

sharedTest("a space that begins the answer is trained once, as inference has it", async () => {
  const tokenizer = loadTokenizer(TINY_STORIES);
  const file = temporaryFile("r.jsonl", JSON.stringify({ question: "Who?", answer: "Jim" }));
  const { rows, numJoined } = await readDataset({ path: file }, { tokenizer });
  const [{ inputIds, labels }] = rows as [(typeof rows)[0]];
  expect([...inputIds]).toEqual([1, ...tokenizer.encode("Question: Who?\nAnswer: Jim"), 2]);
  const asked = [1, ...tokenizer.encode("Question: Who?\nAnswer:")];
  expect([...inputIds.subarray(0, asked.length)]).toEqual(asked);
  expect([...labels.subarray(0, asked.length)]).toEqual(asked.map(() => -100));
  expect([...labels.subarray(asked.length)]).toEqual([...inputIds.subarray(asked.length)]);
  expect(numJoined).toBe(0);
});

it("what a tokenizer puts behind a text stands behind the response, and an end token is not doubled", async () => {
  const read = async (record: object) => {
    const file = temporaryFile("r.jsonl", JSON.stringify(record));
    const source = { path: file, prompt: "{{q}}", response: "{{a}}" };
    const { rows } = await readDataset(source, { tokenizer: wordPieces() });
    return { ids: [...rows[0]!.inputIds], labels: [...rows[0]!.labels] };
  };
  // "ab a.": [CLS] ab a . [SEP], whatever is prompt of it.
  expect(await read({ q: "ab", a: " a." })).toEqual({ ids: [1, 7, 3, 10, 2], labels: [-100, -100, 3, 10, 2] });
  expect(await read({ q: "A", a: "b a." })).toEqual({ ids: [1, 7, 3, 10, 2], labels: [-100, 7, 3, 10, 2] });
  const tokenizer = bytes();
  const rowOf = async (text: string) => {
    const { rows } = await readDataset({ path: temporaryFile("t.jsonl", JSON.stringify({ text })) }, { tokenizer });
    return [...rows[0]!.inputIds];
  };
  expect(await rowOf("a")).toEqual(await rowOf("a</s>"));
  expect(await rowOf("a</s>b")).toEqual([256, 97, 257, 98, 257]);
});

test("an empty response has its end token trained, also behind a prompt that ends with one", async () => {
  const file = temporaryFile("r.jsonl", JSON.stringify({ q: "x</s>", a: "" }));
  const source = { path: file, prompt: "{{q}}", response: "{{a}}" };
  const { rows } = await readDataset(source, { tokenizer: bytes() });
  expect([...rows[0]!.inputIds]).toEqual([256, 120, 257, 257]);
  expect([...rows[0]!.labels]).toEqual([-100, -100, -100, 257]);
});
