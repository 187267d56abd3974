import { InvariantError, solveSymmetric, sum } from "../../core/index.ts";
import { NINE_TENTHS, type Prediction } from "../score.ts";
import { type FittedSteps, fitTrainingSteps, type StepFitSetting, type TrainingStep } from "./fit-training-steps.ts";
import { trainingStepSeconds } from "./training-step.ts";

const accelerator = ({ system }: TrainingStep): string => system.accelerator.name;

const configuration = ({ system }: TrainingStep): string => {
  const { tensorParallel, contextParallel, precision, recomputedLayers, hasGraphs } = system;
  return `${system.accelerator.name} ${tensorParallel} ${contextParallel} ${precision} ${recomputedLayers} ${hasGraphs}`;
};

/** What systems have in common that the model does not know, and how far their times lie apart by it (log, 1 sigma). */
const COMMON: readonly { readonly of: (step: TrainingStep) => string; readonly sigma: number }[] = [
  { of: accelerator, sigma: 0.02 },
  { of: (step) => `${accelerator(step)} ${step.release}`, sigma: 0.02 },
  { of: configuration, sigma: 0.02 },
  { of: ({ group }) => group, sigma: 0.015 },
  { of: ({ group, system }) => `${group} ${system.overlaps}`, sigma: 0.01 },
];

/** The same of equal systems at different sites. */
const SITE = 0.013;
/** Of what was never measured: a group, a type, a generation; and of doubtful rows, and software on its own. */
const NEW_GROUP = 0.025;
const NEW_TYPE = 0.045;
const NEW_GENERATION = 0.2;
const DOUBTFUL = 0.06;
const OWN_SOFTWARE = 0.17;

/** A predicted time with the interval that nine of ten measured ones are expected in. */
export interface PredictedStep extends Prediction {
  readonly low: number;
  readonly high: number;
}

/** Predicts training steps by a model that was fitted to measured ones, corrected by what these had in common with them. */
export class StepPredictor {
  readonly fitted: FittedSteps;
  readonly #steps: readonly TrainingStep[];
  readonly #setting: StepFitSetting;
  readonly #covariance: readonly (readonly number[])[];
  readonly #weights: readonly number[];

  constructor(steps: readonly TrainingStep[], setting: StepFitSetting) {
    this.fitted = fitTrainingSteps(steps, setting);
    this.#steps = steps;
    this.#setting = setting;
    const residuals = steps.map((step) => Math.log(step.seconds / this.#modelled(step)));
    this.#covariance = steps.map((a, i) => steps.map((b, j) => commonVariance(a, b) + (i === j ? SITE ** 2 : 0)));
    this.#weights = this.#solve(residuals);
  }

  /** By the model alone. */
  modelled(step: TrainingStep): Prediction {
    return { name: step.name, predicted: this.#modelled(step), measured: step.seconds };
  }

  /** With what is known of systems like it. */
  corrected(step: TrainingStep): PredictedStep {
    const common = this.#steps.map((known) => commonVariance(step, known));
    const correction = sum(common.map((value, i) => value * this.#weights[i]!));
    const known = this.#solve(common);
    const left = commonVariance(step, step) - sum(common.map((value, i) => value * known[i]!));
    const sigma = Math.sqrt(left + this.fitted.variance(step) + SITE ** 2 + sum(this.#unknown(step)));
    const predicted = this.#modelled(step) * Math.exp(correction);
    const [low, high] = [-NINE_TENTHS, NINE_TENTHS].map((sigmas) => predicted * Math.exp(sigmas * sigma));
    return { name: step.name, predicted, measured: step.seconds, low: low!, high: high! };
  }

  /** Variances for what no row was like. */
  #unknown(step: TrainingStep): readonly number[] {
    const isNew = (of: (each: TrainingStep) => string): boolean => this.#steps.every((known) => of(known) !== of(step));
    const generations = [...this.#setting.referenceGenerations, ...this.#steps.map((known) => generation(known))];
    return [
      isNew(({ group }) => group) ? NEW_GROUP ** 2 : 0,
      isNew(accelerator) ? NEW_TYPE ** 2 : 0,
      generations.includes(generation(step)) ? 0 : NEW_GENERATION ** 2,
      step.isDoubtful ? (step.isOwnSoftware ? OWN_SOFTWARE : DOUBTFUL) ** 2 : 0,
    ];
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

const generation = ({ system }: TrainingStep): string => system.accelerator.generation;

function commonVariance(a: TrainingStep, b: TrainingStep): number {
  return sum(COMMON.map(({ of, sigma }) => (of(a) === of(b) ? sigma ** 2 : 0)));
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
