import { describe, expect, it } from "vitest";
import { parseWorkload } from "../../../plan/index.ts";

const HEAD = "kind: workload\nversion: 1\nmodel: { architecture: llama-2-7b }\n";

function scheduleOf(schedule: string, defaults = "{}"): unknown {
  const job = `{ name: a, data: { lengths: 8 }, batchSize: 4, steps: 9, optimizer: { schedule: ${schedule} } }`;
  return parseWorkload(`${HEAD}defaults: ${defaults}\njobs: [${job}]\n`, "w.yaml").jobs[0]!.optimizer.schedule;
}

describe("a schedule of the learning rate", () => {
  it("has no keys that nobody wrote but the warm-up and the least rate", () => {
    expect(scheduleOf("{ name: inverse_sqrt }")).toEqual({ name: "inverse_sqrt", warmupSteps: 0, minRatio: 0 });
  });

  it("of a job takes the place of the other least rate in `defaults`", () => {
    const defaults = "{ optimizer: { schedule: { minRatio: 0.1, warmupSteps: 3 } } }";
    expect(scheduleOf("{ name: cosine, minLearningRate: 1.0e-5 }", defaults)).toEqual({
      ...{ name: "cosine", warmupSteps: 3, minRatio: 0, minLearningRate: 1e-5 },
    });
  });

  it.each([
    ["{ name: rex }", /Expected .*cosine_with_restarts.* at jobs\[0\]\.optimizer\.schedule\.name, got "rex"/],
    ["{ name: cosine_with_restart }", /Hint: Did you mean cosine or cosine_with_restarts\?/],
    ["{ name: constant_with_warmup }", /Hint: It is `name: constant` with `warmupSteps`\./],
    ["{ name: reduce_lr_on_plateau }", /Hint: Rates depend on steps alone\./],
    ["{ name: linear, cycles: 2 }", /Expected nothing for the schedule linear at .*schedule\.cycles, got 2\./],
    ["{ name: linear, cycles: 2 }", /Hint: It belongs to cosine, cosine_with_restarts,/],
    ["{ name: constant, minLearningRate: 0 }", /Expected nothing for the schedule constant at .*minLearningRate/],
    ["{ name: polynomial, power: 0 }", /at .*schedule\.power, got 0\./],
    ["{ name: inverse_sqrt, timescale: 1.5 }", /at .*schedule\.timescale, got 1\.5\./],
    ["{ name: warmup_stable_decay }", /Expected the steps in which the rate falls, which is missing, at .*decaySteps/],
    ["{ name: warmup_stable_decay, decaySteps: 2, decayType: sqrt }", /at .*schedule\.decayType, got "sqrt"\./],
    ["{ name: warmup_stable_decay, decaySteps: 2, stableSteps: -1 }", /at .*schedule\.stableSteps, got -1\./],
    ["{ name: cosine, minRatio: 0.1, minLearningRate: 1.0e-5 }", /Expected either minRatio or minLearningRate at/],
    ["{ name: cosine, minLearningRate: 0.1 }", /Expected at most the learning rate \(0\.0003\) at .*minLearningRate/],
    ["{ name: cosine, warmupFromZero: 1 }", /at .*schedule\.warmupFromZero, got 1\./],
    ["{ name: linear, warmup: 5 }", /Expected only known keys at .*schedule\.warmup/],
  ])("%s is refused", (schedule, message) => {
    expect(() => scheduleOf(schedule)).toThrow(message);
  });
});
