import { expect, test } from "vitest";
import { syntheticWeights } from "../../exec/index.ts";
import type { WeightSource } from "../../exec/model-folder.ts";
import { ropeTable } from "../../exec/rope-frequencies.ts";
import { jobsOn } from "../../plan/documents/adapter-sites.ts";
import type { Architecture } from "../../plan/documents/architecture.ts";
import { lossSchema } from "../../plan/documents/loss.ts";
import { someOf } from "../level.ts";
import { referenceGradNorm, referenceLoss } from "./reference.ts";
import { planSmall, runSmall, SMALL, smallCase } from "./small-run.ts";

const BASE: Architecture = {
  ...SMALL,
  hiddenSize: 16,
  intermediateSize: 20,
  numLayers: 2,
  headDim: 4,
  vocabularySize: 29,
};

const FEATURES: readonly (readonly [string, Partial<Architecture>])[] = [
  ["grouped queries and a tied head", {}],
  ["as many key heads as heads", { numKvHeads: 4 }],
  ["one key head", { numKvHeads: 1 }],
  ["a head of its own", { tiedEmbeddings: false }],
  ["biases on q, k and v", { qkvBias: true, tiedEmbeddings: false }],
  ["a head dimension that is not hidden / heads", { headDim: 10 }],
  ["linear rotary scaling", { ropeScaling: { type: "linear", factor: 4 } }],
  [
    "llama3 rotary scaling",
    {
      headDim: 16,
      ropeTheta: 500_000,
      ropeScaling: { type: "llama3", factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 },
    },
  ],
];

/** As synthetic weights are, each read once. */
function cached(source: WeightSource): WeightSource {
  const known = new Map<string, Float32Array>();
  return {
    read(name, shape) {
      const value = known.get(name) ?? source.read(name, shape);
      known.set(name, value);
      return value;
    },
    readBfloat16: () => undefined,
  };
}

test.each(someOf(FEATURES, { quick: 3, all: 5 }))(
  "losses and gradient norms are those of a plain float64 decoder on one and two devices: %s",
  async (_, feature) => {
    const architecture = { ...BASE, ...feature };
    const model = { architecture, weights: cached(syntheticWeights(architecture).weights) };
    const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const;
    const given = smallCase(
      [{ rank: 1, targets: [...targets], batchSize: 1, microBatchSize: 1, steps: 1, length: 8 }],
      architecture,
      model,
    );
    const row = given.data[0]![0]!;
    const scored = row.labels.subarray(1).filter((label) => label >= 0).length;
    const { alpha, rank } = given.jobs[0]!.adapter;
    const lossOf = (pairs: (typeof given.start)[number]): number =>
      referenceLoss(architecture, model.weights, { scale: alpha / rank, pairs }, row) / scored;
    const loss = lossOf(given.start[0]!);
    const gradNorm = referenceGradNorm(lossOf, given.start[0]!);
    for (const devices of ["cpu:0", "cpu:0,cpu:1"]) {
      const [step] = (await runSmall(given, { devices })).metrics;
      expect(Math.abs(step!.loss / loss - 1)).toBeLessThan(2e-6);
      expect(Math.abs(step!.gradNorm / gradNorm - 1)).toBeLessThan(2e-4);
    }
  },
);

test.each([true, false])(
  "rows of the embedding have the gradient of a float64 decoder, head tied: %s",
  async (isTied) => {
    const architecture = { ...BASE, tiedEmbeddings: isTied };
    const model = { architecture, weights: cached(syntheticWeights(architecture).weights) };
    const tokens = [0, 3, 13, 27];
    const given = smallCase(
      [
        {
          rank: 1,
          targets: ["down_proj"],
          trainableTokens: tokens,
          batchSize: 1,
          microBatchSize: 1,
          steps: 1,
          length: 8,
        },
      ],
      architecture,
      model,
    );
    const start = given.start[0]!.map((pair) => ({ ...pair, a: pair.a.map((_, i) => Math.sin(i * 1.3) / 3) }));
    const row = given.data[0]![0]!;
    const scored = row.labels.subarray(1).filter((label) => label >= 0).length;
    const { alpha, rank } = given.jobs[0]!.adapter;
    const lossOf = (pairs: (typeof given.start)[number]): number =>
      referenceLoss(architecture, model.weights, { scale: alpha / rank, pairs, tokens }, row) / scored;
    const [step] = (await runSmall({ ...given, start: [start] }, { devices: "cpu:0" })).metrics;
    expect(Math.abs(step!.loss / lossOf(start) - 1)).toBeLessThan(2e-6);
    expect(Math.abs(step!.gradNorm / referenceGradNorm(lossOf, start) - 1)).toBeLessThan(2e-4);
  },
);

test("rows that embedding and head share are refused where they would be on two stages, compared or adapted twice", () => {
  const job = { targets: ["q_proj"], trainableTokens: [3] } as const;
  const given = smallCase([{ ...job, targets: ["q_proj"] }], BASE);
  expect(() => planSmall(given, { devices: "cpu:0,cpu:1" })).toThrow(
    /pipelines of one device.*job0 has trainableTokens/s,
  );
  const { adapter } = given.jobs[0]!;
  const on = (more: object, other: object = {}) => [{ adapter: { ...adapter, ...more }, ...other }];
  expect(() => jobsOn(BASE, on({ targets: ["lm_head"] }))).toThrow(/no lm_head beside trainableTokens/);
  const loss = lossSchema.parse({ kind: "dpo" });
  expect(() => jobsOn(BASE, on({}, { loss }))).toThrow(/no trainableTokens .* compares answers/);
  expect(() => jobsOn({ ...BASE, tiedEmbeddings: false }, on({}, { loss }))).not.toThrow();
  expect(() => jobsOn(BASE, on({ trainableTokens: [29] }))).toThrow(/ids below 29.*Hint: Add rows to the base/s);
});

test("llama3 scaling keeps short waves, stretches long ones by the factor and blends between", () => {
  const arch: Architecture = {
    ...BASE,
    headDim: 128,
    ropeTheta: 500_000,
    ropeScaling: { type: "llama3", factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
  };
  const { ropeScaling: _, ...unscaled } = arch;
  const ratio = Array.from(
    ropeTable(arch, "own").frequencies,
    (value, i) => value / ropeTable(unscaled, "own").frequencies[i]!,
  );
  const waves = Array.from(ropeTable(unscaled, "own").frequencies, (value) => (2 * Math.PI) / value);
  ratio.forEach((value, i) => {
    if (waves[i]! < 2048) expect(value).toBe(1);
    else if (waves[i]! > 8192) expect(value).toBeCloseTo(1 / 8, 6);
    else expect(value > 1 / 8 && value < 1).toBe(true);
  });
  expect(ratio.filter((value) => value < 1 && value > 0.126).length).toBeGreaterThan(2);
});
