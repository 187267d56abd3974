import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { InputError } from "../../core/index.ts";
import type { FileSource } from "../../datasets/index.ts";
import { HeldBytes, listElements } from "../../datasets/records/list-elements.ts";
import { unpackLz4Block, unpackLz4Frame } from "../../datasets/records/lz4.ts";
import { bytesOfRecords, readRecords } from "../../datasets/records/read-records.ts";
import { splitFiles } from "../../datasets/records/split-files.ts";
import { FIXTURES, temporaryFile, temporaryFolder } from "./shared.ts";

const FORMS = path.join(FIXTURES, "forms");

async function valuesOf(file: string, source: Partial<FileSource> = {}): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for await (const { value, fault } of readRecords(file, { path: file, ...source }, "data")) {
    if (fault !== undefined) throw new InputError(fault);
    values.push(value);
  }
  return values;
}

/** What fixtures/forms/write.py has written. */
const RECORDS = Array.from({ length: 12 }, (_, i) => ({
  messages: [
    { role: "user", content: `${i} + ${i}? ü😀` },
    { role: "assistant", content: i === 7 ? "la ".repeat(60_000) : `${2 * i}` },
  ],
  ...(i % 3 === 0 ? {} : { id: i }),
  big: `${2n ** 60n + BigInt(i)}`,
  tag: i % 2 === 0 ? "a" : "b",
}));
const SHORT = RECORDS.slice(0, 7);
/** As JSON has them: with nulls, and with 64-bit numbers as near as numbers come. */
const LINES = SHORT.map((record) => ({ ...record, id: record.id ?? null, big: Number(record.big) }));

describe("files of other programs", () => {
  it.each([
    ["Parquet packed with Zstandard, in groups of rows", "zstd.parquet", RECORDS],
    ["Parquet packed with LZ4", "lz4.parquet", RECORDS],
    ["Feather packed with Zstandard, a column a dictionary", "zstd.feather", RECORDS],
    ["Feather packed with LZ4, in blocks that refer to each other", "lz4.feather", RECORDS],
    ["an Arrow stream with 64-bit offsets", "short.arrow", SHORT],
    ["what datasets saves, by its splits", "saved", SHORT],
    ["JSON lines in two frames of Zstandard", "two-frames.jsonl.zst", LINES],
  ])("%s is read record by record", async (_, name, records) => {
    const read = await valuesOf(path.join(FORMS, name));
    expect(read.map((each) => ({ ...(each as object) }))).toEqual(records);
  });

  it("has the other splits of a saved folder too", async () => {
    expect(await valuesOf(path.join(FORMS, "saved"), { split: "test" })).toEqual(SHORT.slice(0, 1));
  });

  it.each(["zstd.parquet", "lz4.feather", "two-frames.jsonl.zst"])("takes the first records of %s", async (name) => {
    expect(await valuesOf(path.join(FORMS, name), { limit: 6 })).toHaveLength(6);
  });

  it("refuses Feather of version 1 by its name", async () => {
    await expect(valuesOf(path.join(FORMS, "version-1.feather"))).rejects.toThrow(/got "Feather of version 1"/);
  });

  it("refuses files that end early", async () => {
    for (const name of ["lz4.feather", "short.arrow", "two-frames.jsonl.zst", "zstd.parquet"]) {
      const bytes = fs.readFileSync(path.join(FORMS, name));
      for (const share of [0.3, 0.6, 0.95]) {
        const file = temporaryFile(name, bytes.subarray(0, Math.floor(bytes.length * share)));
        await expect(valuesOf(file), `${name} ${share}`).rejects.toMatchObject({ name: "InputError" });
      }
    }
  });
});

it("refuses a list in Arrow that says it has values which are not there", async () => {
  const rows = tableFromArrays({ tokens: [[1, 2], [3]] });
  const bytes = Buffer.from(tableToIPC(rows, { format: "stream" })!);
  expect(await valuesOf(temporaryFile("r.arrow", bytes))).toEqual([{ tokens: [1, 2] }, { tokens: [3] }]);
  const offsets = bytes.indexOf(Buffer.from(Int32Array.of(0, 2, 3).buffer));
  for (const last of [0x7fffffff, -1, 4]) {
    bytes.writeInt32LE(last, offsets + 8);
    await expect(valuesOf(temporaryFile("r.arrow", bytes))).rejects.toThrow(
      /an Arrow file, got "a list of values 2 to /,
    );
  }
});

it.each([
  ["zstd.feather", 216, 5],
  ["lz4.feather", 623, 1],
])("refuses %s with a vector of millions of elements that are not there", async (name, at, byte) => {
  const bytes = fs.readFileSync(path.join(FORMS, name));
  bytes[at] = byte;
  await expect(valuesOf(temporaryFile(name, bytes))).rejects.toThrow(/got "a vector of \d{8} in /);
});

it("refuses a Parquet file with a page header without sizes", async () => {
  const bytes = fs.readFileSync(path.join(FIXTURES, "questions.parquet"));
  for (const [at, byte] of [0, 0, 0, 128].entries()) bytes[92 + at] = byte;
  await expect(valuesOf(temporaryFile("r.parquet", bytes))).rejects.toThrow(/got "a page of undefined bytes/);
});

const TWO = [{ text: "a;ü" }, { text: "b" }];
const JSON_LINES = TWO.map((record) => `${JSON.stringify(record)}\n`).join("");

describe("texts", () => {
  it.each<[string, string, string | Uint8Array]>([
    ["gzip", "r.jsonl.gz", gzipSync(JSON_LINES)],
    ["gzip that the name does not tell of", "r.jsonl", gzipSync(JSON_LINES)],
    [
      "gzip of several members",
      "r.jsonl.gz",
      Buffer.concat([gzipSync(JSON_LINES.slice(0, 9)), gzipSync(JSON_LINES.slice(9))]),
    ],
    ["no gzip where the name has it", "r.jsonl.gz", JSON_LINES],
    [
      "a byte order mark, line ends of Windows and empty lines",
      "r.jsonl",
      `\ufeff${JSON_LINES.replaceAll("\n", "\r\n")}\r\n`,
    ],
    ["JSON lines by the name of JSON", "r.json", JSON_LINES],
    ["a JSON array with a byte order mark", "r.json", `\ufeff${JSON.stringify(TWO)}\n`],
    ["a packed JSON array", "r.json.gz", gzipSync(JSON.stringify(TWO))],
    ["an array inside of an object", "r.json", JSON.stringify({ "da\\ta": [1], x: { data: [2] }, data: TWO, y: "[]" })],
    ["a tab-separated table", "r.tsv", "text\na;ü\nb\n"],
    ["a packed table", "r.csv.gz", gzipSync("text,\r\na;ü,\r\nb,\r\n".replaceAll(",\r", "\r"))],
  ])("%s is read", async (_, name, content) => {
    expect(await valuesOf(temporaryFile(name, content))).toEqual(TWO);
  });

  it.each<[string, string, string | Uint8Array, RegExp]>([
    [
      "UTF-16",
      "r.jsonl",
      Buffer.from(`\ufeff${JSON_LINES}`, "utf16le"),
      /text in UTF-8, got "UTF-16"\.\nHint: Convert it: iconv/,
    ],
    [
      "gzip that ends early",
      "r.jsonl.gz",
      gzipSync(JSON_LINES.repeat(99)).subarray(0, 60),
      /a whole file of gzip, got/,
    ],
    [
      "damaged gzip",
      "r.jsonl.gz",
      Buffer.concat([gzipSync(JSON_LINES).subarray(0, 12), Buffer.alloc(40, 7)]),
      /a whole file of gzip/,
    ],
    [
      "a Zstandard frame that asks for gigabytes",
      "r.jsonl.zst",
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0),
      /a window of more than/,
    ],
    [
      "a ZIP archive",
      "r.jsonl",
      Uint8Array.of(0x50, 0x4b, 3, 4, 0),
      /packed with gzip or Zstandard, got "a ZIP archive"/,
    ],
    [
      "a table in Latin-1",
      "r.csv",
      Buffer.from("text\nb\ncaf\u00e9\n", "latin1"),
      /r\.csv:3: Expected text in UTF-8, got "byte 0xe9"\.\nHint: If it is LATIN1: iconv -f LATIN1 -t UTF-8 OLD > NEW/,
    ],
    ["semicolons between columns", "r.csv", "question;answer\n1;2\n", /with commas between them, got "semicolons"/],
    [
      "tabs in a table named CSV",
      "r.csv",
      "question\tanswer\n1\t2\n",
      /got "tabs"\.\nHint: Give the file a name that ends in \.tsv/,
    ],
    [
      "no JSON behind the array",
      "r.json",
      `{"data":[{"text":"a"}],}`,
      /r\.json:1:24: Expected JSON: a key in double quotes/,
    ],
    ["a list that stays open", "r.json", '[{"text":"a"},\n{"text":"b"}', /r\.json:2:13: Expected JSON: "," or "]"/],
    ["two values without a comma", "r.json", '[{"text":"a"} {"text":"b"}]', /r\.json:1:15: Expected JSON: "," or "]"/],
    ["a key twice", "r.json", '[{"text":"a"},\n {"text":"a","text":"b"}]', /r\.json:2:14: Expected each key once/],
    ["a list under a key twice", "r.json", '{"data":[{"text":"a"}],"data":[]}', /Expected each key once, got "data"/],
  ])("%s is refused with the answer", async (_, name, content, message) => {
    const reading = valuesOf(temporaryFile(name, content));
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ name: "InputError" });
  });

  it.each(["null", "3", '"data"', "true", '{"data": null}', "null\n"])(
    "refuses JSON without a list: %j",
    async (text) => {
      const file = temporaryFile("rows.json", text);
      await expect(valuesOf(file)).rejects.toThrow('an array of records, or {"data": [...]}');
      await expect(valuesOf(file, { split: "train" })).rejects.toThrow('an object with an array under "train"');
    },
  );

  it("finds the elements of a list wherever its bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (list, size, isInside) => {
          const bytes = Buffer.from(JSON.stringify(isInside ? { "[": ["{"], list, data: [] } : list, null, size % 3));
          const pieces = async function* (): AsyncGenerator<Buffer> {
            for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
          };
          const around = new HeldBytes();
          const found: unknown[] = [];
          for await (const each of listElements(pieces(), isInside ? "list" : undefined, around))
            found.push(JSON.parse(each.bytes.toString()));
          expect(found).toEqual(JSON.parse(JSON.stringify(list)));
          expect(JSON.parse(around.all().toString())).toEqual(isInside ? { "[": ["{"], list: [], data: [] } : []);
        },
      ),
    );
  });
});

describe("LZ4", () => {
  // lz4_Block_format.md: a literal "ab", of which a copy of 6 begins 2 before; then the literals that end a block.
  const block = Uint8Array.of(0x22, 97, 98, 2, 0, 0x50, 118, 119, 120, 121, 122);

  it("unpacks copies of what they write", () => {
    expect(Buffer.from(unpackLz4Block(block, 13)).toString()).toBe("ababababvwxyz");
    const frame = Uint8Array.of(
      0x04,
      0x22,
      0x4d,
      0x18,
      0x60,
      0x40,
      0x82,
      11,
      0,
      0,
      0,
      ...block,
      3,
      0,
      0,
      0x80,
      33,
      33,
      33,
      0,
      0,
      0,
      0,
    );
    expect(Buffer.from(unpackLz4Frame(frame, 16)).toString()).toBe("ababababvwxyz!!!");
  });

  it("refuses what is damaged, whatever it is", () => {
    expect(() => unpackLz4Block(block, 12)).toThrow(RangeError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const unpack of [unpackLz4Block, unpackLz4Frame]) {
          try {
            expect(unpack(bytes, 20)).toHaveLength(20);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        }
      }),
    );
  });
});

test.each<[readonly string[], string | undefined, readonly string[]]>([
  [
    ["data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"],
    undefined,
    ["data/train-00000-of-00001.parquet"],
  ],
  [
    ["train/0001.parquet", "train/0000.parquet", "test/0000.parquet"],
    undefined,
    ["train/0000.parquet", "train/0001.parquet"],
  ],
  [["default/train/0000.parquet", "default/test/0000.parquet"], "test", ["default/test/0000.parquet"]],
  [["train.jsonl.gz", "trainer_state.json", "training.jsonl", "README.md"], undefined, ["train.jsonl.gz"]],
  [
    ["data-1.arrow", "data-0.arrow", "state.json", "dataset_info.json", "cache-1f.arrow", ".x/a.json"],
    undefined,
    ["data-0.arrow", "data-1.arrow"],
  ],
  [["rows.jsonl", "test.jsonl"], undefined, []],
  [["rows.jsonl"], "train", []],
])("of %j the split %s is %j", (names, split, files) => {
  expect(splitFiles(names, split).map(({ name }) => name)).toEqual(files);
});

it("tells how many bytes have been read of all files", async () => {
  const folder = temporaryFolder();
  for (const name of ["train-0.jsonl", "train-1.jsonl"]) fs.writeFileSync(path.join(folder, name), JSON_LINES);
  const told: (readonly [number, number])[] = [];
  const source = { path: folder };
  for await (const _ of readRecords(folder, source, "data", (...read) => told.push(read)));
  const bytes = Buffer.byteLength(JSON_LINES);
  expect(told).toEqual([bytes, bytes, 2 * bytes, 2 * bytes].map((read) => [read, bytesOfRecords(folder, source)]));
});
