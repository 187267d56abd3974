import { expect, it } from "vitest";
import { drawnFactor } from "../../capacity/error-draws.ts";
import { mean, quantileOfShares } from "../../core/index.ts";
import { CATALOG, type StepLayout, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import {
  DealtRows,
  layoutSeconds,
  layoutTrust,
  publishedSteps,
  STEP_SETTING,
  type StepMachine,
  StepPredictor,
  type TrainingStep,
} from "../../studies/index.ts";

/** A published step as `layouts` and `capacity` ask for it: a machine, a layout, whole rows. */
function asked({ system, release }: TrainingStep) {
  const { accelerator, accelerators: count, tensorParallel, contextParallel, contextExchange } = system;
  const { precision, hasGraphs, overlaps, scaleUp, recomputedLayers, architecture, trainedParameters } = system;
  const { targets = UNFUSED_PROJECTIONS } = system;
  const dataParallel = count / tensorParallel / contextParallel;
  const machine: StepMachine = {
    ...{ accelerator, count, scaleUp, precision, release, hasGraphs, overlaps },
    memoryBytes: CATALOG.devices[accelerator.name]!.memoryBytes!.value,
  };
  const layout: StepLayout = {
    ...{ tensorParallel, contextParallel, contextExchange, pipelineParallel: 1, dataParallel, recomputedLayers },
    ...{ sharded: system.isSharded ? "weights" : "state", microTokens: system.tokens },
  };
  const steps = [Array<number>(dataParallel * system.accumulation).fill(system.tokens)];
  const rows = new DealtRows([{ architecture, trainedParameters, targets, steps, longestRow: system.tokens }]);
  return { machine, layout, rows };
}

const predictors = new Map<string, StepPredictor>();

function predictorWithout(group: string, steps: readonly TrainingStep[]): StepPredictor {
  const known = predictors.get(group);
  const others = steps.filter((step) => step.group !== group);
  const predictor = known ?? new StepPredictor(others, STEP_SETTING);
  predictors.set(group, predictor);
  return predictor;
}

/** Every published step as a predictor says it that knows none of its systems. */
const leftOut = publishedSteps().map((step, _, steps) => {
  const predictor = predictorWithout(step.group, steps);
  const { machine, layout, rows } = asked(step);
  const seconds = layoutSeconds(machine, layout, rows, predictor);
  return { step, seconds, trust: layoutTrust(machine, layout, rows, predictor) };
});

/** The share of steps in their intervals, from one factor of what is predicted to another. */
function coverage(factorsOf: (step: (typeof leftOut)[number]) => readonly [number, number]): number {
  const inside = leftOut.filter((each) => {
    const [low, high] = factorsOf(each);
    return each.seconds * low <= each.step.seconds && each.step.seconds <= each.seconds * high;
  });
  return inside.length / leftOut.length;
}

it("intervals of layouts cover 85 to 95 % of published steps of systems that were left out", () => {
  const covered = coverage(({ trust: { factor } }) => [1 / factor, factor]);
  expect(covered).toBeGreaterThanOrEqual(0.85);
  expect(covered).toBeLessThanOrEqual(0.95);
});

it("nine of ten of 20 draws of capacity lie about 85 to 95 % of these steps", () => {
  const covered = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((seed) =>
    coverage(({ step, trust: { sigma } }) => {
      const { name } = step.system.accelerator;
      const factors = Array.from({ length: 20 }, (_, draw) => drawnFactor(name, sigma, draw, { draws: 20, seed }));
      return [quantileOfShares(factors, 0.05), quantileOfShares(factors, 0.95)];
    }),
  );
  expect(mean(covered), covered.join()).toBeGreaterThanOrEqual(0.85);
  expect(mean(covered), covered.join()).toBeLessThanOrEqual(0.95);
  // What a seed is lucky by.
  expect(Math.max(...covered) - Math.min(...covered)).toBeLessThan(0.15);
});
