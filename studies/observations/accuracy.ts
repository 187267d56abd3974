import { groupBy, median, ownValue } from "../../core/index.ts";
import type { Catalog } from "../../plan/index.ts";
import { relativeError, type Score, scoreOf } from "../score.ts";
import { predictedPlain } from "./plain-rows.ts";
import { predictRate, publishedRates } from "./published-rates.ts";
import { publishedSteps, STEP_SETTING } from "./published-rows.ts";
import { type PredictedStep, StepPredictor } from "./step-predictor.ts";

/** A step that others measured, predicted without what is known of it; seconds. */
export interface PublishedRow extends PredictedStep {
  /** Whose software, and where it was published. */
  readonly source: string;
  readonly accelerator: string;
  /** Some of its settings are inferred, or its software stands for itself. */
  readonly isDoubtful: boolean;
}

/** Groups of published steps of equal systems, whoever built them; of one accelerator, or of all. */
export function publishedGroups(accelerator?: string): readonly string[] {
  const steps = publishedSteps().filter(
    ({ system }) => accelerator === undefined || system.accelerator.name === accelerator,
  );
  return [...new Set(steps.map(({ group }) => group))];
}

/** The steps of a group, predicted by a model that is fitted to all other groups: a third of a second. */
export function predictWithoutGroup(group: string): readonly PublishedRow[] {
  const steps = publishedSteps();
  const others = steps.filter((step) => step.group !== group);
  const predictor = new StepPredictor(others, STEP_SETTING);
  return steps
    .filter((step) => step.group === group)
    .map((step) => ({
      ...predictor.corrected(step),
      source: `MLPerf, ${step.release}`,
      accelerator: step.system.accelerator.name,
      isDoubtful: step.isDoubtful,
    }));
}

/** Published rates of training, which nothing is fitted to. */
export function predictedRates(): readonly PublishedRow[] {
  return publishedRates().map((rate) => ({
    ...predictRate(rate),
    ...{ source: rate.source, accelerator: rate.system.accelerator.name, isDoubtful: false },
  }));
}

/** Published steps of plain software, each predicted by the rows of other models. */
export function predictedPlainRows(): readonly PublishedRow[] {
  return predictedPlain().map(({ software, ...row }) => ({ ...row, source: `release ${software}`, isDoubtful: false }));
}

/** How far off rows of one kind are, as parts of 1. */
export interface RowsScore extends Omit<Score, "mean"> {
  /** The median with its sign: above 0 where predicted times are too long. */
  readonly bias: number;
  /** Of rows, those inside their 90 % interval. */
  readonly inside: number;
}

/** @throws RangeError for no rows */
export function scoreRows(rows: readonly PublishedRow[]): RowsScore {
  const { mean: _, ...score } = scoreOf(rows);
  return {
    ...score,
    bias: median(rows.map(relativeError)),
    inside: rows.filter(({ low, measured, high }) => low <= measured && measured <= high).length / rows.length,
  };
}

/** Scores of rows of one software on one accelerator. */
export interface SourceScore extends RowsScore {
  readonly source: string;
  readonly accelerator: string;
}

export function scoreSources(rows: readonly PublishedRow[]): readonly SourceScore[] {
  return [...groupBy(rows, ({ source, accelerator }) => `${source}\n${accelerator}`).values()].map((own) => {
    const { source, accelerator } = own[0]!;
    return { source, accelerator, ...scoreRows(own) };
  });
}

/** Times of single kernels of a GPU, and how far off those are whose shapes were left out. */
export interface KernelScore {
  readonly accelerator: string;
  readonly kernel: "products" | "attention" | "collectives";
  readonly times: number;
  readonly median: number;
  readonly p90: number;
}

/** Of the GPUs of a catalog whose kernels were timed. */
export function kernelScores({ devices }: Catalog): readonly KernelScore[] {
  return Object.keys(devices).flatMap((accelerator) => {
    const { kernels } = ownValue(devices, accelerator)!;
    return (["products", "attention", "collectives"] as const).flatMap((kernel) => {
      const fit = kernels?.[kernel];
      if (fit === undefined) return [];
      return [{ accelerator, kernel, times: fit.times, median: fit.medianError, p90: fit.p90Error }];
    });
  });
}
