import { createRng } from "../../core/index.ts";
import { edited, WORKLOAD } from "../cli/bad-input/bad-input.ts";
import type { Attack } from "./run-attacks.ts";

/** A workload over one data file. */
function data(name: string, file: string, content: string | Uint8Array, more = "", mayPass = false): Attack {
  const own = edited(WORKLOAD, "{ path: ../rows.jsonl }\n    seed", `{ path: ${file}${more} }\n    seed`);
  return {
    name,
    files: { "w.yaml": own, [file]: content },
    argv: ["plan", "w.yaml", "--devices", "cpu:0", "--no-intervals", "--no-cache"],
    ...(mayPass ? { mayPass: true } : {}),
  };
}

const row = '{"question":"1","answer":"2"}\n';
const ids = (inputs: string): string => `{"input_ids":${inputs}}\n`;

/** Rows of a job whose loss compares answers. */
function compared(name: string, content: string, kind = "dpo"): Attack {
  return data(name, "d.jsonl", content, ` }\n    loss: { kind: ${kind}`);
}

const pair = '{"prompt":"1","chosen":"2","rejected":"3"}\n';
const LABELS = "kto, type: apo_zero_unpaired";

/** Data that are not what their ending says, have a name twice, or are made to fill memory. */
export const HOSTILE_DATA: readonly Attack[] = [
  data("no records", "d.jsonl", ""),
  compared("no pairs", ""),
  compared("a pair without the rejected answer", `${pair}{"prompt":"1","chosen":"2"}\n`),
  compared("a pair whose rejected answer is empty", `${pair}{"prompt":"1","chosen":"2","rejected":""}\n`),
  compared("a pair whose chosen answer is a number", `${pair}{"prompt":"1","chosen":2,"rejected":"3"}\n`),
  compared("a pair whose chosen answer is an object", `${pair}{"prompt":"1","chosen":{"a":1},"rejected":"3"}\n`),
  compared("a pair of lists that are no messages", `{"chosen":[1],"rejected":[2]}\n`),
  compared("a label among pairs", `${pair}{"prompt":"1","completion":"2","label":true}\n`),
  compared("a row of no answers among pairs", `${pair}{"question":"1","answer":"2"}\n`),
  compared("a pair among labels", `{"prompt":"1","completion":"2","label":true}\n${pair}`, LABELS),
  compared("a label that is a list", `{"prompt":"1","completion":"2","label":[true]}\n`, LABELS),
  compared("token ids of a pair without a prompt", `{"chosen_ids":[1],"rejected_ids":[2]}\n`),
  compared("token ids of a pair that are texts", `{"prompt_ids":[1],"chosen_ids":["1"],"rejected_ids":[2]}\n`),
  compared("token ids of a pair beyond the vocabulary", `{"prompt_ids":[1],"chosen_ids":[1e9],"rejected_ids":[2]}\n`),
  compared("a rejected answer without token ids", `{"prompt_ids":[1],"chosen_ids":[1],"rejected_ids":[]}\n`),
  data("blank lines alone", "d.jsonl", "\n\n\n"),
  data("a line that is a list", "d.jsonl", "[1]\n"),
  data("a line that is null", "d.jsonl", "null\n"),
  data("a line that is not closed", "d.jsonl", `${row}{"question":`),
  data("bytes that are no UTF-8", "d.jsonl", Uint8Array.from([0x7b, 0xff, 0x7d])),
  data("a field twice", "d.jsonl", '{"question":"1","question":"2","answer":"3"}\n'),
  data("a field twice in a list of records", "d.json", '[{"question":"1","question":"2","answer":"3"}]'),
  data("a field twice behind good records", "d.jsonl", `${row.repeat(20)}{"question":"1","answer":"3","answer":"4"}\n`),
  data("a column twice", "d.csv", "question,answer,answer\n1,2,3\n"),
  data("a column twice with tabs", "d.tsv", "question\tanswer\tanswer\n1\t2\t3\n"),
  data("more fields than columns", "d.csv", "question,answer\n1,2,3\n"),
  data("a quote that is not closed", "d.csv", 'question,answer\n"1,2\n'),
  data("a header alone", "d.csv", "question,answer\n"),
  data("a field that objects inherit", "d.jsonl", '{"text":"a"}\n', ", format: text, field: constructor"),
  data("a template of what objects inherit", "d.jsonl", row, ", prompt: '{{constructor}}', response: '{{toString}}'"),
  data("a template of __proto__", "d.jsonl", row, ", prompt: '{{__proto__}}', response: '{{answer}}'"),
  data(
    "a prompt of open braces and spaces",
    "d.jsonl",
    row,
    `, prompt: '{{${" ".repeat(60_000)}', response: '{{answer}}'`,
  ),
  data("a response of no field", "d.jsonl", row, ", prompt: '{{question}}', response: '{answer}'"),
  data("a prompt of a field in single braces", "d.jsonl", row, ", prompt: 'Q {question}', response: '{{answer}}'"),
  data("a row that is not to be trained", "d.jsonl", `${row}{"question":"1","answer":"2","train":false}\n`),
  data("a row that is a bad example", "d.jsonl", `${row}{"question":"1","answer":"2","label":false}\n`),
  data("a row without weight", "d.jsonl", `${row}{"question":"1","answer":"2","weight":0}\n`),
  data("a split that objects inherit", "d.json", '{"data":[]}', ", split: constructor"),
  data("a split of __proto__", "d.json", '{"data":[]}', ", split: __proto__"),
  data("tokens below 0", "d.jsonl", ids("[-1, 2, 3]"), ", format: tokens"),
  data("tokens beyond the vocabulary", "d.jsonl", ids("[1, 2, 259]"), ", format: tokens"),
  data("tokens beyond 32 bits", "d.jsonl", ids("[1, 2, 4294967297]"), ", format: tokens"),
  data("tokens that are fractions", "d.jsonl", ids("[1, 2.5]"), ", format: tokens"),
  data("tokens that are texts", "d.jsonl", ids('["1"]'), ", format: tokens"),
  data("tokens without any", "d.jsonl", ids("[]"), ", format: tokens"),
  data("one token, of which none is scored", "d.jsonl", ids("[1]"), ", format: tokens"),
  data("tokens that are a mapping with a length", "d.jsonl", ids('{"length":1000000000}'), ", format: tokens"),
  data("labels of another length", "d.jsonl", '{"input_ids":[1,2,3],"labels":[1]}\n', ", format: tokens"),
  data("labels that score nothing", "d.jsonl", '{"input_ids":[1,2],"labels":[-100,-100]}\n', ", format: tokens"),
  data("messages that are none", "d.jsonl", '{"messages":[]}\n'),
  data("messages of no role", "d.jsonl", '{"messages":[{"content":"a"}]}\n'),
  data("deep records", "d.jsonl", `{"question":${"[".repeat(100_000)}${"]".repeat(100_000)},"answer":"2"}\n`),
  data("Parquet that is none", "d.parquet", "PAR1 no PAR1"),
  data("an empty Parquet file", "d.parquet", ""),
  data("Parquet with a footer that is endless", "d.parquet", Buffer.from("PAR1ffffff7fPAR1", "latin1")),
  data("an ending that nobody reads", "d.exe", "MZ"),
  data("no ending", "d", row),
  data("a text of ten megabytes", "d.jsonl", `${JSON.stringify({ text: "word ".repeat(2e6) })}\n`, "", true),
  data(
    // At the cutoff of 32 tokens these are 31 250 rows.
    "a text of a megabyte without a space",
    "d.jsonl",
    `${JSON.stringify({ text: "w".repeat(1e6) })}\n`,
    "",
    true,
  ),
  data(
    "an answer behind a question of ten megabytes",
    "d.jsonl",
    `${JSON.stringify({ question: "w".repeat(1e7), answer: "a" })}\n`,
  ),
  data("a hundred thousand columns", "d.csv", `${Array.from({ length: 1e5 }, (_, i) => `c${i}`).join()}\n`),
];

/** Data that are a pipe which nobody writes, or a device that never ends. */
export const ENDLESS_DATA: readonly Attack[] = [
  ...["d.jsonl", "d.json", "d.csv", "d.tsv", "d.parquet"].map((file) => {
    const { files, ...attack } = data(`a pipe as ${file}`, file, "");
    return { ...attack, files: { "w.yaml": files["w.yaml"]! }, pipes: [file] };
  }),
];

/** Lines of data with bytes of others. */
export function damagedData(seed: number, count: number): readonly Attack[] {
  const rng = createRng(`data ${seed}`);
  const text = row.repeat(4);
  return Array.from({ length: count }, (_, index): Attack => {
    const bytes = Buffer.from(text);
    for (let change = 0; change <= rng.nextInt(3); change += 1) bytes[rng.nextInt(bytes.length)] = rng.nextInt(256);
    return data(
      `damaged lines ${index}`,
      index % 3 === 0 ? "d.csv" : index % 3 === 1 ? "d.json" : "d.jsonl",
      bytes,
      "",
      true,
    );
  });
}
