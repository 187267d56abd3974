import { actionDurations, type Calibration, createCostModel, type PlanBody, withoutPruning } from "../plan/index.ts";
import { type Intervals, intervalOf } from "../traces/index.ts";
import { hasBlockingLinks } from "./blocking-tasks.ts";
import { costErrors } from "./cost-errors.ts";
import { type RunFigures, runFigures } from "./run-figures.ts";
import { deviceTimes, type RunTimes, runWithTimes } from "./run-plan.ts";
import { sampleTimes } from "./sample-times.ts";
import { blockingFigures } from "./simulate-blocking.ts";

/** What a run is simulated without; nothing where absent. */
export interface SwitchedOff {
  /** Transfers beside computation. */
  readonly overlap?: boolean;
  /** Adapters' rows added in place. */
  readonly pruning?: boolean;
}

/** Some of the runs that might be. Draw i is the same whoever makes it, and whatever else is drawn. */
export interface DrawRequest {
  readonly plan: PlanBody;
  readonly calibration: Calibration;
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  readonly without?: SwitchedOff;
}

/** The seed of one draw, of plans and comparison schedules alike. */
export function drawSeed(seed: number, draw: number): string {
  return `draw ${seed} ${draw}`;
}

function figuresOf(plan: PlanBody, overlap: boolean): (times: RunTimes) => RunFigures {
  if (overlap && !hasBlockingLinks(plan)) return (times) => runFigures(plan, runWithTimes(plan, times));
  return blockingFigures(plan, overlap ? "marked" : "all");
}

/** The figures of draws `first` to `first + count - 1`. */
export function drawFigures(request: DrawRequest): readonly RunFigures[] {
  const { calibration, seed, first, count, without = {} } = request;
  const known = createCostModel(calibration, request.plan.model.dtype);
  const { plan, costModel } =
    without.pruning === true ? withoutPruning(request.plan, known) : { plan: request.plan, costModel: known };
  const figures = figuresOf(plan, without.overlap !== true);
  const predicted = actionDurations(plan, costModel);
  const errors = costErrors(calibration);
  const ofDevices = deviceTimes(costModel);
  return Array.from({ length: count }, (_, index) => {
    const times = sampleTimes(plan, predicted, costModel, errors, drawSeed(seed, first + index));
    return figures({ ...times, ...ofDevices });
  });
}

/** The intervals of drawn figures. */
export function intervalsOfFigures(
  { jobs }: { readonly jobs: readonly { readonly name: string }[] },
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
    jobs: jobs.map(({ name }, job) => ({ name, turnaroundSeconds: of((run) => run.turnaroundSeconds[job]!) })),
  };
}
