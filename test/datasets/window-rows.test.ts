import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type FileSource, initModel, loadTokenizer, NOT_SCORED, readDataset } from "../../datasets/index.ts";
import { temporaryFile, temporaryFolder } from "./shared.ts";

/** Bytes as tokens; 256 stands in front of a text, 257 behind it. */
async function read(source: FileSource, cutoffLength: number) {
  const folder = temporaryFolder();
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const { rows } = await readDataset(source, { tokenizer: loadTokenizer(folder), cutoffLength, vocabularySize: 259 });
  const words = (ids: Int32Array): string =>
    Array.from(ids, (id) =>
      id === NOT_SCORED ? "_" : id < 256 ? String.fromCharCode(id) : id === 256 ? "<" : ">",
    ).join("");
  return rows.map(({ inputIds, labels }) => [words(inputIds), words(labels)]);
}

const texts = (...all: string[]): string => all.map((text) => `${JSON.stringify({ text })}\n`).join("");
const same = (...all: string[]): string[][] => all.map((text) => [text, text]);

describe("a text that is longer than a row", () => {
  it("is cut into rows of the cutoff, of which the last has what is left, as Axolotl does", async () => {
    const path = temporaryFile("r.jsonl", texts("abcdefghij", "kl"));
    expect(await read({ path }, 5)).toEqual(same("<abcd", "efghi", "j>", "<kl>"));
    expect(await read({ path, window: 4 }, 5)).toEqual(same("<abc", "defg", "hij>", "<kl>"));
  });

  it("has no row of one token, as nothing would be scored in it", async () => {
    expect(await read({ path: temporaryFile("r.jsonl", texts("abcdefghi")) }, 5)).toEqual(same("<abcd", "efghi"));
  });

  it("has each token scored once where rows overlap", async () => {
    const path = temporaryFile("r.jsonl", texts("abcdefgh"));
    expect(await read({ path, overlap: 2 }, 5)).toEqual([
      ["<abcd", "<abcd"],
      ["cdefg", "__efg"],
      ["fgh>", "__h>"],
    ]);
  });

  it("goes on in the row of the one before where texts are packed, as TRL's wrapped packing has it", async () => {
    const path = temporaryFile("r.jsonl", texts("abcdef", "g", "hijkl"));
    expect(await read({ path, packing: "wrapped" }, 6)).toEqual(same("<abcde", "f><g><", "hijkl>"));
    expect((await read({ path, packing: "wrapped", overlap: 1 }, 6)).map(([ids]) => ids)).toEqual([
      "<abcde",
      "ef><g>",
      "><hijk",
      "kl>",
    ]);
  });

  it("is cut off for like: trl alone, which does so by default", async () => {
    const path = temporaryFile("r.jsonl", texts("abcdefgh"));
    expect(await read({ path, like: "trl" }, 5)).toEqual(same("<abcd"));
    expect(await read({ path, like: "trl", packing: "wrapped" }, 5)).toEqual(same("<abcd", "efgh>"));
  });

  it.each<[Partial<FileSource>, RegExp]>([
    [{ window: 9 }, /at most the cutoffLength \(5\) at data\.window, got 9/],
    [{ overlap: 5 }, /less than the window \(5\) at data\.overlap/],
    [
      { format: "instruction", prompt: "", response: "{{text}}", packing: "wrapped" },
      /format: text.* at data\.packing, got "instruction"/,
    ],
  ])("is refused with %j", async (source, message) => {
    await expect(read({ path: temporaryFile("r.jsonl", texts("abcdefgh")), ...source }, 5)).rejects.toThrow(message);
  });
});

describe("files of plain text", () => {
  it("are a text each, without a byte order mark, and those of a folder follow each other by name", async () => {
    const folder = temporaryFolder();
    fs.writeFileSync(path.join(folder, "b.txt"), "kl");
    fs.writeFileSync(path.join(folder, "a.txt"), "\ufeffabc\r\ndefg");
    fs.writeFileSync(path.join(folder, "empty.txt"), " \n");
    expect(await read({ path: folder }, 6)).toEqual(same("<abc\nd", "efg>", "<kl>"));
    fs.writeFileSync(path.join(folder, "rows.jsonl"), texts("x"));
    expect(await read({ path: folder }, 6)).toEqual(same("<x>"));
  });

  it("in Latin-1 are told with the line and what converts them", async () => {
    const file = temporaryFile("r.txt", Buffer.from("\u00a0ok\nna\u00efve", "utf8"));
    expect(await read({ path: file }, 99)).toHaveLength(1);
    fs.writeFileSync(file, Buffer.from("ok\nna\u00efve", "latin1"));
    await expect(read({ path: file }, 9)).rejects.toThrow(
      /r\.txt:2: .*UTF-8, got "byte 0xef"\.\nHint: If it is LATIN1: iconv -f LATIN1 -t UTF-8 OLD > NEW/,
    );
  });
});
