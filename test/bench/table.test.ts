import { expect, test } from "vitest";
import { type Measurement, measurementSchema, summarize } from "../../bench/measurement.ts";
import { resultTables } from "../../bench/table.ts";

const line = (measurement: Partial<Measurement>): Measurement => ({
  name: "rate",
  parameters: { kernel: "qkv" },
  value: 1,
  unit: "GFLOP/s",
  repetitions: 1,
  spread: null,
  ...measurement,
});

test("measurements of one case stand in one row, those with other parameters in another table", () => {
  const text = resultTables([
    line({ value: 480.4, limit: { of: "register peak", share: 0.92 }, repetitions: 5, spread: 0.031 }),
    line({ name: "time", value: 0.0021, unit: "s" }),
    line({ parameters: { kernel: "o" }, value: 1234.5 }),
    line({ parameters: { plan: "small" }, name: "planned", value: 3 * 2 ** 20, unit: "B" }),
    line({ parameters: { plan: "small" }, name: "bubble", value: 0.0042, unit: "share" }),
  ]);
  expect(text.split("\n")).toEqual([
    "kernel  rate (GFLOP/s)  of register peak  spread     time",
    "------  --------------  ----------------  ------  -------",
    "qkv                480            92.0 %   3.1 %  2.10 ms",
    "o                1 235",
    "",
    "plan    planned  bubble",
    "-----  --------  ------",
    "small  3.00 MiB  0.42 %",
  ]);
});

test("repeated values become their median and the width of their range", () => {
  expect(summarize([10, 9, 11])).toEqual({ value: 10, repetitions: 3, spread: 0.2 });
  expect(summarize([7])).toEqual({ value: 7, repetitions: 1, spread: null });
  expect(summarize([-1, 1]).spread).toBeNull();
});

test("a line without a unit or with an unknown key is refused", () => {
  expect(measurementSchema.safeParse(line({ unit: "" })).success).toBe(false);
  expect(measurementSchema.safeParse({ ...line({}), host: "here" }).success).toBe(false);
});
