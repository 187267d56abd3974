import path from "node:path";
import { expect } from "vitest";
import { type DataSource, type FileSource, loadTokenizer, readDataset } from "../../datasets/index.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { FIXTURES, sharedTest, TINY_STORIES, temporaryFile } from "./shared.ts";

const tokenizer = HAS_SHARED ? loadTokenizer(TINY_STORIES) : (undefined as never);
const QA = { prompt: "Q: {{question}}\nA:", response: " {{answer}}" };

const TOKENS = { format: "tokens" } as const;
sharedTest.each<[string, string, string | Uint8Array, Partial<FileSource>, RegExp]>([
  ["a broken line", "r.jsonl", '{"text":"a"}\n{"text":}\n', {}, /r.jsonl:2:9: Expected JSON: a value, got "}"/],
  [
    "a line that ends early",
    "r.jsonl",
    '{"text":"a"',
    {},
    /r.jsonl:1:12: Expected JSON: "," or "}", got "the end of the line"/,
  ],
  ["an unclosed string", "r.jsonl", '{"text":"a\n', {}, /r.jsonl:1:11: Expected JSON: a string that is closed/],
  ["a second value on a line", "r.jsonl", '{"text":"a"} {}', {}, /r.jsonl:1:14: Expected JSON: the end of the text/],
  [
    "a key without quotes",
    "r.json",
    '[{"text": 1},\n {b: 2}]',
    {},
    /r.json:2:3: Expected JSON: a key in double quotes at \[1\], got "b: 2}"/,
  ],
  ["a trailing comma", "r.json", '[{"text":1},\n{"text":2},\n]', {}, /r.json:3:1: Expected JSON: a value/],
  ["bytes that are not UTF-8", "r.jsonl", Uint8Array.of(0x7b, 0xff, 0x7d), {}, /r.jsonl:1: Expected text in UTF-8/],
  [
    "a JSON file without an array",
    "r.json",
    '{"rows":[]}',
    {},
    /an array of records, or {"data": \[...\]}, got \["rows"\]/,
  ],
  [
    "a CSV row that is too long",
    "r.csv",
    "text,b\n1,2\n1,2,3\n",
    {},
    /r.csv:3: Expected a row of CSV that fits the header/,
  ],
  [
    "a quote that stays open",
    "r.csv",
    'text\n"abc\n',
    {},
    /r.csv:\d: Expected a row of CSV that fits the header, got "Quote Not Closed/,
  ],
  [
    "an empty CSV cell below a cell of two lines",
    "r.csv",
    'text,n\n"a\nb",1\n"c"\n',
    {},
    /r.csv:4: Expected a row of CSV/,
  ],
  [
    "a CSV file without the column",
    "r.csv",
    'a\n"x\ny"\nz\n',
    { field: "b" },
    /r.csv:2: Expected the field "b" at b, got \["a"\]/,
  ],
  ["bytes that are no Parquet", "r.parquet", "PAR1 is not enough", {}, /r.parquet: Expected a Parquet file, got /],
  ["an empty JSONL file", "r.jsonl", "\n", {}, /r.jsonl: Expected at least one record, got "an empty file"/],
  ["an empty JSON array", "r.json", "[]", {}, /r.json: Expected at least one record/],
  ["an empty JSON file", "r.json", "", {}, /r.json: Expected at least one record/],
  ["a CSV file with only its header", "r.csv", "text\n", {}, /r.csv: Expected at least one record/],
  ["an empty Parquet file", "r.parquet", "", {}, /r.parquet: Expected at least one record/],
  [
    "an unknown extension",
    "r.xlsx",
    "x",
    {},
    /a data file that ends in .jsonl, .*.parquet, .* at data.path, got ".*r.xlsx"/,
  ],
  ["a record that is a number", "r.jsonl", "7", {}, /r.jsonl:1: Expected a record that is an object, got 7/],
  [
    "fields that say nothing",
    "r.jsonl",
    '{"a":1}',
    {},
    /r.jsonl:1: Expected a record whose format can be told .*got \["a"\]/,
  ],
  [
    "a missing field",
    "r.jsonl",
    '{"question":"a","answer":"b"}\n{"question":"a"}',
    QA,
    /r.jsonl:2: Expected the field "answer" at answer, got \["question"\]/,
  ],
  [
    "a missing field in an array",
    "r.json",
    '[{"question":"a"}]',
    QA,
    /r.json: Expected the field "answer" at \[0\].answer/,
  ],
  [
    "a field of the wrong type",
    "r.jsonl",
    '{"question":["a"],"answer":"b"}',
    QA,
    /r.jsonl:1: Expected a text at question, got \["a"\]/,
  ],
  ["a null", "r.jsonl", '{"text":null}', { format: "text" }, /r.jsonl:1: Expected a text at text, got null/],
  [
    "a field inherited by every object",
    "r.jsonl",
    '{"text":"a"}',
    { field: "toString" },
    /Expected the field "toString"/,
  ],
  [
    "one template of two",
    "r.jsonl",
    '{"a":"b"}',
    { prompt: "{{a}}" },
    /both templates, prompt and response at data.response/,
  ],
  [
    "templates for text",
    "r.jsonl",
    '{"a":"b"}',
    { ...QA, format: "text" },
    /no templates with this format at data.prompt, got "text"/,
  ],
  [
    "a template that is not closed",
    "r.jsonl",
    '{"a":"b"}',
    { prompt: "{{a", response: "b" },
    /{{field}} with the name of a field at data.prompt/,
  ],
  [
    "instruction without known fields",
    "r.jsonl",
    '{"a":"b"}',
    { format: "instruction" },
    /the fields instruction \+ input \+ output, or/,
  ],
  [
    "an id outside the vocabulary",
    "r.jsonl",
    '{"input_ids":[1,512]}',
    TOKENS,
    /r.jsonl:1: Expected a token id below 512 at input_ids\[1\], got 512/,
  ],
  ["a negative id", "r.jsonl", '{"input_ids":[1,-100]}', TOKENS, /a token id below 512 at input_ids\[1\], got -100/],
  [
    "a label outside the vocabulary",
    "r.jsonl",
    '{"input_ids":[1,2],"labels":[-100,600]}',
    TOKENS,
    /below 512 or -100 at labels\[1\], got 600/,
  ],
  [
    "labels of another length",
    "r.json",
    '[{"input_ids":[1,2],"labels":[1]}]',
    TOKENS,
    /2 labels, one for each of input_ids at \[0\].labels, got 1/,
  ],
  [
    "an id that is not whole",
    "r.jsonl",
    '{"input_ids":[1.5]}',
    TOKENS,
    /a whole number of 32 bits at input_ids\[0\], got 1.5/,
  ],
  ["ids that are a text", "r.jsonl", '{"input_ids":"1"}', TOKENS, /a list of whole numbers at input_ids, got "1"/],
  ["a row without tokens", "r.jsonl", '{"input_ids":[]}', TOKENS, /r.jsonl:1: Expected at least one token/],
  [
    "a response that names no field",
    "r.jsonl",
    '{"q":"a","a":"b"}',
    { prompt: "Q {{q}}", response: "an answer" },
    /a template that names a field as {{field}} at data.response, got "an answer"[\s\S]*the same text. The fields are q, a\./,
  ],
  [
    "a response with a field in single braces",
    "r.jsonl",
    '{"q":"a","a":"b"}',
    { prompt: "Q {{q}}", response: "{ a }" },
    /at data.response, got "{ a }"[\s\S]*Write {{a}}\. The fields are q, a\./,
  ],
  [
    "a prompt with a field in single braces and none in double ones",
    "r.jsonl",
    '{"q":"a","a":"b"}',
    { prompt: "Q {q}", response: "{{a}}" },
    /at data.prompt, got "Q {q}"[\s\S]*Write {{q}}\. The fields are q, a\./,
  ],
  [
    "a message without a role",
    "r.jsonl",
    '{"messages":[{"content":"a"}]}',
    {},
    /a text at messages\[0\].role, got "no such field"/,
  ],
  [
    "messages that are a text",
    "r.jsonl",
    '{"messages":"a"}',
    {},
    /a list of messages {role, content} or {from, value} at messages, got "a"/,
  ],
  ["a split of a JSONL file", "r.jsonl", '{"text":"a"}', { split: "test" }, /no split for a single file of this form/],
  [
    "a split that is not there",
    "r.json",
    '{"train":[]}',
    { split: "test" },
    /an object with an array under "test", got \["train"\]/,
  ],
])("%s is refused with its place", async (_, name, content, source, message) => {
  const file = temporaryFile(name, content);
  const reading = readDataset({ path: file, ...source }, { tokenizer });
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toMatchObject({ name: "InputError" });
});

sharedTest.each<[string, DataSource, object, RegExp]>([
  [
    "a missing file",
    { path: "/nowhere/r.jsonl" },
    { at: "jobs[1].data" },
    /a data file at jobs\[1\].data.path, got "\/nowhere\/r.jsonl"/,
  ],
  ["a folder without data", { path: path.join(FIXTURES, "../rows") }, {}, /data files that start with "train"/],
  ["lengths alone", { lengths: 512 }, { at: "jobs[0].data" }, /a path to data at jobs\[0\].data.*\n.*can be simulated/],
  [
    "text without a tokenizer",
    { path: path.join(FIXTURES, "questions.parquet") },
    {},
    /a model with a tokenizer at data/,
  ],
])("%s is refused", async (_, source, options, message) => {
  await expect(readDataset(source, options)).rejects.toThrow(message);
});
