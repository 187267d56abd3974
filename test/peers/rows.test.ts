import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { initModel, loadTokenizer } from "../../datasets/index.ts";
import { differenceLines, isSame, type ReadRow, rowTotals } from "../../peers/rows/compare-rows.ts";
import { drawRows, NUM_ROWS } from "../../peers/rows/draw-rows.ts";
import { sourceOf } from "../../peers/rows/judge-rows.ts";
import { KINDS } from "../../peers/rows/kinds.ts";
import { readOurRows } from "../../peers/rows/read-rows.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-peers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("draws as many rows of all kinds, the same from the same seed and others from another", () => {
  const files = drawRows(7);
  expect(files.flatMap(({ rows }) => rows)).toHaveLength(NUM_ROWS);
  expect(new Set(files.map(({ kind }) => kind)).size).toBe(Object.keys(KINDS).length);
  expect(drawRows(7)).toEqual(files);
  for (const [index, { rows }] of drawRows(8).entries()) expect(rows).not.toEqual(files[index]!.rows);
});

it("draws no row that loratwin refuses", async () => {
  initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const tokenizer = loadTokenizer(folder);
  for (const drawn of [1, 2, 3].flatMap(drawRows)) {
    const file = path.join(folder, "rows.jsonl");
    writeFileSync(file, drawn.rows.map((row) => JSON.stringify(row)).join("\n"));
    for (const library of ["trl", "axolotl"] as const) {
      if (drawn.kind[library] === undefined) continue;
      const read = await readOurRows(sourceOf(drawn, library, file), tokenizer, 10_000);
      expect(read.filter((one) => "refused" in one)).toEqual([]);
      expect(read).toHaveLength(drawn.rows.length);
    }
  }
});

const made = (...labels: readonly number[]): ReadRow => ({ rows: [{ input_ids: [5, 60, 7], labels }] });
const nothing: ReadRow = { rows: [] };
const refused: ReadRow = { refused: "no" };

it.each([
  ["the first label aside", made(5, 60, 7), made(-100, 60, 7), true],
  ["another label", made(-100, 60, 7), made(-100, -100, 7), false],
  ["left out", nothing, made(-100, 60, 7), false],
  ["left out by both", nothing, nothing, true],
  ["refused by one", refused, made(-100, 60, 7), false],
  ["refused by both", refused, { refused: "for another reason" }, true],
])("tells whether a row is the same: %s", (_, theirs, ours, is) => {
  expect(isSame({ theirs, ours })).toBe(is);
});

it("shows a row that differs with the tokens and labels of both, and counts for each library", () => {
  const pair = {
    library: "TRL",
    file: "text, bytes",
    row: { text: "a" },
    theirs: made(5, 60, 7),
    ours: made(-1, -100, 7),
  };
  expect(differenceLines(pair).join("\n")).toBe(
    [
      'TRL and loratwin differ in a row of "text, bytes":',
      '  {"text":"a"}',
      "  TRL:",
      "    ids    5 60 7",
      "    labels - 60 7",
      "  loratwin:",
      "    ids    5 60 7",
      "    labels -  - 7",
    ].join("\n"),
  );
  expect(differenceLines({ ...pair, theirs: refused, ours: nothing }).slice(2)).toEqual([
    "  TRL: refused: no",
    "  loratwin: left out",
  ]);
  const same = { ...pair, ours: pair.theirs };
  expect(rowTotals([pair, same, { ...same, library: "Axolotl" }])).toEqual([
    "rows of TRL: 1 of 2 the same",
    "rows of Axolotl: 1 of 1 the same",
  ]);
});
