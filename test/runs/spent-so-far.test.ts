import { expect, test } from "vitest";
import type { JournalEvent, JournalLine } from "../../runs/folder/journal.ts";
import { readMetrics, stepLine } from "../../runs/folder/metrics-lines.ts";
import { spentOf } from "../../runs/folder/spent-so-far.ts";

const line = (event: JournalEvent): JournalLine => ({ ...event, time: "2026-12-01T00:00:00.000Z" });
const step = (job: string, at: number, deviceSeconds: number) => ({
  ...{ job, step: at, loss: 1, gradNorm: 1, learningRate: 1e-3, tokens: 5, seconds: 1 },
  spent: { deviceSeconds, cost: { amount: deviceSeconds / 2, currency: "USD" } },
});

test("what a run has spent is the most that its journal and its steps tell of a job, in all attempts", () => {
  const events = [
    line({ event: "resumed", checkpoint: null, steps: { a: 1 }, skipped: [], spent: { a: { deviceSeconds: 7 } } }),
    line({ event: "job ended", job: "b", spent: { deviceSeconds: 3.5 } }),
  ];
  // Steps of a that were made again are no longer among its lines.
  const { metrics } = readMetrics(
    [step("a", 0, 2), step("b", 0, 3), step("c", 1, 1.25)].map((each) => `${stepLine(each)}\n`),
    "m",
  );
  const spent = spentOf(events, metrics);
  expect(spent.get("a")).toEqual({ deviceSeconds: 7 });
  expect(spent.get("b")).toEqual({ deviceSeconds: 3.5 });
  expect(spent.get("c")).toEqual({ deviceSeconds: 1.25, cost: { amount: 0.625, currency: "USD" } });
});

test("lines of steps without what was spent are those of earlier versions, and evaluations never have it", () => {
  const { spent: _, ...earlier } = step("a", 0, 2);
  expect(readMetrics([`${stepLine(earlier)}\n`], "m").metrics).toEqual([earlier]);
  const wrong = JSON.stringify({ ...step("a", 0, 2), spent: { deviceSeconds: -1 } });
  expect(() => readMetrics([`${wrong}\n`], "m")).toThrow(/deviceSeconds/);
  const evaluation = { best: true, evaluationLoss: 1, job: "a", step: 0, tokens: 5, spent: { deviceSeconds: 1 } };
  expect(() => readMetrics([`${JSON.stringify(evaluation)}\n`], "m")).toThrow(/the keys/);
});
