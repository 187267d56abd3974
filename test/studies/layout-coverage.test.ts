import { expect, it } from "vitest";
import { CATALOG, type StepLayout } from "../../plan/index.ts";
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
  const rows = new DealtRows([{ architecture, trainedParameters, steps, longestRow: system.tokens }]);
  return { machine, layout, rows };
}

it("intervals of layouts and of capacity cover 85 to 95 % of published steps of systems that were left out", () => {
  const steps = publishedSteps();
  const predictors = new Map<string, StepPredictor>();
  const inside = steps.filter((step) => {
    const others = steps.filter(({ group }) => group !== step.group);
    const predictor = predictors.get(step.group) ?? new StepPredictor(others, STEP_SETTING);
    predictors.set(step.group, predictor);
    const { machine, layout, rows } = asked(step);
    const seconds = layoutSeconds(machine, layout, rows, predictor);
    const { factor } = layoutTrust(machine, layout, rows, predictor);
    return seconds / factor <= step.seconds && step.seconds <= seconds * factor;
  });
  const coverage = inside.length / steps.length;
  expect(coverage).toBeGreaterThanOrEqual(0.85);
  expect(coverage).toBeLessThanOrEqual(0.95);
}, 240_000);
