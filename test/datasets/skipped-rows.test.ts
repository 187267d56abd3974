import { describe, expect, it } from "vitest";
import { collectRows, datasetDigest, type FileSource, readDataset } from "../../datasets/index.ts";
import { readEachRecord } from "../../datasets/read-dataset.ts";
import { temporaryFile } from "./shared.ts";

const ids = (row: number): string => `{"input_ids":[${row},2,3]}`;
const LINES = [ids(1), "{", ids(2), '{"input_ids":[1,1.5]}', '{"input_ids":[1],"input_ids":[2]}', "7", ids(3)];
const skip = { format: "tokens", onBadRow: "skip" } as const;

async function read(name: string, content: string | Uint8Array, source: Partial<FileSource>) {
  const data = { path: temporaryFile(name, content), ...source };
  return await collectRows(readEachRecord(data), data, data.path);
}

describe("rows that cannot be read", () => {
  it.each<[string, string | Uint8Array, readonly RegExp[]]>([
    ["r.jsonl", LINES.join("\n"), [/:2:2: .*JSON/, /:4: .*input_ids\[1\]/, /:5:18: .*each key once/, /:6: .*object/]],
    [
      "r.json",
      `[${LINES.join(",\n").replace("{,", "{b:1},")}]`,
      [/:2:2: .*JSON: .* at \[1\]/, /\[3\]\.input_ids\[1\]/, /:5:18: .*at \[4\]/, /object/],
    ],
    [
      "r.csv",
      'input_ids,n\n"[1,2,3]",\n"[1,2,3]",,\n"[2,2,3]",\nx,\n[1],\n,\n"[3,2,3]",\n',
      [/:3: .*CSV/, /:5: .*input_ids/, /:7: .*input_ids/],
    ],
  ])("of %s are skipped on request, counted, and told with their places", async (name, content, reasons) => {
    const { rows, skipped } = await read(name, content, skip);
    expect(rows.map(({ inputIds }) => inputIds[0])).toEqual(name === "r.csv" ? [1, 2, 1, 3] : [1, 2, 3]);
    expect(skipped?.count).toBe(reasons.length);
    const { message } = await read(name, content, { format: "tokens" }).then(
      () => expect.fail("no row is refused"),
      (error: Error) => error,
    );
    for (const reason of reasons) expect(message).toMatch(reason);
    expect(message).toContain("`onBadRow: skip`");
  });

  it("leave the rows of the others as they were", async () => {
    const good = LINES.filter((_, at) => [0, 2, 6].includes(at)).join("\n");
    const [all, own] = [await read("r.jsonl", LINES.join("\n"), skip), await read("r.jsonl", good, skip)];
    expect(datasetDigest(all.rows)).toBe(datasetDigest(own.rows));
    expect(own.skipped).toBeUndefined();
  });

  it("may stand before the first that shows the format", async () => {
    const { format, skipped } = await read("r.jsonl", `{\n{"x":1}\n${ids(1)}`, { onBadRow: "skip" });
    expect([format, skipped?.count]).toEqual(["tokens", 2]);
  });

  it("are an error where there are no others, of which the first ten are told", async () => {
    const none = read("r.jsonl", "{\n".repeat(12), skip);
    await expect(none).rejects.toThrow(/:10:2: .*\n?.*$/s);
    await expect(none).rejects.not.toThrow(/:11:2: /);
  });

  it("do not hide that a file ends early, or where a row of a table ends", async () => {
    await expect(read("r.json", `[${ids(1)},`, skip)).rejects.toThrow(/r\.json:1:\d+: Expected JSON/);
    await expect(read("r.csv", 'input_ids\n[1]\n"[2]\n[3]\n', skip)).rejects.toThrow(/Quote Not Closed/);
  });

  it("in Latin-1 are told with what converts them", async () => {
    const file = temporaryFile("r.jsonl", Buffer.from('{"input_ids":[1,2]}\n{"text":"caf\u00e9"}', "latin1"));
    await expect(readDataset({ path: file })).rejects.toThrow(/:2: .*byte 0xe9.*\nHint: If it is LATIN1: iconv/);
  });
});
