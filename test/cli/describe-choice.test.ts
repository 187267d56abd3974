import { expect, test } from "vitest";
import { explanationTable } from "../../cli/describe-choice.ts";
import type { PlanExplanation } from "../../plan/index.ts";

const WAY = {
  numPipelines: 1,
  schedule: "lorapp",
  numGroups: 4,
  jobsAtOnce: null,
  isShared: false,
  microBatchTokens: null,
  inFlight: [3, 3],
  recomputedLayers: [0, 0],
  seconds: 12,
  unboundSeconds: 12,
  state: "chosen",
} as const satisfies PlanExplanation["ways"][number];

test("--explain says of a way that nobody looked into the least time that it can take", () => {
  const unseen = { numGroups: 5, inFlight: [], recomputedLayers: [], seconds: null, unboundSeconds: 14 };
  const ways: PlanExplanation["ways"] = [WAY, { ...WAY, ...unseen, state: "not looked into" }];
  const [, , chosen, other] = explanationTable({ ways, binding: null, sharing: null }).split("\n");
  expect(chosen).toMatch(/^1 +4 .* 12\.00 s +12\.00 s +chosen$/);
  expect(other).toMatch(/^1 +5 .* - +at least 14\.00 s +not looked into$/);
});
