import { expect, it } from "vitest";
import { joinSegments } from "../../plan/actions/segments.ts";

const piece = (actions: string[][]) => ({ jobs: [], groups: [], microBatches: [], actions });

it("segments with another number of stages than the first are refused", () => {
  expect(joinSegments([piece([["0F0"], []]), piece([["0F1"], []])]).actions).toEqual([["0F0", "0F1"], []]);
  const join = () => joinSegments([piece([["0F0"], []]), piece([["0F1"]])]);
  expect(join).toThrow(/Expected orders of 2 stages, as in the first segment, at segments\[1\]\.actions, got 1/);
});
