import { InvariantError, solveSymmetric, sum } from "../../core/index.ts";
import { NINE_TENTHS, type Prediction } from "../score.ts";
import { type FittedSteps, fitTrainingSteps, type StepFitSetting, type TrainingStep } from "./fit-training-steps.ts";
import { type StepFit, trainingStepSeconds } from "./training-step.ts";
import type { TrainingSystem } from "./training-system.ts";

/** A step that nobody may have measured: of no group of equal systems where absent. */
export type AskedStep = Pick<TrainingStep, "system" | "release"> &
  Partial<Pick<TrainingStep, "group" | "isDoubtful" | "isOwnSoftware">> & {
    /** Of plain software, how far it lies from what is predicted of it. */
    readonly plainSigma?: number;
  };

/** What a prediction rests on. */
export type Provenance = "fitted" | "transferred" | "peaks";

/** The standard deviation of the logarithm of a predicted step's time, and what it rests on. */
export interface StepTrust {
  readonly provenance: Provenance;
  readonly sigma: number;
  /** Nine of ten times lie between the predicted one over this and times this. */
  readonly factor: number;
}

const accelerator = ({ system }: AskedStep): string => system.accelerator.name;
const generation = ({ system }: AskedStep): string => system.accelerator.generation;

const configuration = ({ system }: AskedStep): string => {
  const { tensorParallel, contextParallel, precision, recomputedLayers, hasGraphs } = system;
  return `${system.accelerator.name} ${tensorParallel} ${contextParallel} ${precision} ${recomputedLayers} ${hasGraphs}`;
};

/**
 * What systems have in common that the model does not know, and how far their times lie apart by it (log, 1 sigma).
 * Undefined where nobody says.
 */
const COMMON: readonly { readonly of: (step: AskedStep) => string | undefined; readonly sigma: number }[] = [
  { of: accelerator, sigma: 0.02 },
  { of: (step) => `${accelerator(step)} ${step.release}`, sigma: 0.02 },
  { of: configuration, sigma: 0.02 },
  { of: ({ group }) => group, sigma: 0.015 },
  { of: ({ group, system }) => (group === undefined ? undefined : `${group} ${system.overlaps}`), sigma: 0.01 },
];
const COMMON_VARIANCE = sum(COMMON.map(({ sigma }) => sigma ** 2));

/** The same of equal systems at different sites. */
const SITE = 0.013;
/**
 * Of what was never measured: a group, a type, a generation; and of doubtful rows, and software on its own. All of them were
 * seen when such rows were left out (docs/reference/accuracy.md).
 */
const NEW_GROUP = 0.02;
const NEW_TYPE = 0.045;
const NEW_GENERATION = 0.2;
/** A judgement: of a generation whose kernels were timed, as published rates of the A100 bear out. */
const TIMED_GENERATION = 0.1;
const DOUBTFUL = 0.06;
const OWN_SOFTWARE = 0.17;
/** A judgement: of another model, or products of which no rows are. */
const NEW_MODEL = 0.1;

/** A predicted time with the interval that nine of ten measured ones are expected in. */
export interface PredictedStep extends Prediction {
  readonly low: number;
  readonly high: number;
}

/** Predicts training steps by a model that was fitted to measured ones, corrected by what these had in common with them. */
export class StepPredictor {
  readonly fitted: FittedSteps;
  readonly #steps: readonly TrainingStep[];
  /** By place in `COMMON`, of each step. */
  readonly #keys: readonly (readonly (string | undefined)[])[];
  readonly #covariance: readonly (readonly number[])[];
  readonly #weights: readonly number[];

  /** `fit`: what a fit to the steps came to, where that is known. */
  constructor(steps: readonly TrainingStep[], setting: StepFitSetting, fit?: StepFit) {
    this.fitted = fitTrainingSteps(steps, setting, fit);
    this.#steps = steps;
    this.#keys = steps.map(keysOf);
    const residuals = steps.map((step) => Math.log(step.seconds / this.#modelled(step)));
    this.#covariance = steps.map((step, i) =>
      this.#commonWith(step).map((common, j) => common + (i === j ? SITE ** 2 + doubtOf(step) : 0)),
    );
    this.#weights = this.#solve(residuals);
  }

  /** By the model alone. */
  modelled(step: TrainingStep): Prediction {
    return { name: step.name, predicted: this.#modelled(step), measured: step.seconds };
  }

  /** What the model's time is multiplied with, by what is known of systems like it. */
  correction(step: AskedStep): number {
    return Math.exp(sum(this.#commonWith(step).map((value, row) => value * this.#weights[row]!)));
  }

  /** How far a corrected time can be trusted. */
  trust(step: AskedStep): StepTrust {
    const common = this.#commonWith(step);
    const known = this.#solve(common);
    const left = COMMON_VARIANCE - sum(common.map((value, row) => value * known[row]!));
    const { provenance, variances } = this.#unknown(step);
    const sigma = Math.sqrt(left + this.fitted.variance(step) + SITE ** 2 + doubtOf(step) + sum(variances));
    return { provenance, sigma, factor: Math.exp(NINE_TENTHS * sigma) };
  }

  /** With what is known of systems like it. */
  corrected(step: TrainingStep): PredictedStep {
    const { factor } = this.trust(step);
    const predicted = this.#modelled(step) * this.correction(step);
    return { name: step.name, predicted, measured: step.seconds, low: predicted / factor, high: predicted * factor };
  }

  /** Variances for what no row was like. Software that stands for itself says nothing of others. */
  #unknown(step: AskedStep) {
    const rows = this.#steps.filter(({ isOwnSoftware }) => !isOwnSoftware || step.isOwnSoftware === true);
    const own = rows.filter((known) => generation(known) === generation(step));
    const isType = own.some((known) => accelerator(known) === accelerator(step));
    // Of one group nobody knows what is the generation's and what the type's.
    const isSeveral = new Set(own.map(({ group }) => group)).size > 1;
    const ofRelease = own.filter(({ release }) => release === step.release);
    const isPublished = (ofRelease.length > 0 ? ofRelease : own).some(
      ({ system }) => system.precision === step.system.precision,
    );
    const isSameModel = isPublished && rows.some(({ system }) => hasModelOf(system, step.system));
    const isTimed = step.system.accelerator.kernels.source !== "mean";
    const isKnown = own.length > 0 || isTimed;
    const provenance: Provenance = !isKnown ? "peaks" : isType && isSameModel ? "fitted" : "transferred";
    const variances = [
      rows.some(({ group }) => group === step.group) ? 0 : NEW_GROUP ** 2,
      isType && isSeveral ? 0 : NEW_TYPE ** 2,
      own.length > 0 ? 0 : (isTimed ? TIMED_GENERATION : NEW_GENERATION) ** 2,
      isSameModel ? 0 : NEW_MODEL ** 2,
    ];
    return { provenance, variances };
  }

  #commonWith(step: AskedStep): readonly number[] {
    const own = keysOf(step);
    return this.#keys.map((keys) => {
      let variance = 0;
      for (const [place, key] of keys.entries())
        if (key !== undefined && key === own[place]) variance += COMMON[place]!.sigma ** 2;
      return variance;
    });
  }

  #modelled({ system, release }: TrainingStep): number {
    return trainingStepSeconds(system, release, this.fitted.fit);
  }

  #solve(values: readonly number[]): readonly number[] {
    const solved = solveSymmetric(this.#covariance, values);
    if (solved === null) throw new InvariantError({ expected: "a covariance that is positive definite" });
    return solved;
  }
}

const keysOf = (step: AskedStep): readonly (string | undefined)[] => COMMON.map(({ of }) => of(step));

function doubtOf({ isDoubtful, isOwnSoftware, plainSigma = 0 }: AskedStep): number {
  if (plainSigma > 0) return plainSigma ** 2;
  return isOwnSoftware ? OWN_SOFTWARE ** 2 : isDoubtful ? DOUBTFUL ** 2 : 0;
}

/** Whether two systems train models of one shape. */
function hasModelOf(a: TrainingSystem, b: TrainingSystem): boolean {
  const shape = ({ architecture: { numLayers, hiddenSize } }: TrainingSystem): string => `${numLayers} ${hiddenSize}`;
  return shape(a) === shape(b);
}

/** Each row predicted from the rows that differ from it in something: its name, its group, or its accelerator. */
export function predictLeftOut(
  steps: readonly TrainingStep[],
  keyOf: (step: TrainingStep) => string,
  setting: StepFitSetting,
): readonly { readonly modelled: Prediction; readonly corrected: PredictedStep }[] {
  const predictors = new Map<string, StepPredictor>();
  return steps.map((step) => {
    const key = keyOf(step);
    const known =
      predictors.get(key) ??
      new StepPredictor(
        steps.filter((other) => keyOf(other) !== key),
        setting,
      );
    predictors.set(key, known);
    return { modelled: known.modelled(step), corrected: known.corrected(step) };
  });
}
