import { fitParameters } from "../../calibration/index.ts";
import { groupBy } from "../../core/index.ts";
import { architectureFromConfig, CATALOG, huggingFaceConfigSchema, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { NINE_TENTHS } from "../score.ts";
import { acceleratorOf } from "./accelerator.ts";
import { PLAIN_SOFTWARE } from "./plain-software.ts";
import { type PublishedRate, publishedRates } from "./published-rates.ts";
import { NEWEST, publishedPredictor, releaseNamed } from "./published-steps.ts";
import type { PredictedStep } from "./step-predictor.ts";
import { type StepFit, trainingStepSeconds } from "./training-step.ts";

/** A step of plain software that somebody published. */
export interface PlainRow extends Pick<PublishedRate, "name" | "system"> {
  readonly software: string;
  readonly model: string;
  readonly seconds: number;
}

const LENGTHS = [256, 512, 1024, 2048, 4096, 8192] as const;
const [ROWS, RANK] = [8, 64];

/**
 * Layers, hidden size, MLP, heads, vocabulary; seconds of a step of eight rows of each length. QwenLM/Qwen, README.md at
 * 2df8e8ac, "Profiling of Memory and Speed": one A100 SXM 80, bfloat16, PyTorch 2.0, FlashAttention 2, micro-batches of
 * one row; the scripts beside it compute all layers again and have adapters of rank 64 on all projections.
 */
const QWEN: Readonly<Record<string, readonly [shape: readonly number[], seconds: readonly number[]]>> = {
  "qwen-1.8b": [
    [24, 2048, 5504, 16, 151_936],
    [1, 1, 1.1, 1.7, 3.3, 6.8],
  ],
  "qwen-7b": [
    [32, 4096, 11_008, 32, 151_936],
    [1.2, 1.5, 2.8, 5.2, 10.1, 21.3],
  ],
  "qwen-14b": [
    [40, 5120, 13_696, 40, 152_064],
    [1.6, 2.4, 4.4, 8.4, 17, 36],
  ],
};

function qwenRows(): readonly PlainRow[] {
  const accelerator = acceleratorOf("A100 SXM 80", CATALOG);
  return Object.entries(QWEN).flatMap(([model, [[layers, hidden, inner, heads, vocabulary], times]]) => {
    const config = {
      ...{ model_type: "llama", hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers },
      ...{ num_attention_heads: heads, num_key_value_heads: heads, vocab_size: vocabulary },
      ...{ max_position_embeddings: 8192, rms_norm_eps: 1e-6, rope_theta: 10_000 },
    };
    const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(config));
    const trainedParameters = layers! * RANK * (8 * hidden! + 3 * (hidden! + inner!));
    return LENGTHS.map((tokens, place) => ({
      ...{ software: "transformers-peft", model, seconds: times[place]! },
      name: `${model} on 1 x ${accelerator.name}, rows of ${tokens} tokens`,
      system: {
        ...{ accelerator, architecture, trainedParameters, targets: UNFUSED_PROJECTIONS, accelerators: 1, scaleUp: 8 },
        ...{ tensorParallel: 1, contextParallel: 1, contextExchange: "all-to-all", pipelineParallel: 1 },
        ...{ tokens, sequence: tokens, accumulation: ROWS, precision: "bfloat16", recomputedLayers: layers! },
        ...{ isSharded: false, hasGraphs: false, overlaps: false },
      },
    }));
  });
}

/** All rows that are known of plain software. */
export function plainRows(): readonly PlainRow[] {
  const tuned = publishedRates().filter(({ source }) => source === "torchtune");
  return [
    ...qwenRows(),
    ...tuned.map(({ name, system, stepTokens, tokensPerSecond }) => ({
      ...{ name, system, software: "torchtune", model: name.split(" on ")[0]! },
      seconds: stepTokens / system.accelerators / tokensPerSecond,
    })),
  ];
}

type PlainFit = Readonly<Record<"factor" | "hostSeconds", number>>;

/** Seconds of a step as the newest release has it, with another factor and another host. */
function plainSeconds({ system }: PlainRow, { factor, hostSeconds }: PlainFit): number {
  const predictor = publishedPredictor();
  const release = releaseNamed(NEWEST, system.accelerator.generation);
  const { fit } = predictor.fitted;
  const other: StepFit = { ...fit, hostSeconds, releases: { ...fit.releases, [release]: factor } };
  return trainingStepSeconds(system, release, other) * predictor.correction({ system, release });
}

/** What fits rows of one software best. */
export function fitPlain(rows: readonly PlainRow[]): PlainFit {
  return fitParameters({
    start: { factor: 1.05, hostSeconds: 1.5e-3 },
    residuals: (fit) => rows.map((row) => Math.log(plainSeconds(row, fit) / row.seconds)),
  });
}

/** A row of plain software, predicted by what was fitted to the other models' rows. */
export interface PredictedPlain extends PredictedStep {
  readonly software: string;
  readonly accelerator: string;
}

export function predictedPlain(): readonly PredictedPlain[] {
  const rows = plainRows();
  return [...groupBy(rows, ({ software, model }) => `${software}\n${model}`).values()].flatMap((own) => {
    const { software, model } = own[0]!;
    const fit = fitPlain(rows.filter((row) => row.software === software && row.model !== model));
    const factor = Math.exp(NINE_TENTHS * PLAIN_SOFTWARE[software]!.sigma);
    return own.map((row) => {
      const predicted = plainSeconds(row, fit);
      return {
        ...{ name: row.name, software, accelerator: row.system.accelerator.name, predicted, measured: row.seconds },
        ...{ low: predicted / factor, high: predicted * factor },
      };
    });
  });
}
