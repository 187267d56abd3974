import { describe, expect, it } from "vitest";
import { createCostModel } from "../../plan/index.ts";
import { simulate, simulateStream } from "../../sim/index.ts";
import { runMetrics, traceLines } from "../../traces/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";

const plan = unitPlan({ numDevices: 3, numJobs: 4, parts: 2, steps: 5, transfer: 0.25, update: 0.1, maxGradNorm: 1 });
const options = { plan, planHash: "p", costModel: createCostModel(plan.calibration, "float32") };

describe("a trace that is made as it is read", () => {
  it("is the trace that is held, as often as it is read", () => {
    const stream = simulateStream(options);
    const held = simulate(options);
    for (let reading = 0; reading < 2; reading += 1) {
      expect([...stream.events]).toEqual(held.events);
      expect([...stream.counters]).toEqual(held.counters);
    }
  });

  it("gives the same metrics and the same file", () => {
    const stream = simulateStream(options);
    const held = simulate(options);
    const hashed = { ...plan, hash: "p" };
    expect(runMetrics(hashed, stream)).toEqual(runMetrics(hashed, held));
    expect([...traceLines(stream)]).toEqual([...traceLines(held)]);
  });
});
