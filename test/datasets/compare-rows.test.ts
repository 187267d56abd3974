import { expect, test } from "vitest";
import { type Comparing, collectRows, compareRows, locateData, sequencesOf } from "../../datasets/index.ts";
import { readEachRecord } from "../../datasets/read-dataset.ts";
import type { Compared } from "../../datasets/rows/rows-of-record.ts";
import { temporaryFile } from "./shared.ts";

async function whole(records: readonly object[], compared?: Compared) {
  const data = { path: temporaryFile("rows.jsonl", records.map((record) => JSON.stringify(record)).join("\n")) };
  return await collectRows(readEachRecord(data), data, await locateData(data), "data", compared);
}

const PAIR = { prompt_ids: [1, 5, 6, 7], chosen_ids: [11, 12, 2], rejected_ids: [13, 2] };
const ENDS: Comparing = { compared: "preference", cut: "end" };
const STARTS: Comparing = { compared: "preference", cut: "start" };

/** Of each sequence its ids, and which of them are scored. */
function shown(row: Parameters<typeof sequencesOf>[0]) {
  return sequencesOf(row).map(({ inputIds, labels }) => [
    Array.from(inputIds),
    Array.from(labels).filter((label) => label !== -100),
  ]);
}

test("a pair of token ids is one row, the chosen answer in front", async () => {
  const { rows, numScored, numTokens, format } = compareRows(await whole([PAIR], "preference"), ENDS);
  expect(format).toBe("tokens");
  expect(rows.map(shown)).toEqual([
    [
      [
        [1, 5, 6, 7, 11, 12, 2],
        [11, 12, 2],
      ],
      [
        [1, 5, 6, 7, 13, 2],
        [13, 2],
      ],
    ],
  ]);
  expect([numTokens, numScored]).toEqual([13, 5]);
});

test("each sequence is cut at its end or its start, and what is left without an answer is dropped", async () => {
  const long = { ...PAIR, prompt_ids: [1, 5, 6, 7, 8, 9] };
  const rows = await whole([PAIR, long], "preference");
  const ends = compareRows(rows, ENDS, 6);
  expect(ends.rows.map(shown)).toEqual([
    [
      [
        [1, 5, 6, 7, 11, 12],
        [11, 12],
      ],
      [
        [1, 5, 6, 7, 13, 2],
        [13, 2],
      ],
    ],
  ]);
  expect([ends.numCut, ends.numDropped]).toEqual([1, 1]);
  const starts = compareRows(rows, STARTS, 3);
  // The first token left has none in front of it.
  expect(shown(starts.rows[0]!)[0]).toEqual([
    [11, 12, 2],
    [12, 2],
  ]);
  expect([starts.numCut, starts.numDropped]).toEqual([2, 0]);
  expect(() => compareRows(rows, ENDS, 4)).toThrow(/at least one row whose answers are scored.*got "?none/s);
});

test("an answer with a label is joined by the one before it in groups", async () => {
  const records = [0, 1, 2, 3, 4].map((i) => ({
    prompt_ids: [1, 20 + i],
    completion_ids: [40 + i, 2],
    label: i % 2 === 0,
  }));
  const rows = await whole(records, "unpaired");
  const { rows: joined } = compareRows(rows, { compared: "unpaired", cut: "end", mismatchedIn: 3 });
  expect(joined.map(({ isDesirable }) => isDesirable)).toEqual([true, false, true, false, true]);
  expect(joined.map((row) => shown(row)[1]![0])).toEqual([
    [1, 20, 42, 2],
    [1, 21, 40, 2],
    [1, 22, 41, 2],
    [1, 23, 44, 2],
    [1, 24, 43, 2],
  ]);
  expect(compareRows(rows, { compared: "unpaired", cut: "end" }).rows.map((row) => row.answers)).toEqual(
    records.map(() => [4]),
  );
});

test("an answer that is cut behind its own prompt is whole behind a shorter one", async () => {
  const records = [
    { prompt_ids: [1, 20, 21, 22], completion_ids: [40, 41, 2], label: true },
    { prompt_ids: [1, 23], completion_ids: [42, 2], label: false },
  ];
  const rows = await whole(records, "unpaired");
  const { rows: joined } = compareRows(rows, { compared: "unpaired", cut: "end", mismatchedIn: 2 }, 5);
  expect(joined.map((row) => shown(row).map(([ids]) => ids))).toEqual([
    [
      [1, 20, 21, 22, 40],
      [1, 20, 21, 22, 42],
    ],
    [
      [1, 23, 42, 2],
      [1, 23, 40, 41, 2],
    ],
  ]);
});

const LABELLED = { prompt_ids: [1, 5], completion_ids: [6, 2], label: true };
const PLAIN = { input_ids: [1, 5, 6], labels: [-100, 5, 6] };
test.each([
  [
    "a pair without a loss",
    [PAIR],
    undefined,
    /trained on as they are.*got "?a pair of answers.*dpo, cpo, simpo or orpo/s,
  ],
  ["an answer with a label without a loss", [LABELLED], undefined, /got "?an answer with a label.*kind kto/s],
  ["labels where pairs are compared", [LABELLED], "preference", /a pair of answers, as the job's loss asks/],
  ["pairs where labels are", [PAIR], "unpaired", /an answer with a label, as the job's loss asks/],
  ["plain rows where pairs are compared", [PLAIN], "preference", /got "?a row without answers/],
  ["a second row of another kind", [PAIR, LABELLED], "preference", /rows\.jsonl.*2/s],
  ["a pair without rejected", [{ prompt_ids: [1], chosen_ids: [2] }], "preference", /rejected_ids/],
  ["a label that is none", [{ ...LABELLED, label: "maybe" }], "unpaired", /true or false/],
  ["text without a tokenizer", [{ prompt: "a", chosen: "b", rejected: "c" }], "preference", /tokenizer/],
] as const)("%s is refused", async (_, records, compared, message) => {
  await expect(whole(records, compared)).rejects.toThrow(message);
});
