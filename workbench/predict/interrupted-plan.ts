import { mean, PlanError, quantile, sum } from "../../core/index.ts";
import type { Context } from "../../files/index.ts";
import { adapterParameters, type Calibration, type PlanBody } from "../../plan/index.ts";
import { type InterruptedRun, type Interruptions, interruptedRun } from "../../sim/index.ts";
import { type IntervalChoice, predictIntervals } from "./predict-intervals.ts";

/** Assumed of storage that other machines see, too; a checkpoint is read again for its digests. */
const CHECKPOINT_BYTES_PER_SECOND = 100e6;

/** Assumed of a queue that gives a machine at once, a process that starts and a model that is loaded. */
export const RESTART_SECONDS = 60;

/** Parameters and two moments of all jobs, in float32. */
function checkpointBytes({ jobs, model, pipelines, stages }: PlanBody): number {
  const { firstStage, endStage } = pipelines[0]!;
  const whole = stages.slice(firstStage, endStage);
  return 3 * 4 * sum(jobs.map((job) => sum(whole.map((stage) => adapterParameters(model.architecture, stage, job)))));
}

/** Seconds of one checkpoint where nobody has measured one: an estimate by its bytes. */
export function estimatedCheckpointSeconds(plan: PlanBody): number {
  return checkpointBytes(plan) / CHECKPOINT_BYTES_PER_SECOND;
}

/** One value where it is said, several where they were measured. All in seconds. */
export interface InterruptedChoice extends Omit<Interruptions, "checkpointSeconds" | "restartSeconds"> {
  readonly checkpointSeconds: readonly number[];
  readonly restartSeconds: readonly number[];
}

export interface InterruptedPrediction {
  readonly run: InterruptedRun;
  /** What it was simulated with: means. */
  readonly interruptions: Interruptions;
  /** Where `level` of the runs lie; `high` is null where slow ones make no progress. */
  readonly interval?: { readonly level: number; readonly low: number; readonly high: number | null };
}

/**
 * A plan's run on a machine that is taken away again and again. Its interval: the run at both ends of the plan's own
 * interval, with the checkpoints and restarts that are as far from the middle of those that were measured.
 * @throws PlanError as `interruptedRun`
 */
export async function predictInterrupted(
  context: Context,
  draws: IntervalChoice | undefined,
  plan: PlanBody,
  calibration: Calibration,
  { checkpointSeconds, restartSeconds, ...fixed }: InterruptedChoice,
): Promise<InterruptedPrediction> {
  const of = (choose: (values: readonly number[]) => number): Interruptions => {
    return { ...fixed, checkpointSeconds: choose(checkpointSeconds), restartSeconds: choose(restartSeconds) };
  };
  const interruptions = of(mean);
  const run = interruptedRun({ plan, calibration, interruptions });
  const intervals = draws === undefined ? undefined : await predictIntervals(context, draws, plan, calibration);
  if (intervals === undefined) return { run, interruptions };
  const { level, makespanSeconds } = intervals;
  const totalAt = (end: 0 | 1): number => {
    const slower = run.makespanNs === 0 ? 1 : (1e9 * makespanSeconds[end]) / run.makespanNs;
    const there = of((values) => quantile(values, (1 + (end === 0 ? -level : level)) / 2));
    return interruptedRun({ plan, calibration, interruptions: there, slower }).totalNs / 1e9;
  };
  const low = Math.min(totalAt(0), run.totalNs / 1e9);
  return { run, interruptions, interval: { level, low, high: slowest(() => Math.max(totalAt(1), run.totalNs / 1e9)) } };
}

function slowest(total: () => number): number | null {
  try {
    return total();
  } catch (error) {
    if (error instanceof PlanError) return null;
    throw error;
  }
}
