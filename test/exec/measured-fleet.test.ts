import { describe, expect, it } from "vitest";
import { alone, runFleet } from "./live-script.ts";
import { checkMeasuredFleet, KNOWS_RANKS_ALONE, measuredIn } from "./measured-script.ts";
import { adapterBytes, smallCase } from "./small-run.ts";

describe.each([
  { devices: "cpu:0", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 2 },
])("jobs whose sizes are learned from $pipelines pipelines of $devices", ({ devices, pipelines }) => {
  it("are measured as devices count, and predicted within 0.5 % from 15 of them on, from a start that is wrong", async () => {
    await checkMeasuredFleet(24, { devices, pipelines, start: KNOWS_RANKS_ALONE });
  });
});

it("a job that takes more than a pipeline has is refused when it was measured, and others train the bytes that they train alone", async () => {
  const given = smallCase([{ steps: 8 }, { steps: 8, rank: 12 }, { steps: 8 }]);
  const room = 20_000;
  const { decisions, ended, stopped, lines } = await runFleet(given, {
    ...{ devices: "cpu:0,cpu:1", policy: "mlora", most: 2, first: [0, 1, 2], at: {} },
    learned: () => ({ room: () => room, start: () => 1000 }),
  });
  const [, second] = lines.flatMap(measuredIn);
  expect(second!.number).toBe(1);
  expect(Math.max(...second!.bytes)).toBeGreaterThan(room);
  const left = ["leave second", "preempt second", "refuse second"];
  expect(decisions).toEqual(["start first", "start second", ...left, "start urgent"]);
  expect(stopped).toEqual([1]);
  for (const index of [0, 2]) expect(adapterBytes(ended.get(index)!)).toBe(await alone(given, index));
});
