import { sum } from "../core/index.ts";
import { type Calibration, computeDtype, type Dtype, type LayersCalibration, type PlanBody } from "../plan/index.ts";
import {
  costErrors,
  drawSeed,
  intervalsOfFigures,
  type MachineMoves,
  machineMoves,
  predictedFigures,
  type SwitchedOff,
  sharedFactors,
} from "../sim/index.ts";
import { drawJobs, type JobsRun } from "../studies/index.ts";
import type { Intervals } from "../traces/index.ts";
import { type Arguments, optionalCount } from "./command.ts";
import { inWorkers } from "./in-workers.ts";
import type { Io } from "./io.ts";
import type { OptionTable } from "./option-table.ts";
import { note } from "./output.ts";
import { keepsSpeed, speedHistory } from "./speed-history.ts";

const LEVEL = 0.9;
const SAMPLES = 100;
/** With fewer draws the ends of a 90 % interval are those of single runs. */
const FEWEST_SAMPLES = 20;
/** Actions that all draws together may have where nobody asked for a number: some seconds. */
const ACTIONS = 2e6;
/** Below this many a second thread takes longer to start than it saves. */
const ACTIONS_FOR_WORKERS = 5e5;
/** Draws are handed out in pieces, so that no thread waits long for the last. */
const PIECES = 8;

/** The options of every command that predicts. */
export const INTERVAL_OPTIONS = {
  intervals: {
    type: "boolean",
    default: true,
    describe: "say where 90 % of runs lie, by the calibration's errors; --no-intervals turns it off",
  },
  samples: {
    type: "number",
    describe: `runs drawn for the intervals (default: ${SAMPLES}, fewer for large plans, none for huge ones)`,
    notBeside: ["no-intervals"],
  },
  seed: { type: "number", default: 0, describe: "seed of these runs", notBeside: ["no-intervals"] },
} as const satisfies OptionTable;

/** As many draws as were asked for, or as are affordable; 0 where that is too few to say anything. */
function countSamples(args: Arguments, numActions: number): number {
  const asked = optionalCount(args, "samples");
  if (asked !== undefined) return asked;
  const affordable = Math.min(SAMPLES, Math.floor(ACTIONS / numActions));
  return affordable < FEWEST_SAMPLES ? 0 : affordable;
}

function hasErrors(calibration: Calibration): boolean {
  const { actions, links } = costErrors(calibration);
  return links > 0 || Object.values(actions).some(({ systematic, independent }) => systematic + independent > 0);
}

/** What `what` of so many actions is drawn with; nothing with --no-intervals, or where no draws are affordable. */
function drawingOf(io: Io, args: Arguments, calibration: Calibration, numActions: number, what: string) {
  if (args["intervals"] === false) return undefined;
  const seed = optionalCount(args, "seed", 0) ?? 0;
  const asked = countSamples(args, numActions);
  if (asked === 0) {
    note(io, args, `no intervals for ${what} of ${numActions} actions; --samples ${FEWEST_SAMPLES} computes them.`);
    return undefined;
  }
  return { seed, samples: hasErrors(calibration) ? asked : 1 };
}

/** How much the calibration's machine moves: by its measuring runs, and by later runs where it is this machine. */
function movesOf(args: Arguments, calibration: Calibration): MachineMoves | undefined {
  const isKept = keepsSpeed(args);
  if (calibration.model !== "measured" || calibration.machine === undefined) return undefined;
  const { machine, dtype } = calibration;
  const seen = isKept ? speedHistory(machine.host, computeDtype(dtype as Dtype)) : [];
  return machineMoves(machine, seen);
}

/**
 * Where the figures of a plan's run lie by the errors of its costs; nothing with --no-intervals, or for a huge plan.
 */
export async function predictIntervals(
  io: Io,
  args: Arguments,
  plan: PlanBody,
  calibration: Calibration,
  without: SwitchedOff = {},
): Promise<Intervals | undefined> {
  const numActions = sum(plan.actions.map((order) => order.length));
  const drawing = drawingOf(io, args, calibration, numActions, "a plan");
  if (drawing === undefined) return undefined;
  const { seed, samples } = drawing;
  const pieces = Math.min(PIECES, samples);
  const startOf = (piece: number): number => Math.floor((piece * samples) / pieces);
  const parts = Array.from({ length: pieces }, (_, piece) => ({
    first: startOf(piece),
    count: startOf(piece + 1) - startOf(piece),
  }));
  const isLarge = samples * numActions >= ACTIONS_FOR_WORKERS;
  const moves = movesOf(args, calibration);
  const shared = { plan, calibration, seed, without, ...(moves === undefined ? {} : { moves }) };
  const figures = await inWorkers("draws", shared, parts, isLarge ? {} : { workers: 1 });
  const predicted = predictedFigures({ plan, calibration, without });
  return intervalsOfFigures(plan, figures.flat(), predicted, { level: LEVEL, seed });
}

/**
 * The same for jobs that run one after another with `numTasks` different tasks: a `layers` calibration has shared
 * errors only.
 */
export function predictJobsIntervals(
  io: Io,
  args: Arguments,
  run: JobsRun,
  calibration: LayersCalibration,
  numTasks: number,
): Intervals | undefined {
  const drawing = drawingOf(io, args, calibration, numTasks, "steps");
  if (drawing === undefined) return undefined;
  const { seed, samples } = drawing;
  const errors = costErrors(calibration);
  const draws = Array.from({ length: samples }, (_, draw) => sharedFactors(errors, drawSeed(seed, draw)));
  const [predicted] = drawJobs(run, [{ actions: { F: 1, B: 1, U: 1 }, links: 1 }]);
  return intervalsOfFigures(run, drawJobs(run, draws), predicted!, { level: LEVEL, seed });
}
