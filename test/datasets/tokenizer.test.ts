import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { initModel, loadTokenizer, readDataset } from "../../datasets/index.ts";
import { SHARED } from "../shared-folder.ts";
import { sharedTest, TINY_STORIES, temporaryFolder } from "./shared.ts";

type Json = Record<string, unknown>;

interface OracleCase {
  readonly jobs: readonly {
    readonly name: string;
    readonly steps: readonly { input_ids: number[]; labels: number[] }[][];
  }[];
}

const CASE = path.join(SHARED, "oracle/cases/two-adapters/case.json");

/** The space that a tokenizer of SentencePiece's kind puts in front of a text. */
const SPACE = 410;

sharedTest(
  "GSM8K rows get the tokens and labels of the reference case, less its second space before the answer",
  async () => {
    const { jobs } = JSON.parse(fs.readFileSync(CASE, "utf8")) as OracleCase;
    const tokenizer = loadTokenizer(TINY_STORIES);
    const data = {
      path: path.join(SHARED, "data/gsm8k-train.jsonl"),
      prompt: "Question: {{question}}\nAnswer:",
      response: " {{answer}}",
      limit: 1032,
    };
    const { rows } = await readDataset(data, { tokenizer, cutoffLength: 383 });
    const plain = rows.map(({ inputIds, labels }) => ({ input_ids: [...inputIds], labels: [...labels] }));
    /** The case's prompts and answers were tokenized apart, and cut at 384. */
    const together = ({ input_ids, labels }: { input_ids: number[]; labels: number[] }) => {
      const first = labels.findIndex((label) => label !== -100);
      expect(input_ids[first]).toBe(SPACE);
      return { input_ids: input_ids.toSpliced(first, 1), labels: labels.toSpliced(first, 1) };
    };
    const expected = jobs.map(({ steps }) => steps.flat().map(together));
    // The first job takes the file's first 32 rows, the second one 32 rows from row 1000 on.
    expect(plain.slice(0, 32)).toEqual(expected[0]);
    expect(plain.slice(-32)).toEqual(expected[1]);
  },
);

sharedTest("the rows of the reference case read as tokens are the rows themselves, in order", async () => {
  const { jobs } = JSON.parse(fs.readFileSync(CASE, "utf8")) as OracleCase;
  const rows = jobs[0]!.steps.flat();
  const file = path.join(temporaryFolder(), "case.jsonl");
  fs.writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  const dataset = await readDataset({ path: file }, { vocabularySize: 512 });
  expect(dataset.format).toBe("tokens");
  expect(dataset.shuffle).toBe(false);
  expect(dataset.rows.map(({ inputIds, labels }) => ({ input_ids: [...inputIds], labels: [...labels] }))).toEqual(rows);
});

sharedTest("special tokens come from tokenizer_config.json, and from config.json where it names none", () => {
  const folder = temporaryFolder();
  fs.cpSync(TINY_STORIES, folder, { recursive: true });
  fs.chmodSync(folder, 0o755);
  const write = (name: string, value: object): void => {
    fs.rmSync(path.join(folder, name), { force: true });
    fs.writeFileSync(path.join(folder, name), JSON.stringify(value));
  };
  expect(loadTokenizer(folder)).toMatchObject({ bosId: 1, eosId: 2, vocabularySize: 512, hasChatTemplate: false });
  write("tokenizer_config.json", { eos_token: { content: "<s>" } });
  expect(loadTokenizer(folder).eosId).toBe(1);
  write("tokenizer_config.json", {});
  write("config.json", { eos_token_id: [7, 8], vocab_size: 600 });
  expect(loadTokenizer(folder)).toMatchObject({ bosId: undefined, eosId: 7, vocabularySize: 600 });
  write("config.json", {});
  expect(() => loadTokenizer(folder)).toThrow(/Expected eos_token in tokenizer_config.json/);
});

test("a missing or damaged tokenizer file is named", () => {
  const folder = temporaryFolder();
  expect(() => loadTokenizer(folder)).toThrow(/tokenizer_config.json: Expected tokenizer_config.json/);
  fs.writeFileSync(path.join(folder, "tokenizer_config.json"), "{}");
  expect(() => loadTokenizer(folder)).toThrow(/tokenizer.json: Expected tokenizer.json/);
  fs.writeFileSync(path.join(folder, "tokenizer.json"), "{");
  expect(() => loadTokenizer(folder)).toThrow(/tokenizer.json: Expected JSON/);
  fs.writeFileSync(path.join(folder, "tokenizer.json"), "{}");
  expect(() => loadTokenizer(folder)).toThrow(/tokenizer.json: Expected a Hugging Face tokenizer/);
});

test.each([
  [
    "a model of a type that nobody knows",
    (json: Json) => Object.assign(json["model"] as Json, { type: "Foo" }),
    /Unigram or WordPiece at model.type, got "Foo"/,
  ],
  [
    "a model that would be read as another",
    (json: Json) => Object.assign(json["model"] as Json, { type: "WordLevel" }),
    /got "WordLevel"/,
  ],
  [
    "an added token without a text",
    (json: Json) => (json["added_tokens"] as Json[]).push({ id: 259, content: "" }),
    /a token with a text at added_tokens\[3\]/,
  ],
])("a tokenizer with %s is refused", (_, edit, says) => {
  const folder = path.join(temporaryFolder(), "model");
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const file = path.join(folder, "tokenizer.json");
  const json = JSON.parse(fs.readFileSync(file, "utf8")) as Json;
  edit(json);
  fs.writeFileSync(file, JSON.stringify(json));
  expect(() => loadTokenizer(folder)).toThrow(says);
});

test("rows tell where the tokenizer may be another model's", async () => {
  const folder = path.join(temporaryFolder(), "model");
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const change = (name: string, more: object): void => {
    const file = path.join(folder, name);
    fs.writeFileSync(file, JSON.stringify({ ...(JSON.parse(fs.readFileSync(file, "utf8")) as Json), ...more }));
  };
  const rows = path.join(folder, "rows.jsonl");
  fs.writeFileSync(rows, '{"text":"a text of some letters"}\n{"text":"another"}\n');
  const remarks = async () => (await readDataset({ path: rows }, { tokenizer: loadTokenizer(folder) })).remarks;
  expect(await remarks()).toEqual({});
  // Models have some more rows of embeddings than their tokenizers have entries.
  change("config.json", { vocab_size: 320 });
  expect(await remarks()).toEqual({});
  change("config.json", { vocab_size: 700 });
  change("tokenizer_config.json", { eos_token: "<|im_end|>" });
  expect(await remarks()).toEqual({
    "the tokenizer has 259 entries and the model a vocabulary of 700: it may be another model's": 2,
    '"<|im_end|>" is 10 tokens: the tokenizer may be another model\'s': 2,
  });
});
