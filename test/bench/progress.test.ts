import { expect, test } from "vitest";
import { outcomeLine, runningLine } from "../../bench/progress.ts";
import type { CasePlace } from "../../bench/run-suite.ts";
import { summaryLines } from "../../bench/summary.ts";

const place: CasePlace = { suite: "training", place: 3, total: 7, name: "q, k, v, o, float32", leftSeconds: 310 };

test("a terminal shows the case, what it has taken and what is left, cut to its width", () => {
  expect(runningLine(place, 42, 80)).toBe("training 3 of 7: q, k, v, o, float32, 42 s, about 4 min 28 s left");
  expect(runningLine(place, 42, 60)).toBe("training 3 of 7: q, k, v, o..., 42 s, about 4 min 28 s left");
  expect(runningLine(place, 400, 80)).toMatch(/about 0 s left$/);
});

test("a case that has ended or was left out is one line", () => {
  const { name } = place;
  expect(outcomeLine(place, { name, outcome: "no time", expectedSeconds: 80 })).toBe(
    "training 3 of 7: q, k, v, o, float32: left out, about 1 min 20 s do not fit into the time",
  );
  expect(outcomeLine(place, { name, outcome: "interrupted" })).toBeUndefined();
});

test("the summary names every case that was not measured, and why", () => {
  const lines = summaryLines(
    "training",
    [
      { name: "a", outcome: "no time", expectedSeconds: 80 },
      { name: "b", outcome: "no time", expectedSeconds: 40 },
      { name: "c", outcome: "interrupted" },
    ],
    { seconds: 590, budgetSeconds: 600, file: "training.jsonl" },
  );
  expect(lines).toEqual([
    "training: 0 cases measured in 9 min 50 s",
    "  2 left out, as 10 min 00 s do not hold another 2 min 00 s:",
    "    a",
    "    b",
    "  1 not begun, as you ended the run: c",
    "  the same command goes on with what is missing",
  ]);
});
