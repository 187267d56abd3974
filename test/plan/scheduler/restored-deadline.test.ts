import { expect, it } from "vitest";
import { deadlineLines } from "../../../cli/describe-deadlines.ts";
import { FleetOutcomes, fleetHistory, type JournalLine } from "../../../plan/index.ts";
import { keepEvent, newKeptJob } from "../../../runs/live/kept-job.ts";

const S = 1e9;
const request = { name: "a", user: "", priority: 0, arrivalNs: 0, deadlineNs: 60 * S, iterations: 20, tokens: 8 };
/** As it goes on after the fleet has stood still for 40 s. */
const restored = {
  kind: "restored",
  number: 0,
  request: { ...request, deadlineNs: 20 * S },
  predicted: 20,
  done: 5,
} as const;
const start = { kind: "start", number: 0, name: "a", why: "", pipeline: 0 } as const;
const LINES: readonly JournalLine[] = [
  { line: 1, atNs: 0, events: [{ kind: "arrived", number: 0, request, predicted: 20 }], decisions: [start] },
  { line: 2, atNs: 10 * S, events: [restored], decisions: [{ ...start, kind: "resume" }] },
  { line: 3, atNs: 30 * S, events: [{ kind: "ended", number: 0 }], decisions: [] },
];

it("a job that goes on has the deadline that has come nearer, wherever it is told", () => {
  const history = fleetHistory(LINES);
  expect(history.jobs.map((job) => job.request.deadlineNs)).toEqual([20 * S]);
  expect(deadlineLines(history)).toEqual(["1 of 1 job with a deadline ended after it: a by 10.00 s"]);
  const outcomes = new FleetOutcomes();
  for (const line of LINES) outcomes.add(line);
  expect(outcomes.all().map(({ deadlineNs }) => deadlineNs)).toEqual([20 * S]);
  const kept = newKeptJob(0, { job: { name: "a", optimizer: {}, loss: {} } as never }, request);
  expect(kept.deadlineNs).toBe(60 * S);
  keepEvent(kept, restored, 10 * S);
  expect(kept.deadlineNs).toBe(20 * S);
});
