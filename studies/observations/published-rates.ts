import {
  type Architecture,
  architectureFromConfig,
  CATALOG,
  decoderDimensions,
  huggingFaceConfigSchema,
  PRESETS,
  type Projection,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import { acceleratorOf } from "./accelerator.ts";
import { NEWEST, publishedPredictor, releaseNamed } from "./published-steps.ts";
import type { PredictedStep } from "./step-predictor.ts";
import { trainingStepSeconds } from "./training-step.ts";
import type { TrainingSystem } from "./training-system.ts";

/** A rate of training that somebody published, with the settings that it was reached with. */
export interface PublishedRate {
  readonly name: string;
  /** Who published it, and of which software. */
  readonly source: string;
  readonly system: TrainingSystem;
  /** Tokens of a step, of all accelerators. */
  readonly stepTokens: number;
  /** Of each accelerator. */
  readonly tokensPerSecond: number;
}

interface RateFacts
  extends Partial<
    Pick<
      TrainingSystem,
      | "tensorParallel"
      | "pipelineParallel"
      | "virtualStages"
      | "drainAfter"
      | "isSharded"
      | "precision"
      | "quantized"
      | "targets"
      | "isFull"
    >
  > {
  readonly model: string;
  readonly accelerator: string;
  readonly accelerators: number;
  /** Of a step. */
  readonly rows: number;
  readonly rowTokens: number;
  /** Rows of a micro-batch; 1 if absent. */
  readonly microRows?: number;
  /** Tokens that attend to each other, where a row is a pack of shorter ones; the whole row if absent. */
  readonly attended?: number;
  /** All layers are computed again. */
  readonly recomputes?: true;
  readonly rate: number;
}

/** Rows of SQuAD and of Alpaca in a pack have some so many tokens, and of data of which nothing is said as many as this. */
const [SQUAD, ALPACA, UNSAID] = [200, 120, 300];
const QKV: readonly Projection[] = ["q_proj", "k_proj", "v_proj"];
/** The defaults of torchtune: all but k. */
const NOT_K = UNFUSED_PROJECTIONS.filter((projection) => projection !== "k_proj");

const BRIDGE = { model: "llama-3-70b", accelerators: 8, targets: QKV, rowTokens: 4096, attended: SQUAD } as const;
const RECIPES = {
  ...{ ...BRIDGE, accelerator: "H100 SXM", tensorParallel: 2, pipelineParallel: 4, virtualStages: 20 },
} as const;
const FULL = { model: "llama-3-8b", accelerator: "H100 SXM", accelerators: 8, isFull: true, rowTokens: 4096 } as const;
const FULL_70B = { ...RECIPES, accelerators: 32, rows: 32, tensorParallel: 4, virtualStages: 5, isFull: true } as const;
const AUTOMODEL = { accelerator: "H100 SXM", accelerators: 1, rows: 32, rowTokens: 4096 } as const;
const QWEN = { ...AUTOMODEL, model: "qwen-2.5-32b", recomputes: true } as const;
const TUNE = { accelerators: 1, targets: NOT_K, rowTokens: 2048, recomputes: true } as const;

/**
 * Rates of LoRA training with all settings said, or inferred from recipes. Facts of the public pages that each source
 * names, an open half of those that we know of: nothing here is fitted to them.
 */
const RATES: Readonly<Record<string, readonly RateFacts[]>> = {
  // NVIDIA-NeMo/Megatron-Bridge, performance summary of container 26.06.
  "Megatron-Bridge 26.06": (
    [
      ["GB300", 2, 7481],
      ["GB200", 2, 6206],
      ["GB300", 2, 7447],
      ["GB200", 4, 5958],
    ] as const
  ).map(([accelerator, pipelineParallel, rate]) => ({
    ...{ ...BRIDGE, accelerator, precision: "float8", rows: 32, pipelineParallel, virtualStages: 20, rate },
  })),
  "Megatron-Bridge 26.06, full": [{ ...FULL_70B, precision: "float8", rate: 1638 }],
  // NVIDIA DGX Cloud recipes, v25.02.
  "NeMo 24.12": (["bfloat16", "float8"] as const).flatMap((precision) =>
    [8, 16, 32].map((accelerators, place) => ({
      ...{ ...RECIPES, accelerators, precision, rows: 4 * accelerators },
      rate: { bfloat16: [1796.89, 1742.98, 1676.97], float8: [2520.62, 2445.37, 2155.79] }[precision][place]!,
    })),
  ),
  "NeMo 24.12, full": [
    ...(
      [
        ["bfloat16", 8, 12_412.12],
        ["bfloat16", 16, 12_412.12],
        ["bfloat16", 32, 12_318.8],
        ["float8", 8, 17_246.32],
        ["float8", 16, 17_066.67],
        ["float8", 32, 17_066.67],
      ] as const
    ).map(([precision, accelerators, rate]) => ({
      ...{ ...FULL, attended: SQUAD, precision, accelerators, rows: 4 * accelerators, rate },
    })),
    { ...FULL_70B, rate: 1219.05 },
    { ...FULL_70B, precision: "float8", rate: 1812.39 },
  ],
  // NVIDIA NeMo's user guide, container 24.07.
  "NeMo 24.07": [25_206, 24_824].map((rate) => ({
    ...{ model: "llama-2-7b", accelerator: "H100 SXM", accelerators: 8, targets: QKV, precision: "float8" },
    ...{ rows: 32, rowTokens: 4096, attended: SQUAD, rate },
  })),
  "NeMo 24.07, full": (
    [
      ["llama-2-7b", 1, 17_120],
      ["llama-2-13b", 4, 9256],
      ["llama-2-13b", 4, 9741],
      ["llama-2-7b", 1, 17_617],
      ["llama-2-13b", 4, 10_176],
      ["llama-2-7b", 1, 16_891],
    ] as const
  ).map(([model, pipelineParallel, rate]) => ({
    ...{ ...FULL, attended: SQUAD, model, pipelineParallel, precision: "float8", rows: 32, rate },
  })),
  // NVIDIA-NeMo/Automodel, performance summaries of 2025-11 to 2026-04.
  AutoModel: [
    { ...AUTOMODEL, model: "llama-3-8b", microRows: 2, rate: 12_472.87 },
    { ...AUTOMODEL, model: "qwen-2.5-7b", microRows: 2, rate: 14_110.05 },
    // A local batch of eight rows fills and drains the pipeline by itself.
    { ...QWEN, accelerators: 8, pipelineParallel: 4, virtualStages: 8, drainAfter: 8, rate: 1950.93 },
    { ...QWEN, accelerators: 16, pipelineParallel: 4, virtualStages: 8, drainAfter: 8, rate: 1826.49 },
    { ...QWEN, accelerators: 8, tensorParallel: 2, isSharded: true, microRows: 2, rate: 2250.31 },
    { ...QWEN, accelerators: 16, tensorParallel: 2, isSharded: true, microRows: 2, rate: 2072.89 },
  ],
  // pytorch/torchtune, README of 2024-05 and 2024-11, table of optimizations of 2025-02.
  torchtune: [
    {
      ...{ ...TUNE, model: "llama-3-8b", accelerator: "RTX 4090", quantized: "nf4", attended: ALPACA },
      ...{ rows: 2, microRows: 2, rate: 2413 },
    },
    {
      ...{ ...TUNE, model: "llama-3-70b", accelerator: "A100 SXM 80", accelerators: 8, isSharded: true },
      ...{ attended: ALPACA, rows: 16, microRows: 2, rate: 437.12 },
    },
    {
      ...{ ...TUNE, model: "llama-3.1-405b", accelerator: "A100 SXM 80", accelerators: 8, isSharded: true },
      ...{ quantized: "nf4", attended: ALPACA, rows: 16, microRows: 2, rate: 81.62 },
    },
    {
      ...{ ...TUNE, model: "llama-2-7b", accelerator: "RTX 4090", quantized: "nf4", targets: ["q_proj", "v_proj"] },
      ...{ attended: UNSAID, rows: 4, microRows: 4, rate: 3155 },
    },
    {
      ...{ ...TUNE, model: "llama-2-7b", accelerator: "RTX 4090", targets: ["q_proj", "v_proj"] },
      ...{ attended: UNSAID, rows: 4, microRows: 4, rate: 2582 },
    },
    {
      ...{ ...TUNE, model: "llama-2-70b", accelerator: "A100 SXM 80", accelerators: 8, isSharded: true, targets: QKV },
      ...{ rowTokens: 4096, attended: UNSAID, rows: 32, microRows: 4, rate: 423 },
    },
    {
      ...{ ...TUNE, model: "llama-3.2-3b", accelerator: "A100 SXM 80", rowTokens: 4096, attended: ALPACA },
      ...{ rows: 2, microRows: 2, rate: 8210 },
    },
  ],
  "torchtune, full": [
    {
      ...{ ...FULL, accelerator: "RTX 4090", accelerators: 1, rowTokens: 2048, attended: ALPACA, recomputes: true },
      ...{ rows: 2, microRows: 2, rate: 1650 },
    },
  ],
};

/** Of adapters of rank 16 on all of a model's layers: what it adds to a step is far below what can be told. */
const ADAPTER_PARAMETERS = 3e7;

/** With both an embedding and a head. */
function modelParameters(architecture: Architecture): number {
  const { numLayers, hiddenSize, vocabularySize } = architecture;
  return numLayers * decoderDimensions(architecture).parameters + 2 * hiddenSize * vocabularySize;
}

function systemOf(facts: RateFacts): TrainingSystem {
  const { model, accelerators, rows, rowTokens, microRows = 1, attended = rowTokens, recomputes = false } = facts;
  const { tensorParallel = 1, pipelineParallel = 1, isSharded = false, precision = "bfloat16" } = facts;
  const { virtualStages, drainAfter, quantized, targets, isFull } = facts;
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[model]));
  const copies = accelerators / tensorParallel / pipelineParallel;
  return {
    ...{ accelerator: acceleratorOf(facts.accelerator, CATALOG), architecture, accelerators, precision },
    ...{ tensorParallel, contextParallel: 1, contextExchange: "all-to-all", pipelineParallel, isSharded },
    ...{ tokens: microRows * rowTokens, sequence: attended, accumulation: rows / copies / microRows },
    trainedParameters: isFull ? modelParameters(architecture) : ADAPTER_PARAMETERS,
    recomputedLayers: recomputes ? architecture.numLayers : 0,
    hasGraphs: true,
    overlaps: tensorParallel > 1,
    scaleUp: CATALOG.devices[facts.accelerator]!.scaleUpDevices?.value ?? 1,
    ...(virtualStages === undefined ? {} : { virtualStages }),
    ...(drainAfter === undefined ? {} : { drainAfter }),
    ...(quantized === undefined ? {} : { quantized }),
    ...(isFull === undefined ? {} : { isFull }),
    ...(isFull || targets === undefined ? {} : { targets }),
  };
}

function nameOf(facts: RateFacts): string {
  const { model, accelerator, accelerators, precision = "bfloat16", quantized } = facts;
  const { tensorParallel = 1, pipelineParallel = 1, isSharded = false, isFull = false } = facts;
  const split = [
    ...(isFull ? ["full training"] : []),
    ...(tensorParallel > 1 ? [`tp ${tensorParallel}`] : []),
    ...(pipelineParallel > 1 ? [`pp ${pipelineParallel}`] : []),
    ...(isSharded ? ["ZeRO-3"] : []),
  ];
  return [`${model} on ${accelerators} x ${accelerator}`, quantized ?? precision, ...split].join(", ");
}

/** The published rates. */
export function publishedRates(): readonly PublishedRate[] {
  return Object.entries(RATES).flatMap(([source, rows]) =>
    rows.map((facts) => ({
      ...{ name: nameOf(facts), source, system: systemOf(facts) },
      ...{ stepTokens: facts.rows * facts.rowTokens, tokensPerSecond: facts.rate },
    })),
  );
}

/** The step of such a rate, as `layouts` predicts it. */
export function predictRate({ name, system, stepTokens, tokensPerSecond }: PublishedRate): PredictedStep {
  const predictor = publishedPredictor();
  const release = releaseNamed(NEWEST, system.accelerator.generation);
  const asked = { system, release };
  const predicted = trainingStepSeconds(system, release, predictor.fitted.fit) * predictor.correction(asked);
  const { factor } = predictor.trust(asked);
  const measured = stepTokens / system.accelerators / tokensPerSecond;
  return { name, predicted, measured, low: predicted / factor, high: predicted * factor };
}
