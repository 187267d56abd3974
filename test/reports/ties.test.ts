import { expect, test } from "vitest";
import { tiedText, withoutTies } from "../../reports/index.ts";

type CandidateRow = Parameters<typeof withoutTies>[0][number];

function row(count: number, mean: number, more: Partial<CandidateRow["candidate"]> = {}): CandidateRow {
  const candidate = { accelerator: "H100 SXM", slot: 1, precision: "bfloat16", tenure: "demand", count, ...more };
  return { candidate, cost: { mean } } as unknown as CandidateRow;
}

test("candidates that cost as much to the cent are one row, with the first of them", () => {
  const tied = withoutTies([row(4, 10.001), row(8, 10.004), row(4, 10.02), row(16, 10), row(4, 10, { slot: 2 })]);
  expect(tied.map(({ row: { candidate }, others }) => [candidate.count, candidate.slot, others.length])).toEqual([
    [4, 1, 2],
    [4, 1, 0],
    [4, 2, 0],
  ]);
  expect(tiedText(tied[0]!)).toMatch(/; 8 and 16 cost the same$/);
  expect(tiedText(tied[1]!)).not.toContain("cost the same");
});
