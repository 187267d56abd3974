import { shellQuoted } from "../core/index.ts";
import { calibratedElsewhere, simulatedOnly } from "../exec/index.ts";
import {
  checkRunFolder,
  loadPlanData,
  openPlanModel,
  type ResumablePlan,
  rankRun,
  runSummary,
  stoppedJobs,
  type TrainInput,
} from "../runs/index.ts";
import { checkDevices, type LoadedPlan, noteIdleCores, placeInput } from "../workbench/index.ts";
import { CHECKPOINT_OPTIONS, INTERRUPTED, NOTICED } from "./checkpoint-options.ts";
import { type Arguments, flag } from "./command.ts";
import { rankingLines } from "./describe-ranking.ts";
import { endText, runText, skippedText, stoppedText } from "./describe-run.ts";
import type { Io } from "./io.ts";
import { checkTensorboard, LOGGER_OPTIONS } from "./logger-options.ts";
import type { OptionTable } from "./option-table.ts";
import { note, printResult } from "./output.ts";
import { noteExpected } from "./plan-intervals.ts";
import { VERIFY_OPTIONS } from "./plan-options.ts";
import { CACHE_OPTIONS } from "./prediction-options.ts";
import { contextOf } from "./request-options.ts";
import { type ToldRun, trainIntoFolder } from "./train-into-folder.ts";
import { warnSlow } from "./warn-slow.ts";

/** The options of all that is trained. */
export const RUN_OPTIONS = {
  ...LOGGER_OPTIONS,
  ...CHECKPOINT_OPTIONS,
  ...CACHE_OPTIONS,
  ...VERIFY_OPTIONS,
} as const satisfies OptionTable;

/** A check failed: a job's losses or gradients were not finite. */
const DIVERGED = 1;

/** A plan to train, or what is left of the plan of a run. */
export interface Planned extends Pick<LoadedPlan, "plan" | "loaded"> {
  /** Absent where the run has it. */
  readonly source?: LoadedPlan["source"];
  readonly resumed?: ResumablePlan;
}

const RESUMED =
  "Steps, tokens, device time and losses of jobs are of the whole run; all other figures are since it went on.";

async function trained(io: Io, args: Arguments, folder: string, planned: Planned): Promise<ToldRun> {
  const { plan, loaded, resumed } = planned;
  const context = contextOf(io, args);
  // One that is made here has what is verified from its model.
  const isVerified = loaded === undefined && flag(args, "verify-weights");
  const model = await openPlanModel(plan, isVerified ? "weights" : "shapes");
  if (resumed === undefined) {
    checkRunFolder(io, folder, plan, flag(args, "overwrite"));
    const names = plan.jobs.map(({ name }) => name);
    checkTensorboard(io, args, folder, names);
  }
  const data =
    loaded?.data ?? (await context.during("reading data", (tell) => loadPlanData(context, plan, model, tell)));
  for (const remark of [...simulatedOnly(plan), ...calibratedElsewhere(plan)]) context.note(remark);
  warnSlow(io);
  if (io.world === undefined && resumed === undefined) await noteExpected(io, args, plan);
  const input: TrainInput = { plan, model, data, resumed };
  return await trainIntoFolder(io, args, folder, input);
}

/** Trains it into its folder and tells what came of it. Returns the exit code. */
export async function trainPlanned(io: Io, args: Arguments, folder: string, planned: Planned): Promise<number> {
  const { plan, loaded, source, resumed } = planned;
  checkDevices(plan, io.world);
  if (loaded === undefined && resumed === undefined && io.world === undefined)
    noteIdleCores(contextOf(io, args), plan.devices);
  const run = await trained(io, args, folder, planned).catch((error: unknown) => {
    throw source === undefined ? error : placeInput(error, { main: source });
  });
  const { result, part, isNoticed } = run;
  const stopped = stoppedJobs(plan, result, resumed);
  const summary = runSummary(io, folder, plan, run, stopped);
  const rankings = rankRun(io, folder);
  printResult(io, args, { ...summary, rankings }, () =>
    [
      runText(summary),
      ...(resumed === undefined ? [] : ["", RESUMED]),
      ...rankingLines(rankings),
      "",
      ...(part === undefined || !result.endedEarly ? [] : [endText(plan, part, stopped)]),
      ...stoppedText(summary.jobs),
      ...skippedText(summary.jobs),
      `written to ${folder}`,
    ].join("\n"),
  );
  if (!result.endedEarly) return [...stopped.values()].some(({ hasDiverged }) => hasDiverged) ? DIVERGED : 0;
  note(io, args, `\`loratwin resume ${shellQuoted(folder)}\` goes on.`);
  return isNoticed ? NOTICED : INTERRUPTED;
}
