import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { datasetDigest, initModel, loadTokenizer, readDataset } from "../../datasets/index.ts";
import { RowReader } from "../../workbench/load/read-rows.ts";

const root = mkdtempSync(path.join(tmpdir(), "loratwin-rows-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const model = path.join(root, "model");
initModel({ folder: model, hiddenSize: 16, layers: 1, heads: 2, kvHeads: 2, seed: 1 });

const DATA = { path: "rows.jsonl", format: "instruction", prompt: "{{question}}", response: "{{answer}}" } as const;

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(path.join(root, "cache-"));
  process.env["XDG_CACHE_HOME"] = cache;
  const rows = Array.from({ length: 30 }, (_, row) => ({
    question: `how many ${"x".repeat(row)}?`,
    answer: `${row} ü`,
  }));
  writeFileSync(path.join(root, "rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
});

function reader(
  more: { readonly cache?: boolean; readonly vocabularySize?: number; readonly count?: () => void } = {},
) {
  return new RowReader({
    folder: root,
    vocabularySize: more.vocabularySize ?? 259,
    mostTokens: 2048,
    cache: more.cache ?? true,
    tokenizerFolder: () => {
      more.count?.();
      return model;
    },
  });
}

function keptFiles(): readonly string[] {
  try {
    return readdirSync(path.join(cache, "loratwin", "rows")).map((name) => path.join(cache, "loratwin", "rows", name));
  } catch {
    return [];
  }
}

async function fresh(cutoffLength: number): Promise<string> {
  const tokenizer = loadTokenizer(model);
  return datasetDigest(
    (await readDataset(DATA, { tokenizer, baseFolder: root, cutoffLength, vocabularySize: 259 })).rows,
  );
}

describe("the rows of jobs", () => {
  it("are read once for all that have the same data, and cut once for all that have the same cutoff", async () => {
    const rows = reader({ cache: false });
    const [first, same, shorter] = [
      await rows.read(DATA, 64, 0),
      await rows.read({ ...DATA }, 64, 1),
      await rows.read(DATA, 20, 2),
    ];
    expect(same).toBe(first);
    expect(shorter.numCut).toBeGreaterThan(0);
    expect(datasetDigest(first.rows)).toBe(await fresh(64));
    expect(datasetDigest(shorter.rows)).toBe(await fresh(20));
    expect((await rows.read({ ...DATA, shuffle: false }, 64, 3)).shuffle).toBe(false);
    expect(first.shuffle).toBe(true);
    expect(keptFiles()).toEqual([]);
  });

  it("come from the user's cache when they were read before, the same to the byte, and then no tokenizer is loaded", async () => {
    const cold = await reader().read(DATA, 40, 0);
    expect(keptFiles()).toHaveLength(1);
    const before = statSync(keptFiles()[0]!).ino;
    const warm = await reader().read(DATA, 40, 0);
    expect(datasetDigest(warm.rows)).toBe(datasetDigest(cold.rows));
    expect({ ...warm, rows: [] }).toEqual({ ...cold, rows: [] });
    expect(statSync(keptFiles()[0]!).ino).toBe(before);
  });

  it("are read anew when the data, the tokenizer, the vocabulary or what is done with a record is another", async () => {
    await reader().read(DATA, 64, 0);
    appendFileSync(path.join(root, "rows.jsonl"), `${JSON.stringify({ question: "and", answer: "more" })}\n`);
    expect((await reader().read(DATA, 64, 0)).rows).toHaveLength(31);
    await reader({ vocabularySize: 300 }).read(DATA, 64, 0);
    await reader().read({ ...DATA, prompt: "Q: {{question}}" }, 64, 0);
    await reader().read({ ...DATA, limit: 3 }, 64, 0);
    expect(keptFiles()).toHaveLength(5);
  });

  it("are read anew where the kept file is not whole", async () => {
    const whole = datasetDigest((await reader().read(DATA, 64, 0)).rows);
    const [file] = keptFiles();
    const bytes = readFileSync(file!);
    for (const spoil of [
      () => truncateSync(file!, bytes.length - 4),
      () => writeFileSync(file!, "no rows"),
      () => writeFileSync(file!, Buffer.concat([bytes.subarray(0, bytes.length - 1), Buffer.from([7, 7])])),
    ]) {
      spoil();
      expect(datasetDigest((await reader().read(DATA, 64, 0)).rows)).toBe(whole);
    }
    expect(readFileSync(file!).equals(bytes)).toBe(true);
  });

  it("that are wrong are refused each time, with the place, and not kept", async () => {
    const small = { vocabularySize: 100 };
    await expect(reader(small).read(DATA, 64, 4)).rejects.toThrow(/rows\.jsonl:1: Expected a token id below 100/);
    await expect(reader(small).read(DATA, 64, 4)).rejects.toThrow(/token id below 100/);
    expect(keptFiles()).toEqual([]);
  });
});

it("goes on from records that were looked at one by one, and does not read them again", async () => {
  const known = reader({ cache: false });
  const { rows, places } = await known.each(DATA, 0);
  expect(places.map(({ line }) => line)).toEqual(rows.map((_, row) => row + 1));
  rmSync(path.join(root, "rows.jsonl"));
  expect(datasetDigest((await known.read(DATA, 2048, 0)).rows)).toBe(datasetDigest(rows));
});
