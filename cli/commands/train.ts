import { finite } from "../../core/index.ts";
import { assignDevices, otherLibrary, simulatedOnly } from "../../exec/index.ts";
import { planOfPart, runMetrics } from "../../traces/index.ts";
import {
  checkRunFolder,
  loadPlan,
  loadPlanData,
  lossesByJob,
  openPlanModel,
  placeInput,
  planOrWorkload,
  planWorkload,
} from "../../workbench/index.ts";
import { type Command, flag, requiredText, type Use } from "../command.ts";
import { endText, runText, stoppedJobs, stoppedText } from "../describe-run.ts";
import type { OptionTable } from "../option-table.ts";
import { note, printResult } from "../output.ts";
import { planAnew, VERIFY_OPTIONS, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { contextOf, verifiedRequestChoice } from "../request-options.ts";
import { type TrainedRun, trainIntoFolder } from "../train-into-folder.ts";

const RUN_OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    demandOption: true,
    describe: "run folder: plan, trace, metrics, adapters",
  },
  overwrite: { type: "boolean", default: false, describe: "lose a finished run of the same plan in that folder" },
  ...CACHE_OPTIONS,
  ...VERIFY_OPTIONS,
} as const satisfies OptionTable;

/** 128 and the number of SIGINT, as a shell has it. */
const INTERRUPTED = 130;
/** A check failed: a job's losses or gradients were not finite. */
const DIVERGED = 1;

const WORKLOAD: Use = { input: "a workload", options: { ...WORKLOAD_OPTIONS, ...RUN_OPTIONS } };

const PLAN: Use = { input: "a finished plan", options: RUN_OPTIONS, instead: planAnew };

export const trainCommand: Command = {
  usage: "train <plan>",
  describe: "train for real: a plan, or a workload that is planned first",
  examples: [
    ["$0 train plan.json -o run/", "exactly this plan"],
    ["$0 train examples/workload.yaml --devices cpu:0,cpu:1 -o run/", "plan and train"],
  ],
  positionals: { plan: { type: "string", demandOption: true, describe: "plan or workload file" } },
  uses: [WORKLOAD, PLAN],
  useOf: (args, io) => (planOrWorkload(io, requiredText(args, "plan")) === "plan" ? PLAN : WORKLOAD),
  async run(args, io, use) {
    const file = requiredText(args, "plan");
    const { plan, loaded, source } =
      use === PLAN ? loadPlan(io, file) : await planWorkload(contextOf(io, args), file, verifiedRequestChoice(args));
    assignDevices(plan);
    for (const remark of [...simulatedOnly(plan), ...otherLibrary(plan)]) note(io, args, remark);
    const folder = requiredText(args, "output");
    let trained: TrainedRun;
    try {
      const context = contextOf(io, args);
      const model = openPlanModel(plan, use === PLAN && flag(args, "verify-weights") ? "weights" : "shapes");
      checkRunFolder(io, folder, plan, flag(args, "overwrite"));
      const data = loaded?.data ?? (await context.stage("reading data", () => loadPlanData(context, plan, model)));
      trained = await trainIntoFolder(io, args, folder, { plan, model, data });
    } catch (error) {
      throw placeInput(error, { main: source });
    }
    const { result, adapters, best, part } = trained;
    const { evaluations } = result;
    const stopped = stoppedJobs(plan, result);
    const losses = lossesByJob(result.metrics);
    const metrics = runMetrics(part === undefined ? plan : planOfPart(plan, part), result.trace);
    const jobs = metrics.jobs.map((job) => {
      const series = (losses.get(job.name) ?? []).map(finite);
      const trainedJob = {
        ...job,
        ...{ finalLoss: series.at(-1), losses: series, adapter: adapters.get(job.name) },
        stopped: stopped.get(job.name),
      };
      const own = evaluations.filter((row) => row.job === job.name);
      if (own.length === 0) return trainedJob;
      const told = own.map((row) => ({ ...row, evaluationLoss: finite(row.evaluationLoss) }));
      return { ...trainedJob, evaluations: told, bestAdapter: best.get(job.name) };
    });
    const waiting = result.statistics.map(({ starvedNs, busyNs }) =>
      busyNs === 0 ? 0 : starvedNs / (starvedNs + busyNs),
    );
    printResult(io, args, { ...metrics, jobs, waitingForHostRatio: waiting, endedEarly: result.endedEarly }, () =>
      [
        runText(metrics, { losses, evaluations }),
        "",
        ...(part === undefined ? [] : [endText(plan, part)]),
        ...stoppedText(stopped),
        `written to ${folder}`,
      ].join("\n"),
    );
    if (result.endedEarly) return INTERRUPTED;
    return stopped.size > 0 ? DIVERGED : 0;
  },
};
