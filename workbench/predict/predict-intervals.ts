import { costErrors, type MachineMoves, machineMoves } from "../../calibration/index.ts";
import { sum } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import { type Calibration, computeDtype, type Dtype, type LayersCalibration, type PlanBody } from "../../plan/index.ts";
import { drawSeed, intervalsOfFigures, predictedFigures, type SwitchedOff, sharedFactors } from "../../sim/index.ts";
import { drawJobs, type JobsRun } from "../../studies/index.ts";
import type { Intervals } from "../../traces/index.ts";
import { inWorkers } from "../in-workers.ts";
import { speedHistory } from "../machine/speed-history.ts";

export const LEVEL = 0.9;
export const SAMPLES = 100;
/** With fewer draws the ends of a 90 % interval are those of single runs. */
export const FEWEST_SAMPLES = 20;
/** Actions that all draws together may have where nobody asked for a number: some seconds. */
const ACTIONS = 2e6;
/** Below this many a second thread takes longer to start than it saves. */
const ACTIONS_FOR_WORKERS = 5e5;
/** Draws are handed out in pieces, so that no thread waits long for the last. */
const PIECES = 8;

/** The runs that are drawn for intervals. */
export interface DrawChoice {
  /** As many as are affordable where absent. */
  readonly samples?: number | undefined;
  readonly seed: number;
}

/** How the intervals of a plan are computed. */
export interface IntervalChoice extends DrawChoice {
  /** Whether to reckon with how fast this machine was before. */
  readonly withHistory: boolean;
}

/** As many draws as were asked for, or as are affordable; 0 where that is too few to say anything. */
function countSamples({ samples }: DrawChoice, numActions: number): number {
  if (samples !== undefined) return samples;
  const affordable = Math.min(SAMPLES, Math.floor(ACTIONS / numActions));
  return affordable < FEWEST_SAMPLES ? 0 : affordable;
}

/** Whether anything is drawn: exact times have no errors. */
export function hasErrors(calibration: Calibration): boolean {
  const { actions, links } = costErrors(calibration);
  return links > 0 || Object.values(actions).some(({ systematic, independent }) => systematic + independent > 0);
}

/** How many draws `what` of so many actions gets; nothing where too few are affordable. */
function samplesFor(
  context: Context,
  choice: DrawChoice,
  calibration: Calibration,
  numActions: number,
  what: string,
): number | undefined {
  const asked = countSamples(choice, numActions);
  if (asked === 0) {
    context.note(`no intervals for ${what} of ${numActions} actions; --samples ${FEWEST_SAMPLES} computes them.`);
    return undefined;
  }
  return hasErrors(calibration) ? asked : 1;
}

/** How much the calibration's machine moves: by its measuring runs, and by later runs where it is this machine. */
export function movesOf(
  { withHistory }: Pick<IntervalChoice, "withHistory">,
  calibration: Calibration,
): MachineMoves | undefined {
  if (calibration.model !== "measured" || calibration.machine === undefined) return undefined;
  const { machine, dtype, device } = calibration;
  const { host } = machine;
  const seen = withHistory ? speedHistory({ host, dtype: computeDtype(dtype as Dtype), type: device.type }) : [];
  return machineMoves(machine, seen);
}

/**
 * Where the figures of a plan's run lie by the errors of its costs; nothing for a huge plan, which is said.
 */
export async function predictIntervals(
  context: Context,
  choice: IntervalChoice,
  plan: PlanBody,
  calibration: Calibration,
  without: SwitchedOff = {},
): Promise<Intervals | undefined> {
  const numActions = sum(plan.actions.map((order) => order.length));
  const samples = samplesFor(context, choice, calibration, numActions, "a plan");
  if (samples === undefined) return undefined;
  const { seed } = choice;
  const pieces = Math.min(PIECES, samples);
  const startOf = (piece: number): number => Math.floor((piece * samples) / pieces);
  const parts = Array.from({ length: pieces }, (_, piece) => ({
    first: startOf(piece),
    count: startOf(piece + 1) - startOf(piece),
  }));
  const isLarge = samples * numActions >= ACTIONS_FOR_WORKERS;
  const moves = movesOf(choice, calibration);
  const shared = { plan, calibration, seed, without, ...(moves === undefined ? {} : { moves }) };
  const figures = await context.during("drawing runs for intervals", () =>
    inWorkers("draws", shared, parts, isLarge ? {} : { workers: 1 }),
  );
  const predicted = predictedFigures({ plan, calibration, without });
  return intervalsOfFigures(plan, figures.flat(), predicted, { level: LEVEL, seed });
}

/**
 * The same for jobs that run one after another with `numTasks` different tasks: a `layers` calibration has shared
 * errors only.
 */
export function predictJobsIntervals(
  context: Context,
  choice: DrawChoice,
  run: JobsRun,
  calibration: LayersCalibration,
  numTasks: number,
): Intervals | undefined {
  const samples = samplesFor(context, choice, calibration, numTasks, "steps");
  if (samples === undefined) return undefined;
  const { seed } = choice;
  const errors = costErrors(calibration);
  const draws = Array.from({ length: samples }, (_, draw) => sharedFactors(errors, drawSeed(seed, draw)));
  const [predicted] = drawJobs(run, [{ actions: { F: 1, B: 1, U: 1 }, links: 1 }]);
  return intervalsOfFigures(run, drawJobs(run, draws), predicted!, { level: LEVEL, seed });
}
