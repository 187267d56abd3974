import { expect, test } from "vitest";
import { type CaseRecord, caseKey } from "../../bench/case-record.ts";
import { parseResults } from "../../bench/results-file.ts";

const record = (changes: Partial<CaseRecord> = {}): CaseRecord => ({
  kind: "benchmark",
  version: 2,
  suite: "kernels",
  case: "256 rows",
  scale: "default",
  command: "npm run bench -- kernels",
  date: "2026-11-26",
  commit: "0123456789ab",
  machine: { processor: "a processor", isa: "avx2", cores: 2, memoryBytes: 2 ** 34 },
  versions: { loratwin: "0.1.0", node: "v20.0.0", onednn: "3.7.2" },
  loadBefore: 0.1,
  seconds: 12.5,
  measurements: [{ name: "rate", parameters: { rows: 256 }, value: 1, unit: "GFLOP/s", repetitions: 1, spread: null }],
  ...changes,
});
const line = (each: unknown): string => `${JSON.stringify(each)}\n`;

test("whole lines are read, and the unfinished last one is not", () => {
  const text = line(record()) + line(record({ case: "1024 rows" }));
  expect(parseResults(text, "f").map((each) => each.case)).toEqual(["256 rows", "1024 rows"]);
  for (let cut = 1; cut < text.length; cut += 1)
    expect(parseResults(text.slice(0, cut), "f")).toHaveLength(cut > text.indexOf("\n") ? 1 : 0);
});

test("a whole line that is no result is refused by its number, as are unknown keys", () => {
  expect(() => parseResults(`${line(record())}{}\n`, "results.jsonl")).toThrow(
    /^results\.jsonl:2: Expected the results of a case, got "\{\}"\./,
  );
  expect(() => parseResults(line({ ...record(), host: "here" }), "f")).toThrow(/f:1: Expected/);
});

test("results stand for each other when all but load, time, command and values are the same", () => {
  const key = caseKey(record());
  expect(caseKey(record({ loadBefore: 2, seconds: 1, command: "npm run bench", measurements: [] }))).toBe(key);
  const others: readonly Partial<CaseRecord>[] = [
    { suite: "memory" },
    { case: "1024 rows" },
    { input: "1" },
    { scale: "full" },
    { date: "2026-11-27" },
    { commit: "0123456789ab+00000000" },
    { machine: { ...record().machine, cores: 4 } },
    { versions: { ...record().versions, torch: "2.6" } },
  ];
  for (const changes of others) expect(caseKey(record(changes))).not.toBe(key);
});
