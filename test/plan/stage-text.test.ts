import { expect, test } from "vitest";
import { recomputationText, type Stage, stageText } from "../../plan/index.ts";

const stage: Stage = {
  index: 0,
  device: 0,
  firstLayer: 0,
  endLayer: 4,
  embedding: true,
  head: false,
  recomputedLayers: 0,
};
const last: Stage = { ...stage, index: 1, device: 1, firstLayer: 4, endLayer: 8, embedding: false, head: true };

test("what is recomputed is told over all stages, and nothing where nothing is", () => {
  expect(recomputationText([stage, last])).toBeUndefined();
  expect(recomputationText([{ ...stage, recomputedLayers: 3 }, last])).toBe("recompute 3 of 8 layers");
  expect(recomputationText([stage, last].map((each) => ({ ...each, recomputedLayers: 4 })))).toBe(
    "recompute all 8 layers",
  );
});

test("a stage's layers come with what is beside them, and with how many are recomputed where it is some", () => {
  expect(stageText(stage)).toBe("0-3 + embedding");
  expect(stageText(last)).toBe("4-7 + head");
  expect(stageText({ ...last, firstLayer: 7 })).toBe("7 + head");
  expect(stageText({ ...last, recomputedLayers: 4 })).toBe("4-7 + head");
  expect(stageText({ ...last, recomputedLayers: 1 })).toBe("4-7 + head, 1 recomputed");
});

test("a divided layer is named by its half on each side, and counts half as recomputed", () => {
  const stages = [
    { ...stage, endsAtAttention: true as const, recomputedLayers: 4 },
    { ...last, firstLayer: 3, startsAtMlp: true as const },
  ];
  expect(stages.map(stageText)).toEqual(["0-2 + attention of 3 + embedding", "MLP of 3 + 4-7 + head"]);
  expect(recomputationText(stages)).toBe("recompute 3.5 of 8 layers");
});
