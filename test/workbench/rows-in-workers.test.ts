import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { collectRows, datasetDigest, type FileSource, initModel, loadTokenizer } from "../../datasets/index.ts";
import { readWholeRows } from "../../datasets/read-dataset.ts";
import { packageFile } from "../../files/index.ts";
import { packRows, unpackRows } from "../../workbench/load/packed-rows.ts";
import { isWorthWorkers, seeRows } from "../../workbench/load/rows-in-workers.ts";

/** What `npm run build` made of workbench/worker.ts. */
const file = pathToFileURL(packageFile("dist", "workbench", "worker.js"));
const workers = { workers: 3, file };

function readRows(data: FileSource, more: object = {}) {
  return collectRows(seeRows(data, data.path, { ...options, ...more }, workers), data, data.path);
}

const root = mkdtempSync(path.join(tmpdir(), "loratwin-threads-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const tokenizerFolder = path.join(root, "model");
initModel({ folder: tokenizerFolder, hiddenSize: 16, layers: 1, heads: 2, seed: 1 });

function write(name: string, records: readonly object[]): string {
  const where = path.join(root, name);
  writeFileSync(where, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  return where;
}

const options = { at: "data", tokenizerFolder: () => tokenizerFolder, vocabularySize: 259 };
const numbers = Array.from({ length: 1111 }, (_, row) => row);

const chat = (row: number) => [
  { role: "user", content: `${row}?` },
  { role: "assistant", content: "x".repeat(row % 50) },
];

describe("rows that threads tokenize", () => {
  it.each([
    [
      "instructions",
      numbers.map((row) => ({ question: `how many ${row}?`, answer: `${"ü".repeat(row % 40)} ${row}` })),
    ],
    ["messages", numbers.map((row) => ({ messages: chat(row) }))],
    ["texts", numbers.map((row) => ({ text: `text ${row}` }))],
  ])(
    "are those of one thread, in the order of the file, with the same format and reason: %s",
    { tags: ["slow"] },
    async (name, records) => {
      const data = { path: write(`${name}.jsonl`, records) };
      const own = await readWholeRows(data, { tokenizer: loadTokenizer(tokenizerFolder), vocabularySize: 259 });
      const { rows, ...about } = await readRows(data);
      expect({ ...about, rows: [] }).toEqual({ ...own, rows: [] });
      expect(rows).toHaveLength(1111);
      expect(datasetDigest(rows)).toBe(datasetDigest(own.rows));
    },
  );

  it("are skipped as by one thread", { tags: ["slow"] }, async () => {
    const records = numbers.map((row) => (row % 300 === 1 ? { question: "?" } : { question: "?", answer: `${row}` }));
    const data = { path: write("skipped.jsonl", records), onBadRow: "skip" as const };
    const own = await readWholeRows(data, { tokenizer: loadTokenizer(tokenizerFolder), vocabularySize: 259 });
    const { rows, skipped } = await readRows(data);
    expect([skipped, datasetDigest(rows)]).toEqual([own.skipped, datasetDigest(own.rows)]);
    expect(skipped?.count).toBe(4);
  });

  it("are refused for the first record that is wrong, whoever came upon it", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
    const records = numbers.map((row) => (row === 700 ? { question: "?" } : { question: "?", answer: `${row}` }));
    const data = { path: write("wrong.jsonl", records) };
    await expect(readRows(data)).rejects.toThrow(/wrong\.jsonl:701: .*answer/);
    const good = { path: write("good.jsonl", records.slice(0, 600)) };
    const few = readRows(good, { vocabularySize: 60 });
    await expect(few).rejects.toThrow(/good\.jsonl:1: Expected a token id below 60/);
    expect((await readRows(good)).rows).toHaveLength(600);
  });

  it("are not theirs where nothing is to be tokenized, or too little to wait for them", async () => {
    const tokens = { path: write("tokens.jsonl", [{ input_ids: [1, 2, 3] }]) };
    const noFolder = { tokenizerFolder: () => expect.fail("no tokenizer is needed") };
    expect((await readRows(tokens, noFolder)).rows).toHaveLength(1);
    const isWorth = (source: object, bytes: number): boolean =>
      isWorthWorkers({ path: "rows.jsonl", ...source }, bytes);
    expect(isWorth({}, 5e6)).toBe(availableParallelism() > 1);
    expect([isWorth({}, 1e6), isWorth({ limit: 100 }, 5e6)]).toEqual([false, false]);
  });

  it("are told of as they come, before the file is read to its end", { tags: ["slow"] }, async () => {
    const data = { path: write("many.jsonl", Array(20_000).fill({ text: "x".repeat(100) })) };
    const told: (readonly [number, number])[] = [];
    let count = 0;
    for await (const _ of seeRows(data, data.path, { ...options, onRead: (...read) => told.push(read) }, workers)) {
      count += 1;
      if (told.length === 3) break;
    }
    expect(count).toBeLessThan(2000);
    const [first, , third] = told;
    expect(first![0]).toBeLessThanOrEqual(third![0]);
    expect(third![0]).toBeLessThan(third![1] / 2);
    expect(third![1]).toBe(statSync(data.path).size);
  });

  it("come before what is wrong with the file behind them", { tags: ["slow"] }, async () => {
    const data = { path: path.join(root, "broken.csv") };
    writeFileSync(data.path, `text\n${numbers.join("\n")}\n"open\n`);
    let count = 0;
    const reading = async (): Promise<void> => {
      for await (const _ of seeRows(data, data.path, options, workers)) count += 1;
    };
    await expect(reading()).rejects.toThrow(/broken\.csv:\d+: .*Quote Not Closed/);
    expect(count).toBe(1111);
  });

  it("end where a template does not, with the record that it was given", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
    const endless = path.join(root, "endless");
    cpSync(tokenizerFolder, endless, { recursive: true });
    const loops = ["a", "b", "c", "d"].map((name) => `{% for ${name} in range(9999) %}`).join("");
    const ends = "{% endfor %}".repeat(4);
    const template = `{% for m in messages %}{{ m.content }}{% if m.content == '7?' %}${loops}${ends}{% endif %}{% endfor %}`;
    writeFileSync(path.join(endless, "chat_template.jinja"), template);
    const data = {
      path: write(
        "endless.jsonl",
        numbers.slice(0, 20).map((row) => ({ messages: chat(row) })),
      ),
    };
    await expect(readRows(data, { tokenizerFolder: () => endless })).rejects.toThrow(
      /endless\.jsonl:8: Expected a tokenizer, and a chat template, that need less (time|memory) for this record, got ".*endless"/,
    );
  });
});

describe("packed rows", () => {
  it("are the rows again, and nothing where words are missing", () => {
    const rows = [
      { inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(-100, 2, 3) },
      { inputIds: Int32Array.of(4), labels: Int32Array.of(4) },
    ];
    const words = packRows(rows);
    expect(unpackRows(words, 2)).toEqual(rows);
    expect(unpackRows(words.subarray(0, words.length - 2), 2)).toBeUndefined();
    expect(unpackRows(packRows([]), 0)).toEqual([]);
  });
});
