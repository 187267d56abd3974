import { z } from "zod";
import { VERSION } from "../files/index.ts";
import { type CalibrationDocument, createCostModel, type Plan } from "../plan/index.ts";
import { type Intervals, type RunMetrics, runMetrics, type TraceStream } from "../traces/index.ts";
import { calibrationHash, predictIntervals, readCalibration, simulateVariant } from "../workbench/index.ts";
import { checkArguments, documentOption, drawsOption, planSchema, surroundingsShape } from "./check-options.ts";
import { asLibrary, contextOf } from "./context-of.ts";
import type { Surroundings } from "./surroundings.ts";

/** How many runs are drawn for intervals. */
export interface Draws {
  /** As many as take some seconds, at most 100, when absent. */
  readonly samples?: number | undefined;
  /** Equal seeds give equal intervals; 0 when absent. */
  readonly seed?: number | undefined;
}

export interface SimulateOptions extends Surroundings {
  /** Other costs than those that the plan was made with: a document, or its file. */
  readonly calibration?: string | CalibrationDocument | undefined;
  /** How intervals are drawn; false: they are not. */
  readonly intervals?: Draws | false | undefined;
}

export interface Simulation {
  /** Every action and transfer, in whole nanoseconds of virtual time. `writeTrace` writes it for Perfetto. */
  readonly trace: TraceStream;
  /** Makespan and turnarounds in seconds, tokens a second, idle shares, peak memory in bytes. */
  readonly summary: RunMetrics;
  /** Between which figures 90 % of runs should end; absent where none were asked for, or are too many actions to draw. */
  readonly intervals?: Intervals;
}

const argumentsSchema = z.strictObject({
  plan: planSchema,
  options: z.strictObject({
    ...surroundingsShape,
    calibration: documentOption.optional(),
    intervals: drawsOption.optional(),
  } satisfies Record<keyof SimulateOptions, z.ZodType>),
});

/**
 * Runs a plan in virtual time: the same plan that `train` carries out, action by action.
 * @throws InputError for an option or a calibration that is wrong
 * @throws PlanError where the plan's order never ends
 */
export async function simulate(plan: Plan, options: SimulateOptions = {}): Promise<Simulation> {
  checkArguments(argumentsSchema, { plan, options });
  const context = contextOf(options);
  return await asLibrary(context, async () => {
    const { calibration: given, intervals: draws = {} } = options;
    const calibration = given === undefined ? plan.calibration : readCalibration(context, given).calibration;
    const trace = simulateVariant(
      {},
      {
        plan,
        planHash: plan.hash,
        costModel: createCostModel(calibration, plan.model.dtype),
        calibrationHash: calibrationHash(calibration),
        versions: { loratwin: VERSION },
      },
    );
    const summary = runMetrics(plan, trace);
    if (draws === false) return { trace, summary };
    const choice = { samples: draws.samples, seed: draws.seed ?? 0, withHistory: context.cache === true };
    const intervals = await predictIntervals(context, choice, plan, calibration);
    return intervals === undefined ? { trace, summary } : { trace: { ...trace, intervals }, summary, intervals };
  });
}
