import type { MachineMoves } from "../calibration/index.ts";
import { costErrors, drawMoves } from "../calibration/index.ts";
import { actionDurations, type Calibration, createCostModel, type PlanBody, withoutPruning } from "../plan/index.ts";
import { type Interval, type Intervals, intervalOf, type Outlook } from "../traces/index.ts";
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

/** The runs that might be of a plan. */
export interface DrawnPlan {
  readonly plan: PlanBody;
  readonly calibration: Calibration;
  readonly seed: number;
  readonly without?: SwitchedOff;
  /** In what ways the machine may run; always as when it was calibrated where absent. */
  readonly moves?: MachineMoves;
}

/** Some of them, by number. A draw is the same whoever makes it, and whatever else is drawn. */
export interface DrawRequest extends DrawnPlan {
  readonly draws: readonly number[];
  /** What becomes of the machine in them; all that was seen of it where absent. */
  readonly outlook?: Outlook;
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
export function preparePlan({
  plan: given,
  calibration,
  without = {},
}: Pick<DrawnPlan, "plan" | "calibration" | "without">) {
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

/** The figures of some draws, each of which is simulated. */
export function drawFigures(request: DrawRequest): readonly RunFigures[] {
  const { calibration, seed, draws, moves, outlook = "been" } = request;
  const { plan, costModel, predicted, figures, ofDevices } = preparePlan(request);
  const errors = costErrors(calibration);
  const actions = moves === undefined ? [] : actionsOf(plan);
  const moveOf = moves && drawMoves(moves, outlook);
  return draws.map((number) => {
    const draw = drawSeed(seed, number);
    const { links, action } = sampleTimes(plan, predicted, costModel, errors, draw);
    const moved = moveOf === undefined ? action : movedTimes(action, plan, actions, moveOf, draw);
    return figures({ links, action: moved, ...ofDevices });
  });
}

/** The figures of the run that is predicted: no error is drawn. */
export function predictedFigures(request: Pick<DrawnPlan, "plan" | "calibration" | "without">): RunFigures {
  const { costModel, predicted, figures, ofDevices } = preparePlan(request);
  return figures({ links: costModel, action: predicted, ...ofDevices });
}

/** The intervals of drawn figures. What is predicted lies inside, where there is something. */
export function intervalsOfFigures(
  { jobs }: { readonly jobs: readonly { readonly name: string }[] },
  figures: readonly RunFigures[],
  predicted: RunFigures | undefined,
  choice: Pick<Intervals, "level" | "samples" | "seed">,
): Intervals {
  const held = predicted === undefined ? [] : [predicted];
  const of = (figure: (run: RunFigures) => number): Interval => {
    const [low, high] = intervalOf(figures.map(figure), choice.level);
    const own = held.map(figure);
    return [Math.min(low, ...own), Math.max(high, ...own)];
  };
  const hasBubble = [...figures, ...held].every((run) => run.bubbleRatio !== null);
  return {
    ...choice,
    makespanSeconds: of((run) => run.makespanSeconds),
    tokensPerSecond: of((run) => run.tokensPerSecond),
    bubbleRatio: hasBubble ? of((run) => run.bubbleRatio!) : null,
    bubbleRatioTotal: of((run) => run.bubbleRatioTotal),
    jobs: jobs.map(({ name }, job) => ({ name, turnaroundSeconds: of((run) => run.turnaroundSeconds[job]!) })),
  };
}

/** The intervals of a plan by what becomes of the machine: as it is now, or where nobody looked as it has been. */
export function intervalsOfOutlooks(
  plan: PlanBody,
  figures: ReadonlyMap<Outlook, readonly RunFigures[]>,
  predicted: RunFigures,
  choice: Pick<Intervals, "level" | "samples" | "seed">,
): Intervals {
  const of = (outlook: Outlook): Intervals =>
    intervalsOfFigures(plan, figures.get(outlook)!, outlook === "been" ? predicted : undefined, choice);
  const been = of("been");
  if (!figures.has("now")) return been;
  const [alone, now] = [of("alone"), of("now")];
  const outlooks = { alone: alone.makespanSeconds, now: now.makespanSeconds, been: been.makespanSeconds };
  return { ...now, outlooks };
}
