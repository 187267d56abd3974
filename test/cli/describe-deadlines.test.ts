import { expect, test } from "vitest";
import { deadlineLines } from "../../cli/describe-deadlines.ts";
import type { FleetHistory } from "../../plan/index.ts";

type Jobs = FleetHistory["jobs"];

function job(name: string, deadlineSeconds: number | null, endSeconds?: number): Jobs[number] {
  const request = { name, deadlineNs: deadlineSeconds === null ? null : deadlineSeconds * 1e9 };
  return { request, endNs: endSeconds === undefined ? undefined : endSeconds * 1e9 } as unknown as Jobs[number];
}

test.each([
  [[job("free", null, 9), job("waits", 3)], []],
  [[job("early", 10, 9), job("just", 10, 10)], ["0 of 2 jobs with a deadline ended after it"]],
  [
    [job("late", 1, 16.5), job("early", 10, 9), job("free", null, 99)],
    ["1 of 2 jobs with a deadline ended after it: late by 15.50 s"],
  ],
])("jobs that ended after their deadlines are named: %#", (jobs, lines) => {
  expect(deadlineLines({ jobs })).toEqual(lines);
});

test("of many the first are named", () => {
  const jobs = Array.from({ length: 10 }, (_, at) => job(`j${at}`, 1, 2));
  expect(deadlineLines({ jobs })[0]).toMatch(/: j0 by 1\.00 s, .*j7 by 1\.00 s and 2 more$/);
});
