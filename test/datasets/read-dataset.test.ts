import fs from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { type Dataset, type FileSource, initModel, loadTokenizer, readDataset } from "../../datasets/index.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { FIXTURES, sharedTest, TINY_STORIES, temporaryFile, temporaryFolder } from "./shared.ts";

const tokenizer = HAS_SHARED ? loadTokenizer(TINY_STORIES) : (undefined as never);

/** A tokenizer with a chat template, one token a byte. */
function byteTokenizer() {
  const folder = temporaryFolder();
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  return loadTokenizer(folder);
}

const MARKS = ["<s>", "</s>", "<pad>"];

/** The text of byte tokens, marks included. */
function decodeBytes(ids: readonly number[]): string {
  const bytes = ids.flatMap((id) => (id < 256 ? [id] : [...Buffer.from(MARKS[id - 256]!)]));
  return Buffer.from(bytes).toString();
}

/** Each row as text, and what of it is scored. */
function texts({ rows }: Dataset, decode: (ids: readonly number[]) => string): { all: string; scored: string }[] {
  return rows.map(({ inputIds, labels }) => ({
    all: decode([...inputIds]),
    scored: decode([...labels].filter((id) => id !== -100)),
  }));
}

const QA = { prompt: "Q: {{question}}\nA:", response: " {{answer}}" };
const JSONL = '{"question":"1 + 1?","answer":2}\n\n{"question":"2 + 2?","answer":4}\n';

sharedTest.each<[string, string | Uint8Array]>([
  ["rows.jsonl", JSONL],
  ["rows.ndjson", `\ufeff${JSONL}`],
  ["rows.json", '[{"question":"1 + 1?","answer":2},{"question":"2 + 2?","answer":4}]'],
  ["data.json", '{"data":[{"question":"1 + 1?","answer":2},{"question":"2 + 2?","answer":4}]}'],
  ["rows.csv", 'question,answer\n1 + 1?,2\n"2 + 2?","4"\n'],
  ["rows.tsv", "question\tanswer\n1 + 1?\t2\n2 + 2?\t4\n"],
])("%s gives the same rows as every other form", async (name, content) => {
  const dataset = await readDataset({ path: temporaryFile(name, content), ...QA }, { tokenizer: byteTokenizer() });
  expect(texts(dataset, decodeBytes)).toEqual([
    { all: "<s>Q: 1 + 1?\nA: 2</s>", scored: " 2</s>" },
    { all: "<s>Q: 2 + 2?\nA: 4</s>", scored: " 4</s>" },
  ]);
  expect(dataset).toMatchObject({ format: "instruction", shuffle: true, numCut: 0, numDropped: 0, numScored: 6 });
  expect(dataset.numTokens).toBe(dataset.rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0));
});

sharedTest("Parquet columns are read, Snappy pages, 64-bit integers and lists included", async () => {
  const questions = {
    path: path.join(FIXTURES, "questions.parquet"),
    prompt: "{{question}} ({{points}})",
    response: "{{answer}}",
  };
  const dataset = await readDataset(questions, { tokenizer: byteTokenizer() });
  expect(texts(dataset, decodeBytes).map(({ all }) => all)).toEqual([
    "<s>What is 1 + 1? (1)2</s>",
    "<s>What is 2 + 3? (2)5</s>",
    "<s>Grüße: 4 + 4? (3)8</s>",
  ]);
  const tokens = await readDataset({ path: "tokens.parquet" }, { baseFolder: FIXTURES });
  expect(tokens.rows.map(({ inputIds }) => [...inputIds])).toEqual([
    [1, 5, 2],
    [1, 6, 7, 2],
  ]);
});

sharedTest("the format is inferred from the first record, and the result says why", async () => {
  const inferred = async (record: object, source: Partial<FileSource> = {}) => {
    const file = temporaryFile("rows.jsonl", JSON.stringify(record));
    const { format, inferred: because } = await readDataset({ path: file, ...source }, { tokenizer: byteTokenizer() });
    return `${format}: ${because}`;
  };
  expect(await inferred({ input_ids: [1, 2] })).toBe('tokens: the first record has "input_ids"');
  const messages = [
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ];
  expect(await inferred({ messages })).toBe('chat: the first record has "messages"');
  expect(await inferred({ talk: messages }, { field: "talk" })).toBe('chat: the first record\'s "talk" is a list');
  expect(await inferred({ text: "a" })).toBe('text: the first record has "text"');
  expect(await inferred({ body: "a" }, { field: "body" })).toBe('text: the first record\'s "body" is a text');
  expect(await inferred({ instruction: "a", output: "b" })).toMatch(/^instruction: .* instruction, output$/);
  expect(await inferred({ a: "a", b: "b" }, { prompt: "{{a}}", response: "{{ b }}" })).toMatch(
    /^instruction: prompt and/,
  );
  expect(await inferred({ text: "a" }, { format: "text" })).toBe("text: undefined");
});

sharedTest("without templates, instruction rows get headings, and an empty input leaves its heading out", async () => {
  const rows = [
    { instruction: "Add.", input: "1, 2", output: "3" },
    { instruction: "Say hi.", input: "", output: "hi" },
  ];
  const dataset = await readDataset(
    { path: temporaryFile("r.json", JSON.stringify(rows)) },
    { tokenizer: byteTokenizer() },
  );
  expect(texts(dataset, decodeBytes)).toEqual([
    { all: "<s>### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n3</s>", scored: "3</s>" },
    { all: "<s>### Instruction:\nSay hi.\n\n### Response:\nhi</s>", scored: "hi</s>" },
  ]);
});

sharedTest("in a conversation only the assistant's turns are scored, with their end marks", async () => {
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "1 + 1?" },
    { role: "assistant", content: "2" },
    { role: "user", content: "And 2 + 2?" },
    { role: "assistant", content: "4" },
  ];
  const bytes = byteTokenizer();
  const file = temporaryFile("chat.jsonl", JSON.stringify({ messages }));
  const dataset = await readDataset({ path: file }, { tokenizer: bytes });
  expect(texts(dataset, decodeBytes)).toEqual([
    {
      all: "<s>system: Be brief.\nuser: 1 + 1?\nassistant: 2</s>user: And 2 + 2?\nassistant: 4</s>",
      scored: "2</s>4</s>",
    },
  ]);
  const silent = temporaryFile("chat.jsonl", JSON.stringify({ messages: messages.slice(0, 2) }));
  await expect(readDataset({ path: silent }, { tokenizer: bytes })).rejects.toThrow(/at least one scored token/);
  await expect(readDataset({ path: file }, { tokenizer })).rejects.toThrow(
    /Expected a chat template for chat data, got "none"/,
  );
});

/** A byte tokenizer whose config has another chat template. */
function withChatTemplate(template: string) {
  const folder = temporaryFolder();
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  fs.writeFileSync(path.join(folder, "chat_template.jinja"), template);
  return loadTokenizer(folder);
}

const TALK = [
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Ho" },
  { role: "user", content: "Ha" },
  { role: "assistant", content: "He" },
];

sharedTest.each<[string, string, string]>([
  [
    "turns between marks, with a line end after each",
    "{% for m in messages %}{{ '[' + m.role + ']' + m.content + '[end]\n' }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
    "Ho[end]He[end]",
  ],
  [
    "turns in pairs, where nothing is asked of the prompt",
    "{% for m in messages %}{% if m.role == 'user' %}<s>[{{ m.content }}]{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
    " Ho</s> He</s>",
  ],
])("a chat template may write %s", async (_, template, scored) => {
  const file = temporaryFile("chat.jsonl", JSON.stringify({ messages: TALK }));
  const dataset = await readDataset({ path: file }, { tokenizer: withChatTemplate(template) });
  expect(texts(dataset, decodeBytes)[0]?.scored).toBe(scored);
});

sharedTest("a chat template that rewrites earlier turns, or that refuses a role, is refused", async () => {
  const file = temporaryFile("chat.jsonl", `\n${JSON.stringify({ messages: TALK })}`);
  const last = withChatTemplate("{{ messages[-1].content }}");
  await expect(readDataset({ path: file }, { tokenizer: last })).rejects.toThrow(
    /chat.jsonl:2: Expected a chat template in which each turn can be found at messages\[1\]/,
  );
  const strict = withChatTemplate("{{ raise_exception('no users here') }}");
  await expect(readDataset({ path: file }, { tokenizer: strict })).rejects.toThrow(
    /that the chat template takes.*no users here/,
  );
});

sharedTest("everything in a text is scored, the end token too", async () => {
  const { rows } = await readDataset(
    { path: temporaryFile("t.jsonl", '{"text":"abc"}') },
    { tokenizer: byteTokenizer() },
  );
  expect([...rows[0]!.inputIds]).toEqual([256, 97, 98, 99, 257]);
  expect(rows[0]!.labels).toEqual(rows[0]!.inputIds);
});

sharedTest("rows are cut from the right; one that loses its whole response is dropped and counted", async () => {
  const rows = ["ab", "abcdefgh", "abcd"].map((q) => ({ q, a: "xyz" }));
  const file = temporaryFile("r.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
  const source = { path: file, prompt: "{{q}}", response: "{{a}}" };
  const options = { tokenizer: byteTokenizer(), cutoffLength: 6 };
  const dataset = await readDataset(source, options);
  expect(dataset.rows.map(({ inputIds }) => [...inputIds])).toEqual([
    [256, 97, 98, 120, 121, 122],
    [256, 97, 98, 99, 100, 120],
  ]);
  expect(dataset).toMatchObject({ numCut: 2, numDropped: 1, numTokens: 12, numScored: 4 });
  await expect(readDataset(source, { ...options, cutoffLength: 3 })).rejects.toThrow(
    /at least one scored token at data, got "none"[\s\S]*cutoffLength 3 takes every scored token of 3 rows/,
  );
});

sharedTest("token rows that were never scored keep their places", async () => {
  const rows = [
    { input_ids: [1, 2], labels: [-100, -100] },
    { input_ids: [3, 4], labels: [-100, 4] },
  ];
  const { rows: read } = await readDataset({ path: temporaryFile("r.json", JSON.stringify(rows)), format: "tokens" });
  expect(read).toHaveLength(2);
});

sharedTest("a limit takes the first records, a split the files of a folder or the array of an object", async () => {
  const folder = temporaryFolder();
  fs.writeFileSync(path.join(folder, "train-00000-of-00002.jsonl"), '{"text":"a"}\n{"text":"b"}');
  fs.writeFileSync(path.join(folder, "train-00001-of-00002.jsonl"), '{"text":"c"}\n{"text":"d"}');
  fs.writeFileSync(path.join(folder, "test.jsonl"), '{"text":"e"}');
  fs.writeFileSync(path.join(folder, "training-notes.txt"), "no data");
  const read = async (source: FileSource) => {
    const bytes = byteTokenizer();
    return (await readDataset(source, { tokenizer: bytes })).rows
      .map(({ inputIds }) => String.fromCharCode(inputIds[1]!))
      .join("");
  };
  expect(await read({ path: folder })).toBe("abcd");
  expect(await read({ path: folder, limit: 3 })).toBe("abc");
  expect(await read({ path: folder, split: "test" })).toBe("e");
  const object = temporaryFile("o.json", '{"train":[{"text":"f"}],"test":[{"text":"g"}]}');
  expect(await read({ path: object, split: "test" })).toBe("g");
});
