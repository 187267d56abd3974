import type { MachineMoves } from "../calibration/index.ts";
import { costErrors } from "../calibration/index.ts";
import { actionDurations, type Calibration, createCostModel, type PlanBody, withoutPruning } from "../plan/index.ts";
import { type Interval, type Intervals, intervalOf } from "../traces/index.ts";
import { actionsOf, movedTimes } from "./moved-times.ts";
import { type RunFigures, runFigures } from "./run/run-figures.ts";
import type { RunTimes } from "./run/run-plan.ts";
import { deviceTimes, runWithTimes } from "./run/run-plan.ts";
import { sampleTimes } from "./sample-times.ts";
import { blockingFigures } from "./simulate-blocking.ts";
import { hasBlockingLinks } from "./tasks/blocking-tasks.ts";

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
  /** In what ways the machine may run; always as when it was calibrated where absent. */
  readonly moves?: MachineMoves;
}

/** The seed of one draw, of plans and comparison schedules alike. */
export function drawSeed(seed: number, draw: number): string {
  return `draw ${seed} ${draw}`;
}

function figuresOf(plan: PlanBody, overlap: boolean): (times: RunTimes) => RunFigures {
  if (overlap && !hasBlockingLinks(plan)) return (times) => runFigures(plan, runWithTimes(plan, times));
  return blockingFigures(plan, overlap ? "marked" : "all");
}

/** What a plan's runs are simulated with. */
function prepare({ plan: given, calibration, without = {} }: Pick<DrawRequest, "plan" | "calibration" | "without">) {
  const known = createCostModel(calibration, given.model.dtype);
  const { plan, costModel } =
    without.pruning === true ? withoutPruning(given, known) : { plan: given, costModel: known };
  return {
    plan,
    costModel,
    predicted: actionDurations(plan, costModel),
    figures: figuresOf(plan, without.overlap !== true),
    ofDevices: deviceTimes(costModel),
  };
}

/** The figures of draws `first` to `first + count - 1`. */
export function drawFigures(request: DrawRequest): readonly RunFigures[] {
  const { calibration, seed, first, count, moves } = request;
  const { plan, costModel, predicted, figures, ofDevices } = prepare(request);
  const errors = costErrors(calibration);
  const actions = moves === undefined ? [] : actionsOf(plan);
  return Array.from({ length: count }, (_, index) => {
    const draw = drawSeed(seed, first + index);
    const { links, action } = sampleTimes(plan, predicted, costModel, errors, draw);
    const moved = moves === undefined ? action : movedTimes(action, plan, actions, moves, draw);
    return figures({ links, action: moved, ...ofDevices });
  });
}

/** The figures of the run that is predicted: no error is drawn. */
export function predictedFigures(request: Pick<DrawRequest, "plan" | "calibration" | "without">): RunFigures {
  const { costModel, predicted, figures, ofDevices } = prepare(request);
  return figures({ links: costModel, action: predicted, ...ofDevices });
}

/** The intervals of drawn figures, as far as what is predicted: it always lies inside. */
export function intervalsOfFigures(
  { jobs }: { readonly jobs: readonly { readonly name: string }[] },
  figures: readonly RunFigures[],
  predicted: RunFigures,
  { level, seed }: Pick<Intervals, "level" | "seed">,
): Intervals {
  const of = (figure: (run: RunFigures) => number): Interval => {
    const [low, high] = intervalOf(figures.map(figure), level);
    return [Math.min(low, figure(predicted)), Math.max(high, figure(predicted))];
  };
  return {
    level,
    samples: figures.length,
    seed,
    makespanSeconds: of((run) => run.makespanSeconds),
    tokensPerSecond: of((run) => run.tokensPerSecond),
    bubbleRatio: [...figures, predicted].some((run) => run.bubbleRatio === null) ? null : of((run) => run.bubbleRatio!),
    bubbleRatioTotal: of((run) => run.bubbleRatioTotal),
    jobs: jobs.map(({ name }, job) => ({ name, turnaroundSeconds: of((run) => run.turnaroundSeconds[job]!) })),
  };
}
