import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readTrainingSteps } from "../../bench/external/training-steps.ts";
import type { Measurement } from "../../bench/measurement.ts";
import { external } from "../../bench/suites/external.ts";
import { canonicalJson, groupBy } from "../../core/index.ts";
import {
  fitPeakFactor,
  PUBLISHED_ACTIVATIONS,
  PUBLISHED_FIT,
  publishedSteps,
  STEP_SETTING,
  StepPredictor,
  type TrainingStep,
} from "../../studies/index.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";

/** Largest mean error by model, where the published data are there; the rows are named by their files' form. */
test.skipIf(!HAS_SHARED)(
  "published measurements are predicted as well as promised",
  { tags: ["nightly"], timeout: 240_000 },
  async () => {
    const place = path.join(SHARED, "ground-truth");
    const measurements: Measurement[] = [];
    const setting = { scale: "quick", place, note: () => {} } as const;
    for (const { run } of await external.cases(setting))
      await run({ ...setting, measured: [], record: (measurement) => void measurements.push(measurement) });
    const value = (figure: string, model: string, fittedOn = ""): number =>
      measurements.find(
        ({ name, parameters }) =>
          name === figure && parameters["model"] === model && `${parameters["fitted on"]}`.startsWith(fittedOn),
      )!.value;
    const mean = (model: string, fittedOn: string): number => value("mean", model, fittedOn);
    expect(mean("time, blocking transfers, host and reduction", "all others")).toBeLessThanOrEqual(0.05);
    expect(mean("peak memory", "all others")).toBeLessThanOrEqual(0.015);
    expect(mean("time, smooth", "72 random")).toBeLessThanOrEqual(0.06);
    expect(mean("time, corrected by cell", "72 covering")).toBeLessThanOrEqual(0.015);
    for (const passes of ["F", "F+I"]) {
      expect(mean(`time, layer ${passes}`, "every other")).toBeLessThanOrEqual(0.025);
      expect(mean(`time, layer ${passes}`, "all but the largest")).toBeLessThanOrEqual(0.05);
    }
    const most = (model: string, figures: Readonly<Record<string, number>>): void => {
      for (const [figure, limit] of Object.entries(figures))
        expect(value(figure, model), `${figure} of ${model}`).toBeLessThanOrEqual(limit);
    };
    most("step, model", { mean: 0.04, median: 0.036, p90: 0.08, worst: 0.2 });
    most("step, corrected", { mean: 0.032, median: 0.025, p90: 0.06, worst: 0.2 });
    most("step, corrected, group known", { mean: 0.02, p90: 0.04, worst: 0.06 });
    most("step, corrected, by type", { mean: 0.04, worst: 0.08, "half-width of intervals": 0.14 });
    most("step, corrected", { "half-width of intervals": 0.1, "inside intervals of 90 %": 0.97 });
    for (const model of ["step, corrected", "step, corrected, by type"])
      expect(value("inside intervals of 90 %", model)).toBeGreaterThanOrEqual(0.85);
    most("peak memory, nothing fitted", { mean: 0.03, worst: 0.04 });
    most("peak memory, factor of activations", { mean: 0.005, worst: 0.01 });
    const steps = measurements.filter(({ parameters }) => `${parameters["model"]}`.startsWith("step, "));
    expect(Math.max(...steps.map(({ parameters }) => Number(parameters["fitted"])))).toBeLessThanOrEqual(21);
  },
);

test.skipIf(!HAS_SHARED)(
  "what capacity predicts steps with is what is fitted to published ones",
  () => {
    const file = path.join(SHARED, "ground-truth", "mlperf-lora", "llama2-70b-lora.csv");
    const { steps, peaks } = readTrainingSteps(readFileSync(file, "utf8"), file);
    const { generations, releases, ...numbers } = new StepPredictor(steps, STEP_SETTING).fitted.fit;
    const near = (expected: Readonly<Record<string, number>>, got: Readonly<Record<string, number>>): void => {
      expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, value] of Object.entries(expected)) expect(value / got[name]!, name).toBeCloseTo(1, 1.5);
    };
    const { generations: known, releases: knownReleases, ...kept } = PUBLISHED_FIT;
    near(kept, numbers);
    near(known, generations);
    near(knownReleases, releases);
    // The rows in the code are those that were published, but for their makers' names.
    const facts = ({ name: _name, group: _group, system: { scaleUp: _scaleUp, ...system }, ...step }: TrainingStep) =>
      canonicalJson({ ...step, system });
    expect(publishedSteps().map(facts).sort()).toEqual(steps.map(facts).sort());
    const groups = (all: readonly TrainingStep[]) => [...groupBy(all, ({ group }) => group).values()];
    const sizes = (all: readonly TrainingStep[]) => groups(all).map((own) => own.map(facts).sort().join("\n"));
    expect(sizes(publishedSteps()).sort()).toEqual(sizes(steps).sort());
    expect(PUBLISHED_ACTIVATIONS / fitPeakFactor(peaks)).toBeCloseTo(1, 2);
  },
  60_000,
);
