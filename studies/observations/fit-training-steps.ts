import { fitParameters } from "../../calibration/index.ts";
import { groupBy, median, solveSymmetric, sum } from "../../core/index.ts";
import type { Prediction } from "../score.ts";
import { type StepFit, trainingStepSeconds } from "./training-step.ts";
import type { TrainingSystem } from "./training-system.ts";

/** A measured time of a training step. */
export interface TrainingStep {
  readonly name: string;
  readonly system: TrainingSystem;
  /** Of the software, with the makers' family that its speed is compared within. */
  readonly release: string;
  /** Systems that differ in nothing that is known but their makers. */
  readonly group: string;
  readonly seconds: number;
  /** Counts half in a fit: its facts are inferred, or its software stands for itself. */
  readonly isDoubtful: boolean;
  readonly isOwnSoftware: boolean;
}

/** What is assumed of which nothing is fitted: the factor 1, or another one. */
export interface StepFitSetting {
  /** Generations whose speed counts as 1. */
  readonly referenceGenerations: readonly string[];
  /** By release, time relative to one that counts as 1. */
  readonly knownReleases: Readonly<Record<string, number>>;
}

const SCALE = 0.03;
const SOFT = 1.5;
/** Of the logarithm of every fitted value around its start. */
const PRIOR = 0.4;

const START = { float8Share: 0.85, float4Share: 0.7, hostSeconds: 3e-3, ringSeconds: 3e-4 } as const;

type Flat = Readonly<Record<string, number>>;

function named(prefix: string, flat: Flat): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(flat).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

function fitOf(flat: Flat, { knownReleases }: StepFitSetting): StepFit {
  const { float8Share, float4Share, hostSeconds, ringSeconds } = { ...START, ...flat };
  return {
    ...{ float8Share, float4Share, hostSeconds, ringSeconds },
    generations: named("generation ", flat),
    releases: { ...knownReleases, ...named("release ", flat) },
  };
}

/** The fitted values of a fit, by name: its known releases were not fitted. */
function flatOf({ generations, releases, ...numbers }: StepFit, { knownReleases }: StepFitSetting): Flat {
  const flat: Record<string, number> = { ...numbers };
  for (const [name, value] of Object.entries(generations)) flat[`generation ${name}`] = value;
  for (const [name, value] of Object.entries(releases)) if (!(name in knownReleases)) flat[`release ${name}`] = value;
  return flat;
}

/** One residual for each set of equal systems: their median, so that a system that many makers sell counts once. */
function residualGroups(steps: readonly TrainingStep[]): readonly (readonly TrainingStep[])[] {
  return [...groupBy(steps, ({ group, system }) => `${group} ${system.overlaps}`).values()];
}

/** The fitted values. */
export interface FittedSteps {
  readonly fit: StepFit;
  readonly numFitted: number;
  /** Variance of the logarithm of a predicted time, by what the rows leave open of the fitted values. */
  readonly variance: (step: Pick<TrainingStep, "system" | "release">) => number;
}

/** Of logarithms, for derivatives. */
const MOVE = 1e-4;

/** What a function of the fitted values changes by with each of their logarithms. */
function derivatives(flat: Flat, of: (flat: Flat) => readonly number[]): readonly (readonly number[])[] {
  const here = of(flat);
  return Object.keys(flat).map((name) => {
    const moved = of({ ...flat, [name]: flat[name]! * Math.exp(MOVE) });
    return moved.map((value, row) => (value - here[row]!) / MOVE);
  });
}

const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((value, i) => value * b[i]!));

/**
 * Fits shares, times and factors to measured steps; generations and releases that they have and the setting does not.
 * `known`: what such a fit came to, where that need not be found again.
 */
export function fitTrainingSteps(
  steps: readonly TrainingStep[],
  setting: StepFitSetting,
  known?: StepFit,
): FittedSteps {
  const generations = new Set(steps.map(({ system }) => system.accelerator.generation));
  const releases = new Set(steps.map(({ release }) => release));
  for (const reference of setting.referenceGenerations) generations.delete(reference);
  for (const release of Object.keys(setting.knownReleases)) releases.delete(release);
  const start: Record<string, number> = {
    ...START,
    ...Object.fromEntries([...generations].map((name) => [`generation ${name}`, 1])),
    ...Object.fromEntries([...releases].map((name) => [`release ${name}`, 1])),
  };
  const groups = residualGroups(steps);
  const residuals = (parameters: Flat): readonly number[] => {
    const fit = fitOf(parameters, setting);
    const seen = groups.map((group) => {
      const errors = group.map(({ system, release, seconds }) =>
        Math.log(trainingStepSeconds(system, release, fit) / seconds),
      );
      return (median(errors) / SCALE) * (group.some(({ isDoubtful }) => isDoubtful) ? 0.5 : 1);
    });
    const priors = Object.entries(start).map(([name, at]) => Math.log(parameters[name]! / at) / PRIOR);
    return [...seen, ...priors];
  };
  const flat = known === undefined ? fitParameters({ start, softL1: SOFT, residuals }) : flatOf(known, setting);
  const columns = derivatives(flat, residuals);
  const normal = columns.map((a) => columns.map((b) => dot(a, b)));
  return {
    fit: fitOf(flat, setting),
    numFitted: Object.keys(start).length,
    variance({ system, release }) {
      const gradient = derivatives(flat, (moved) => [
        Math.log(trainingStepSeconds(system, release, fitOf(moved, setting))),
      ]).map(([change]) => change!);
      return dot(gradient, solveSymmetric(normal, gradient) ?? gradient.map(() => 0));
    },
  };
}

/** Predictions with every group counted once: the median of the logarithms of its errors. */
export function groupPredictions(
  steps: readonly TrainingStep[],
  predictions: readonly Prediction[],
): readonly Prediction[] {
  const rows = steps.map((step, index) => ({ group: step.group, prediction: predictions[index]! }));
  return [...groupBy(rows, ({ group }) => group)].map(([name, members]) => ({
    name,
    predicted: Math.exp(
      median(members.map(({ prediction: { predicted, measured } }) => Math.log(predicted / measured))),
    ),
    measured: 1,
  }));
}
