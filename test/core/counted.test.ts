import { expect, it } from "vitest";
import { counted, formatSeconds } from "../../core/index.ts";
import { clockTime } from "../../core/units.ts";

it("one thing is told as one, and others as several", () => {
  expect([counted(1, "device"), counted(2, "device"), counted(0, "job")]).toEqual(["1 device", "2 devices", "0 jobs"]);
  expect([counted(1, "micro-batch"), counted(3, "micro-batch")]).toEqual(["1 micro-batch", "3 micro-batches"]);
});

it("no time is 0 s", () => {
  expect(formatSeconds(0)).toBe("0 s");
});

it("a time that whole nanoseconds do not reach is a run too long, and one that is past a fault", () => {
  expect(clockTime(5, 3)).toBe(5);
  expect(() => clockTime(2 ** 54, 0)).toThrow(/Expected a run of at most 104 d 05 h/);
  expect(() => clockTime(2, 3)).toThrow(/Expected a whole number of nanoseconds from 3 on/);
});
