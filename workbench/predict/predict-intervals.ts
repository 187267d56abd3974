import { costErrors, type MachineMoves, machineMoves, type ProbedState } from "../../calibration/index.ts";
import { sum } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import {
  type Calibration,
  computeDtype,
  type Dtype,
  type LayersCalibration,
  type PlanBody,
  type PolicyFactory,
  type PolicyName,
} from "../../plan/index.ts";
import {
  drawSeed,
  estimatedDraws,
  intervalsOfFigures,
  intervalsOfOutlooks,
  predictedFigures,
  type SwitchedOff,
  sharedFactors,
} from "../../sim/index.ts";
import { drawJobs, type JobsRun } from "../../studies/index.ts";
import type { Intervals } from "../../traces/index.ts";
import { inWorkers } from "../in-workers.ts";
import { isOfThisMachine } from "../machine/host.ts";
import { probeNow } from "../machine/probe-now.ts";
import { speedHistory } from "../machine/speed-history.ts";

export const LEVEL = 0.9;

/** How many runs are simulated where nobody asked for a number. */
interface Affordable {
  readonly most: number;
  /** With fewer an interval says nothing. */
  readonly fewest: number;
  /** Actions that all runs together may have: some seconds. */
  readonly actions: number;
}

/** Of a plan, all of whose draws are estimated from those that are simulated. */
const OF_PLAN: Affordable = { most: 20, fewest: 5, actions: 5e5 };
export const SAMPLES = OF_PLAN.most;
/** Of what is drawn as often as it is simulated: ends of a 90 % interval are else those of single runs. */
const OF_OTHERS: Affordable = { most: 100, fewest: 20, actions: 2e6 };
export const FLEET_SAMPLES = OF_OTHERS.most;
/** Below this many a second thread takes longer to start than it saves. */
const ACTIONS_FOR_WORKERS = 5e5;
/** Draws are handed out in pieces of so many, so that no thread waits long for the last. */
const PIECE = 2;

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
function countSamples({ samples }: DrawChoice, numActions: number, { most, fewest, actions }: Affordable): number {
  if (samples !== undefined) return samples;
  const affordable = Math.min(most, Math.floor(actions / numActions));
  return affordable < fewest ? 0 : affordable;
}

/** How many fleets are drawn: fewer under a policy that simulates others at every step of what is simulated here. */
export function fleetSamples({ samples }: DrawChoice, policy: PolicyName | PolicyFactory): number {
  return samples ?? (policy === "twin" ? OF_OTHERS.fewest : OF_OTHERS.most);
}

/** Whether anything is drawn: exact times have no errors. */
export function hasErrors(calibration: Calibration): boolean {
  const { actions, links } = costErrors(calibration);
  return links > 0 || Object.values(actions).some(({ systematic, independent }) => systematic + independent > 0);
}

/** How many runs `what` of so many actions gets; nothing where too few are affordable. */
function samplesFor(
  context: Context,
  choice: DrawChoice,
  calibration: Calibration,
  numActions: number,
  what: string,
  affordable: Affordable,
): number | undefined {
  const asked = countSamples(choice, numActions, affordable);
  if (asked === 0) {
    context.note(`no intervals for ${what} of ${numActions} actions; --samples ${affordable.fewest} computes them.`);
    return undefined;
  }
  return hasErrors(calibration) ? asked : 1;
}

export type { MachineMoves, ProbedState };

type Placed = Pick<PlanBody, "devices" | "stages" | "model">;

/**
 * How much the calibration's machine moves: by its measuring runs; and where it is this machine, by later runs and by a
 * probe of how it is now.
 */
export async function movesOf(
  { withHistory }: Pick<IntervalChoice, "withHistory">,
  calibration: Calibration,
  placed: Placed,
): Promise<MachineMoves | undefined> {
  if (calibration.model !== "measured" || calibration.machine === undefined) return undefined;
  const { machine, device } = calibration;
  const { host } = machine;
  const dtype = computeDtype(calibration.dtype as Dtype);
  if (!withHistory || !isOfThisMachine(calibration)) return machineMoves(machine, dtype, []);
  return machineMoves(machine, dtype, speedHistory({ host, dtype, type: device.type }), await probeNow(placed));
}

/**
 * Where the figures of a plan's run lie by the errors of its costs, and by what becomes of its machine; nothing for a huge
 * plan, which is said.
 */
export async function predictIntervals(
  context: Context,
  choice: IntervalChoice,
  plan: PlanBody,
  calibration: Calibration,
  without: SwitchedOff = {},
): Promise<Intervals | undefined> {
  const numActions = sum(plan.actions.map((order) => order.length));
  const samples = samplesFor(context, choice, calibration, numActions, "a plan", OF_PLAN);
  if (samples === undefined) return undefined;
  const { seed } = choice;
  return await context.during("drawing runs for intervals", async () => {
    const moves = await movesOf(choice, calibration, plan);
    const shared = { plan, calibration, seed, without, ...(moves === undefined ? {} : { moves }) };
    const { parts, figuresOf } = estimatedDraws(shared, samples);
    const numSimulated = sum(parts.map(({ draws }) => draws.length));
    const isLarge = numSimulated * numActions >= ACTIONS_FOR_WORKERS;
    const pieces = parts.flatMap(({ outlook, draws }) =>
      Array.from({ length: Math.ceil(draws.length / PIECE) }, (_, at) => ({
        outlook,
        draws: draws.slice(at * PIECE, (at + 1) * PIECE),
      })),
    );
    const figures = await inWorkers("draws", shared, pieces, isLarge ? {} : { workers: 1 });
    const predicted = predictedFigures({ plan, calibration, without });
    return intervalsOfOutlooks(plan, figuresOf(figures.flat()), predicted, {
      ...{ level: LEVEL, samples: numSimulated, seed },
    });
  });
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
  const samples = samplesFor(context, choice, calibration, numTasks, "steps", OF_OTHERS);
  if (samples === undefined) return undefined;
  const { seed } = choice;
  const errors = costErrors(calibration);
  const draws = Array.from({ length: samples }, (_, draw) => sharedFactors(errors, drawSeed(seed, draw)));
  const [predicted] = drawJobs(run, [{ actions: { F: 1, B: 1, U: 1 }, links: 1 }]);
  return intervalsOfFigures(run, drawJobs(run, draws), predicted, { level: LEVEL, samples, seed });
}
