import { expect, test } from "vitest";
import { parseWorkload } from "../../../plan/index.ts";

function workload(loss: string, more = ""): string {
  return `kind: workload
version: 1
model: { architecture: llama-2-7b }
defaults: { batchSize: 8, steps: 2, data: { lengths: 30 }, loss: { kind: dpo, beta: 0.2, type: ipo } }
jobs:
  - name: own
${loss === "" ? "" : `    loss: ${loss}\n`}${more}`;
}

const lossOf = (loss: string, more?: string) => parseWorkload(workload(loss, more), "w.yaml").jobs[0]!.loss;

test("a job's loss takes what it leaves out from the defaults, unless it is of another kind", () => {
  expect(lossOf("")).toEqual({ kind: "dpo", beta: 0.2, type: "ipo", cut: "end" });
  expect(lossOf("{ kind: dpo, type: hinge }")).toEqual({ kind: "dpo", beta: 0.2, type: "hinge", cut: "end" });
  expect(lossOf("{ beta: 0.5 }")).toEqual({ kind: "dpo", beta: 0.5, type: "ipo", cut: "end" });
  expect(lossOf("{ kind: simpo }")).toEqual({ kind: "simpo", beta: 2, gamma: 0.5, nllWeight: 0 });
  expect(lossOf("{ kind: kto }", "    microBatchSize: 8\n")).toEqual({
    ...{ kind: "kto", beta: 0.1, type: "kto", desirableWeight: 1, undesirableWeight: 1 },
  });
});

test.each([
  ["{ beta: 0 }", "", /loss\.beta/],
  ["{ beta: -0.1 }", "", /loss\.beta/],
  ["{ kind: ppo }", "", /loss/],
  ["{ kind: orpo, gamma: 1 }", "", /gamma/],
  ["{ labelSmoothing: 0.1 }", "", /labelSmoothing.*only sigmoid and robust/s],
  ["{ type: robust, labelSmoothing: 0.5 }", "", /labelSmoothing/],
  ["{ type: swift }", "", /loss\.type/],
  ["{ kind: kto }", "    batchSize: 1\n", /at least 2 rows for kto.*batchSize/s],
  [
    "{ kind: dpo }",
    "    evaluation: { share: 0.1, everySteps: 1, base: true }\n",
    /no evaluation of the base of a job whose loss compares answers.*evaluation\.base/s,
  ],
])("%s is refused", (loss, more, message) => {
  expect(() => lossOf(loss, more)).toThrow(message);
});

test("a sweep varies beta and gamma of a loss that has them", () => {
  const sweep = (loss: string) =>
    parseWorkload(workload("{ kind: simpo }", `    sweep: { grid: { loss: ${loss} } }\n`), "w.yaml").jobs.map(
      ({ name, loss: own }) => [name, own],
    );
  expect(sweep("{ beta: [1, 2.5], gamma: [0.3] }")).toEqual([
    ["own-beta1-gamma0.3", { kind: "simpo", beta: 1, gamma: 0.3, nllWeight: 0 }],
    ["own-beta2.5-gamma0.3", { kind: "simpo", beta: 2.5, gamma: 0.3, nllWeight: 0 }],
  ]);
  expect(() => sweep("{ beta: [0, 1] }")).toThrow(/beta/);
});
