import { describe, expect, test } from "vitest";
import type { Architecture, Dtype } from "../../plan/index.ts";
import { projectionsOf, targetsOn, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import {
  adapterBytes,
  expectPlannedOperators,
  expectPlannedRoom,
  runSmall,
  SMALL,
  type SmallJob,
  type SmallResult,
  smallCase,
} from "./small-run.ts";

const WINDOW = { slidingWindow: 9 } as const;
const NAMES = { attentionOutNorm: "attention_out", mlpOutNorm: "mlp_out" } as const;

/** Decoders with what each family has, in small. */
const DECODERS: Readonly<Record<string, Architecture>> = {
  "norms of heads": { ...SMALL, headNorm: { over: "head", weighted: true } },
  "windows in all layers": { ...SMALL, ...WINDOW, outputBias: true, qkvBias: true },
  "windows in some layers, caps, norms on both sides, gelu": {
    ...{ ...SMALL, ...WINDOW, windowed: [true, false, true], scoreCap: 3, logitCap: 4, attentionScale: 0.3 },
    ...{ norms: "both", normOffset: true, activation: "gelu", embeddingScale: 5.7, layerNames: NAMES, headDim: 12 },
  },
  "two ropes, norms of heads": {
    ...{ ...SMALL, ...WINDOW, windowed: [true, true, false], windowTheta: 500, norms: "both", layerNames: NAMES },
    headNorm: { over: "head", weighted: true },
  },
  "fused matrices, ropes by length, in part": {
    ...{ ...SMALL, fusedQkv: true, fusedGateUp: true, rotaryDim: 6 },
    ropeScaling: {
      ...{ type: "longrope", shortFactors: [1, 1.1, 1.2], longFactors: [1.5, 2.4, 3.3] },
      ...{ originalMaxPositions: 24, attentionFactor: 1.2 },
    },
  },
  "norms behind halves and of rows of heads": {
    ...{ ...SMALL, norms: "after", layerNames: NAMES },
    headNorm: { over: "row", weighted: true },
  },
  multipliers: { ...SMALL, attentionScale: 0.1, embeddingScale: 6, residualScale: 0.4, logitScale: 0.4 },
  "layers without rope": { ...SMALL, ropeless: [false, true, false] },
  "pairs, in part, norms on both sides": {
    ...{ ...SMALL, rotaryDim: 4, rotaryPairs: true, norms: "both", fusedGateUp: true, layerNames: NAMES },
    qkvBias: true,
  },
  "chunks, temperature, norms of heads after rope": {
    ...{
      ...SMALL,
      chunk: 16,
      rotaryPairs: true,
      ropeless: [false, false, true],
      temperature: { scale: 0.5, floor: 8 },
    },
    headNorm: { over: "head", weighted: false, afterRope: true },
  },
  "experts in some layers, norms of heads": {
    ...{ ...SMALL, headNorm: { over: "head", weighted: true } },
    experts: { count: 5, perToken: 2, intermediateSize: 24, normalized: false, dense: [true, false, false] },
  },
  "experts with biases and a gate of their own, sinks": {
    ...{ ...SMALL, ...WINDOW, windowed: [true, false, true], sinks: true, qkvBias: true, outputBias: true },
    experts: {
      ...{ count: 4, perToken: 3, intermediateSize: 20, normalized: true, routerBias: true, bias: true },
      ...{ gate: { limit: 0.5, alpha: 1.7 }, stored: "stacked" },
    },
  },
  "experts between norms": {
    ...{ ...SMALL, norms: "both", layerNames: NAMES },
    experts: { count: 3, perToken: 1, intermediateSize: 40, normalized: true, stored: "w1" },
  },
};

/** All targets of an architecture, and dropout where they may have it. */
function widest(architecture: Architecture) {
  return architecture.experts === undefined
    ? { dropout: 0.2, targets: targetsOn(architecture, UNFUSED_PROJECTIONS) }
    : { targets: [...projectionsOf(architecture)] };
}

const DTYPES: readonly Dtype[] = ["float32", "bfloat16", "nf4"];

/** Everything that a run trains and reports, but times. */
function outcome({ adapters, metrics }: SmallResult) {
  return {
    adapters: adapters.map(adapterBytes),
    metrics: metrics.map(({ seconds: _, ...row }) => row).sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step),
  };
}

/** Ranks and alphas by module on a plain decoder. */
const PATTERNS = {
  rankPattern: { "layers.1.*": 5, "mlp.down_proj": 2, q_proj: 13 },
  alphaPattern: { "layers.(0|2).*": 3.5 },
};

type Patterns = Pick<SmallJob, "rankPattern" | "alphaPattern" | "targets" | "dora" | "trainableTokens">;

const CASES: readonly (readonly [what: string, architecture: Architecture, patterns: Patterns])[] = [
  ...Object.entries(DECODERS).map(([what, architecture]) => [`a decoder with ${what}`, architecture, {}] as const),
  ["adapters with ranks and alphas by module", SMALL, PATTERNS],
  ["adapters with magnitudes", { ...SMALL, qkvBias: true, outputBias: true }, { ...PATTERNS, dora: true }],
  ...["windows in some layers, caps, norms on both sides, gelu", "fused matrices, ropes by length, in part"].map(
    (what) => [`adapters with magnitudes on ${what}`, DECODERS[what]!, { dora: true }] as const,
  ),
  ["adapters with magnitudes on multipliers", DECODERS["multipliers"]!, { dora: true, targets: ["o_proj", "up_proj"] }],
  ["rows of the embedding", { ...SMALL, tiedEmbeddings: false }, { trainableTokens: [0, 7, 21, 96], dora: true }],
  [
    "rows of a scaled embedding and of the head",
    { ...DECODERS["multipliers"]!, logitCap: 4 },
    { trainableTokens: [0, 7, 21], targets: ["o_proj"] },
  ],
  ["adapters on the head", SMALL, { targets: ["lm_head", "k_proj", "down_proj"] }],
  ["adapters on the head alone, capped logits", { ...SMALL, logitCap: 4 }, { targets: ["lm_head"] }],
];

describe.each(CASES)("%s", (_, architecture, patterns) => {
  const given = smallCase(
    [
      { rank: 8, ...widest(architecture), ...patterns },
      {
        ...{ rank: 3, microBatchSize: 1, optimizer: { maxGradNorm: 0.1 } },
        targets: ["o_proj", architecture.experts === undefined ? "down_proj" : "experts_down_proj"],
      },
    ],
    architecture,
  );

  test.each(DTYPES)("trains in %s as planned: operators and memory, whole, divided and recomputed", async (dtype) => {
    const whole = [{ devices: "cpu:0" }, { devices: "cpu:0", recompute: "layer" }] as const;
    const divided = [
      { devices: "cpu:0,cpu:1" },
      { devices: "cpu:0,cpu:1", cuts: [3], recomputedLayers: [1, 1] },
    ] as const;
    // Rows of a tied head are on one stage.
    const isWhole = architecture.tiedEmbeddings && patterns.trainableTokens !== undefined;
    const runs = await Promise.all(
      (isWhole ? whole : [...whole, ...divided]).map((run) => runSmall(given, { ...run, dtype, groups: 1 })),
    );
    for (const run of runs) {
      expect(outcome(run).metrics.every(({ loss }) => Number.isFinite(loss))).toBe(true);
      expectPlannedOperators(run.plan, run.operators);
      for (const [stage, planned] of run.plan.memory.entries())
        expectPlannedRoom(run.plan, planned, run.statistics[stage]!);
    }
    expect(outcome(runs[1]!)).toEqual(outcome(runs[0]!));
    // In other dtypes what crosses between devices is rounded there.
    if (dtype === "float32")
      for (const run of runs) expect(run.adapters.map(adapterBytes)).toEqual(runs[0]!.adapters.map(adapterBytes));
  });

  test("trains a job alone to the bytes that it has beside another one", async () => {
    const both = await runSmall(given, { devices: "cpu:0", groups: 1 });
    for (const only of [0, 1]) {
      const alone = await runSmall(given, { devices: "cpu:0", only });
      expect(adapterBytes(alone.adapters[0]!)).toBe(adapterBytes(both.adapters[only]!));
    }
  });
});
