import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readResults } from "../../bench/results-file.ts";
import { type CaseOutcome, measurementsOf, type RunOptions, runSuite } from "../../bench/run-suite.ts";
import type { Suite } from "../../bench/suite.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "loratwin-bench-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options = (changes: Partial<RunOptions> = {}): RunOptions => ({
  scale: "tiny",
  fresh: false,
  budgetSeconds: 60,
  file: path.join(folder, "results.jsonl"),
  command: "npm run bench",
  note: () => {},
  progress: { begins: () => {}, ends: () => {} },
  isInterrupted: () => false,
  ...changes,
});

/** A suite whose cases count how often they have run; `fail` ends the process of measuring in the middle of one. */
function counting(names: readonly string[], runs: string[], fail?: string): Suite {
  return {
    describe: "counts",
    cases: () =>
      names.map((name) => ({
        name,
        seconds: 10,
        run({ record, measured }) {
          record({
            name: "before",
            parameters: { name },
            value: measured.length,
            unit: "ratio",
            repetitions: 1,
            spread: null,
          });
          if (name === fail) throw new Error("interrupted");
          runs.push(name);
        },
      })),
  };
}

const outcomesOf = (outcomes: readonly CaseOutcome[]): readonly string[] =>
  outcomes.map(({ name, outcome }) => `${name} ${outcome}`);

test("what a run measured before it broke off is kept, and the next one measures the rest", async () => {
  const runs: string[] = [];
  await expect(runSuite("counts", counting(["a", "b", "c"], runs, "b"), options())).rejects.toThrow("interrupted");
  expect(readResults(options().file).map((record) => record.case)).toEqual(["a"]);
  const outcomes = await runSuite("counts", counting(["a", "b", "c"], runs), options());
  expect(outcomesOf(outcomes)).toEqual(["a kept", "b measured", "c measured"]);
  expect(runs).toEqual(["a", "b", "c"]);
  expect(measurementsOf(outcomes).map(({ value }) => value)).toEqual([0, 1, 2]);
});

test("the beginning of a line that a killed process left is measured again and leaves no trace", async () => {
  const runs: string[] = [];
  await runSuite("counts", counting(["a"], runs), options());
  appendFileSync(options().file, '{"kind":"benchmark","version":2,"sui');
  const outcomes = await runSuite("counts", counting(["a", "b"], runs), options());
  expect(outcomesOf(outcomes)).toEqual(["a kept", "b measured"]);
  expect(readFileSync(options().file, "utf8").trimEnd().split("\n")).toHaveLength(2);
});

test("a fresh run measures the wanted cases again and leaves the results of the others", async () => {
  const runs: string[] = [];
  const suite = counting(["a", "b"], runs);
  await runSuite("counts", suite, options());
  expect(outcomesOf(await runSuite("counts", suite, options({ fresh: true, only: "b" })))).toEqual(["b measured"]);
  expect(outcomesOf(await runSuite("counts", suite, options()))).toEqual(["a kept", "b kept"]);
  expect(runs).toEqual(["a", "b", "b"]);
});

test("a case of another scale, program or input is another case", async () => {
  const runs: string[] = [];
  const suite = counting(["a"], runs);
  await runSuite("counts", suite, options());
  const others: readonly (readonly [Suite, Partial<RunOptions>])[] = [
    [suite, { scale: "quick" }],
    [{ ...suite, versions: () => ({ torch: "2.6" }) }, {}],
    [{ ...suite, cases: async (setting) => (await suite.cases(setting)).map((each) => ({ ...each, input: "1" })) }, {}],
  ];
  for (const [other, changes] of others)
    expect(outcomesOf(await runSuite("counts", other, options(changes)))).toEqual(["a measured"]);
  expect(readResults(options().file)).toHaveLength(4);
});

test("a case that does not fit into the time does not begin, and is said with what it would take", async () => {
  const outcomes = await runSuite("counts", counting(["a", "b"], []), options({ budgetSeconds: 5 }));
  expect(outcomes).toEqual([
    { name: "a", outcome: "no time", expectedSeconds: 10 },
    { name: "b", outcome: "no time", expectedSeconds: 10 },
  ]);
  expect(readResults(options().file)).toEqual([]);
});

test("a person's interruption ends the run after the case that runs", async () => {
  const runs: string[] = [];
  const outcomes = await runSuite(
    "counts",
    counting(["a", "b", "c"], runs),
    options({ isInterrupted: () => runs.length === 1 }),
  );
  expect(outcomesOf(outcomes)).toEqual(["a measured", "b interrupted", "c interrupted"]);
});

test("a line says where, when and from what a case was measured, and nothing that names the machine", async () => {
  await runSuite("counts", counting(["a"], []), options());
  const [record] = readResults(options().file);
  expect(record).toMatchObject({ suite: "counts", case: "a", scale: "tiny", command: "npm run bench" });
  expect(record!.machine.cores).toBeGreaterThan(0);
  expect(Object.keys(record!.versions).sort()).toEqual(["loratwin", "node", "onednn"]);
  expect(Object.keys(record!.machine).sort()).toEqual(["cores", "isa", "memoryBytes", "processor"]);
});
