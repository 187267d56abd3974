import type { Calibration } from "../plan/index.ts";
import { createCostModel, type PlanBody } from "../plan/index.ts";
import { type Intervals, intervalOf } from "../traces/index.ts";
import { actionDurations } from "./action-durations.ts";
import { costErrors } from "./cost-errors.ts";
import { type RunFigures, runFigures } from "./run-figures.ts";
import { runWithTimes } from "./run-plan.ts";
import { sampleTimes } from "./sample-times.ts";

/** Some of the runs that might be. Draw i is the same whoever makes it, and whatever else is drawn. */
export interface DrawRequest {
  readonly plan: PlanBody;
  readonly calibration: Calibration;
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/** The figures of draws `first` to `first + count - 1`. */
export function drawFigures({ plan, calibration, seed, first, count }: DrawRequest): readonly RunFigures[] {
  const costModel = createCostModel(calibration, plan.model.dtype);
  const predicted = actionDurations(plan, costModel);
  const errors = costErrors(calibration);
  const contention = costModel.contention === undefined ? {} : { contention: costModel.contention };
  return Array.from({ length: count }, (_, index) => {
    const times = sampleTimes(plan, predicted, costModel, errors, `draw ${seed} ${first + index}`);
    return runFigures(plan, runWithTimes(plan, { ...times, ...contention }));
  });
}

/** The intervals of drawn figures. */
export function intervalsOfFigures(
  plan: Pick<PlanBody, "jobs">,
  figures: readonly RunFigures[],
  { level, seed }: Pick<Intervals, "level" | "seed">,
): Intervals {
  const of = (figure: (run: RunFigures) => number) => intervalOf(figures.map(figure), level);
  return {
    level,
    samples: figures.length,
    seed,
    makespanSeconds: of((run) => run.makespanSeconds),
    tokensPerSecond: of((run) => run.tokensPerSecond),
    bubbleRatio: figures.some((run) => run.bubbleRatio === null) ? null : of((run) => run.bubbleRatio!),
    bubbleRatioTotal: of((run) => run.bubbleRatioTotal),
    jobs: plan.jobs.map(({ name }, job) => ({ name, turnaroundSeconds: of((run) => run.turnaroundSeconds[job]!) })),
  };
}
