import { expect, test } from "vitest";
import { planSummary, planText } from "../../cli/describe-plan.ts";
import { type PlanBody, sealPlan } from "../../plan/index.ts";
import { joinPipelines } from "../../plan/planner/join-pipelines.ts";
import { unitPlan } from "../plan/unit-plan.ts";

const NOWHERE = { model: null, data: {}, init: {} };

function part(numDevices: number, names: readonly string[], name: string): PlanBody {
  const plan = unitPlan({ numDevices, numJobs: names.length, parts: 2, steps: 2, groups: "unfused" });
  return {
    ...plan,
    devices: plan.devices.map((device, index) => ({ ...device, name: `${name}${index}` })),
    jobs: plan.jobs.map((job, index) => ({ ...job, name: names[index]! })),
  };
}

const PIPELINES = joinPipelines([
  { body: part(3, ["math", "code"], "a"), jobs: [0, 2] },
  { body: part(1, ["text"], "b"), jobs: [1] },
]);

test("a plan of several pipelines is described by a row for each, with its devices, stages, groups and load", () => {
  const text = planText(sealPlan(PIPELINES, NOWHERE), undefined);
  expect(
    text
      .replace(/^plan \w+/, "plan HASH")
      .split("\n\n")
      .slice(0, 2)
      .join("\n\n"),
  ).toBe(
    `plan HASH: lorapp, 3 jobs in 3 groups on 2 pipelines, 12 micro-batches
  group 0: math
  group 1: code
  group 2: text

pipeline   devices  stages  groups  jobs  micro-batches  tokens
--------  --------  ------  ------  ----  -------------  ------
0         a0 to a2     0-2     0-1     2              8     128
1               b0       3       2     1              4      64`,
  );
  expect(planSummary(sealPlan(PIPELINES, NOWHERE), undefined)).toMatchObject({
    pipelines: [
      { index: 0, stages: [0, 1, 2], devices: ["a0", "a1", "a2"], groups: [0, 1], jobs: ["math", "code"], tokens: 128 },
      { index: 1, stages: [3], devices: ["b0"], groups: [2], jobs: ["text"], tokens: 64 },
    ],
  });
});

test("a plan of one pipeline has no such table", () => {
  expect(planText(sealPlan(part(2, ["math"], "a"), NOWHERE), undefined)).not.toContain("pipeline");
});

test("a plan whose pipelines share weights says which device counts them", () => {
  const onCpus = (body: PlanBody): PlanBody => ({
    ...body,
    devices: body.devices.map((device) => ({ ...device, kind: "cpu", memoryBytes: 2 ** 40 })),
  });
  const shared = joinPipelines([
    { body: onCpus(part(2, ["math", "code"], "a")), jobs: [0, 2] },
    { body: onCpus(part(1, ["text"], "b")), jobs: [1] },
  ]);
  expect(planText(sealPlan(shared, NOWHERE), undefined)).toMatch(
    /\nb0 reads \d+\.\d\d GiB of weights that are counted on a0 and a1\na0, a1, b0 share one memory: \d+\.\d\d GiB of 3\.00 TiB in all$/,
  );
});
