import { groupBy, mean, median } from "../../core/index.ts";
import {
  fitPeakFactor,
  groupPredictions,
  type PeakMemory,
  type PredictedStep,
  type Prediction,
  peakMemoryPrediction,
  predictLeftOut,
  relativeError,
  STEP_SETTING,
  StepPredictor,
  type TrainingStep,
} from "../../studies/index.ts";
import type { Scored } from "./scored.ts";

const accelerator = ({ system }: TrainingStep): string => system.accelerator.name;

function intervalsOf(steps: readonly PredictedStep[]): NonNullable<Scored["intervals"]> {
  const isInside = ({ low, measured, high }: PredictedStep): boolean => low <= measured && measured <= high;
  return {
    inside: steps.filter(isInside).length / steps.length,
    halfWidth: mean(steps.map(({ low, high }) => Math.sqrt(high / low) - 1)),
  };
}

/** Each accelerator once: the median of its groups. */
function typePredictions(steps: readonly TrainingStep[], predictions: readonly Prediction[]): readonly Prediction[] {
  const rows = steps.map((step, index) => ({ step, prediction: predictions[index]! }));
  return [...groupBy(rows, ({ step }) => accelerator(step))].map(([name, own]) => {
    const groups = groupPredictions(
      own.map(({ step }) => step),
      own.map(({ prediction }) => prediction),
    );
    return { name, predicted: 1 + median(groups.map(relativeError)), measured: 1 };
  });
}

/**
 * Scores of a model of training steps, every group of equal systems counted once. Rows that are doubtful, and the only
 * groups of their generations, which no other row says anything of, are scored apart.
 */
export function scoreTrainingSteps(steps: readonly TrainingStep[]): readonly Scored[] {
  const groupsOf = groupBy(steps, ({ system }) => system.accelerator.generation);
  const isAlone = ({ system }: TrainingStep): boolean =>
    new Set(groupsOf.get(system.accelerator.generation)!.map(({ group }) => group)).size === 1;
  const isScored = steps.map((step) => !step.isDoubtful && !isAlone(step));
  const scored = <T>(values: readonly T[]): readonly T[] => values.filter((_, index) => isScored[index]);
  const rows = scored(steps);
  const { numFitted } = new StepPredictor(steps, STEP_SETTING).fitted;
  const byGroup = predictLeftOut(steps, ({ group }) => group, STEP_SETTING);
  const byType = predictLeftOut(steps, accelerator, STEP_SETTING);
  const byRow = predictLeftOut(steps, ({ name }) => name, STEP_SETTING);
  const hasTwin = rows.map(({ group }) => rows.filter((other) => other.group === group).length > 1);
  const known = scored(byRow).flatMap(({ corrected }, index) => (hasTwin[index] ? [corrected] : []));
  const corrected = scored(byGroup).map((each) => each.corrected);
  const types = scored(byType).map((each) => each.corrected);
  const left = "all others (a group left out)";
  const apart = [...new Set(steps.filter((_, index) => !isScored[index]).map(accelerator))].join(", ");
  const remark = `without ${steps.length - rows.length} rows that are doubtful or the only ones of their generation (of ${apart})`;
  return [
    {
      model: "step, model",
      ...{ fitted: numFitted, fitRows: left, remark },
      predictions: groupPredictions(
        rows,
        scored(byGroup).map(({ modelled }) => modelled),
      ),
    },
    {
      model: "step, corrected",
      ...{ fitted: numFitted, fitRows: left, remark },
      predictions: groupPredictions(rows, corrected),
      intervals: intervalsOf(corrected),
    },
    {
      model: "step, corrected, group known",
      ...{ fitted: numFitted, fitRows: "all others (a row left out)", remark },
      predictions: known,
      intervals: intervalsOf(known),
    },
    {
      model: "step, corrected, by type",
      ...{ fitted: numFitted, fitRows: "all others (a type left out)", remark },
      predictions: typePredictions(rows, types),
      intervals: intervalsOf(types),
    },
    {
      model: "step, model, all rows",
      ...{ fitted: numFitted, fitRows: left },
      predictions: groupPredictions(
        steps,
        byGroup.map(({ modelled }) => modelled),
      ),
    },
  ];
}

/** Scores of the model of peak memory, with nothing fitted and with one factor of activations. */
export function scorePeakMemory(peaks: readonly PeakMemory[]): readonly Scored[] {
  if (peaks.length === 0) return [];
  const configurations = [...groupBy(peaks, ({ configuration }) => configuration).keys()];
  const leftOut = peaks.map((peak) => {
    const others = peaks.filter(({ configuration }) => configuration !== peak.configuration);
    return peakMemoryPrediction(peak, fitPeakFactor(others));
  });
  const remark = `${configurations.length} configurations`;
  return [
    {
      model: "peak memory, nothing fitted",
      ...{ fitted: 0, fitRows: "none", remark },
      predictions: peaks.map((peak) => peakMemoryPrediction(peak, 1)),
    },
    {
      model: "peak memory, factor of activations",
      ...{ fitted: 1, fitRows: "all others (a configuration left out)", remark },
      predictions: leftOut,
    },
  ];
}
