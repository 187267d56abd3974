import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { datasetDigest, initModel, loadTokenizer, readWholeRows } from "../../datasets/index.ts";
import { packRows, unpackRows } from "../../workbench/load/packed-rows.ts";
import { isWorthWorkers, readRowsInWorkers } from "../../workbench/load/rows-in-workers.ts";
import { packageFile } from "../../workbench/package-file.ts";

/** What `npm run build` made of workbench/worker.ts. */
const file = pathToFileURL(packageFile("dist", "workbench", "worker.js"));
const workers = { workers: 3, file };

const root = mkdtempSync(path.join(tmpdir(), "loratwin-threads-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const tokenizerFolder = path.join(root, "model");
initModel({ folder: tokenizerFolder, hiddenSize: 16, layers: 1, heads: 2, seed: 1 });

function write(name: string, records: readonly object[]): string {
  const where = path.join(root, name);
  writeFileSync(where, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  return where;
}

const options = { tokenizerFolder: () => tokenizerFolder, vocabularySize: 259 };
const numbers = Array.from({ length: 1111 }, (_, row) => row);

describe("rows that threads tokenize", () => {
  const chat = (row: number) => [
    { role: "user", content: `${row}?` },
    { role: "assistant", content: "x".repeat(row % 50) },
  ];
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
      const { rows, ...about } = (await readRowsInWorkers(data, options, workers))!;
      expect({ ...about, rows: [] }).toEqual({ ...own, rows: [] });
      expect(rows).toHaveLength(1111);
      expect(datasetDigest(rows)).toBe(datasetDigest(own.rows));
    },
  );

  it("are refused for the first record that is wrong, whoever came upon it", { tags: ["slow"] }, async () => {
    const records = numbers.map((row) => (row === 700 ? { question: "?" } : { question: "?", answer: `${row}` }));
    const data = { path: write("wrong.jsonl", records) };
    await expect(readRowsInWorkers(data, options, workers)).rejects.toThrow(/wrong\.jsonl:701: .*answer/);
    const good = { path: write("good.jsonl", records.slice(0, 600)) };
    const few = readRowsInWorkers(good, { ...options, vocabularySize: 60 }, workers);
    await expect(few).rejects.toThrow(/good\.jsonl:1: Expected a token id below 60/);
    expect(await readRowsInWorkers(good, options, workers)).toBeDefined();
  });

  it("are not theirs where nothing is to be tokenized, or too little to wait for them", async () => {
    const tokens = { path: write("tokens.jsonl", [{ input_ids: [1, 2, 3] }]) };
    expect(await readRowsInWorkers(tokens, options, workers)).toBeUndefined();
    const isWorth = (source: object, bytes: number, built: URL | null = file): boolean =>
      isWorthWorkers({ path: "rows.jsonl", ...source }, bytes, built);
    expect(isWorth({}, 5e6)).toBe(availableParallelism() > 1);
    expect([isWorth({}, 1e6), isWorth({ limit: 100 }, 5e6), isWorth({ format: "tokens" }, 5e6)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(isWorth({}, 5e6, null)).toBe(false);
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
