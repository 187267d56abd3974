import type { Evaluated, PreferenceMeasures, StepMetrics } from "../../exec/index.ts";

// The tags under which Hugging Face's Trainer writes, and TRL where answers are compared, in the Trainer's order.

export type Scalar = readonly [tag: string, value: number];

type Folder = "train" | "eval";

const PREFERENCE_TAGS = {
  rewardChosen: "rewards/chosen",
  rewardRejected: "rewards/rejected",
  accuracy: "rewards/accuracies",
  margin: "rewards/margins",
  logpChosen: "logps/chosen",
  logpRejected: "logps/rejected",
  nll: "nll_loss",
  kl: "kl",
} as const satisfies Record<keyof PreferenceMeasures, string>;

function preferenceScalars(folder: Folder, measures: PreferenceMeasures | undefined): readonly Scalar[] {
  if (measures === undefined) return [];
  return Object.entries(PREFERENCE_TAGS).flatMap(([name, tag]): Scalar[] => {
    const value = measures[name as keyof PreferenceMeasures];
    return value === null ? [] : [[`${folder}/${tag}`, value]];
  });
}

/** Of an optimizer step. `epoch`: passes over the job's rows so far. */
export function stepScalars(
  { loss, gradNorm, learningRate, preference }: StepMetrics,
  epoch: number,
): readonly Scalar[] {
  return [
    ["train/loss", loss],
    ["train/grad_norm", gradNorm],
    ["train/learning_rate", learningRate],
    ...preferenceScalars("train", preference),
    ["train/epoch", epoch],
  ];
}

/** Of an evaluation. Speeds are left out where it took no time that could be told. */
export function evaluationScalars(
  { metrics, seconds, rows, microBatches }: Evaluated,
  epoch: number,
): readonly Scalar[] {
  return [
    ["eval/loss", metrics.evaluationLoss],
    ["eval/runtime", seconds],
    ...speeds("eval/", seconds, rows, microBatches),
    ...preferenceScalars("eval", metrics.preference),
    ["train/epoch", epoch],
  ];
}

/** Steps of a job that this process has made. */
export interface MadeSteps {
  readonly seconds: number;
  readonly steps: number;
  readonly rows: number;
  /** Sum over the steps. */
  readonly loss: number;
}

/** Of a job that has made all its steps. */
export function endScalars({ seconds, steps, rows, loss }: MadeSteps, epoch: number): readonly Scalar[] {
  return [
    ["train/train_runtime", seconds],
    ...speeds("train/train_", seconds, rows, steps),
    ["train/train_loss", loss / steps],
    ["train/epoch", epoch],
  ];
}

function speeds(prefix: string, seconds: number, rows: number, steps: number): readonly Scalar[] {
  if (seconds <= 0) return [];
  return [
    [`${prefix}samples_per_second`, rows / seconds],
    [`${prefix}steps_per_second`, steps / seconds],
  ];
}
