import { assignDevices, type ExecuteResult, simulatedOnly } from "../../exec/index.ts";
import { runMetrics } from "../../traces/index.ts";
import {
  checkRunFolder,
  keepSpeed,
  loadPlan,
  loadPlanData,
  lossesByJob,
  openPlanModel,
  placeInput,
  planOrWorkload,
  planWorkload,
  trainPlan,
  writeRunFolder,
} from "../../workbench/index.ts";
import { type Command, requiredText, type Use } from "../command.ts";
import { runText } from "../describe-run.ts";
import type { OptionTable } from "../option-table.ts";
import { note, printResult } from "../output.ts";
import { planAnew, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { trainingBar } from "../progress-bar.ts";
import { contextOf, keepsSpeed, planRequestChoice } from "../request-options.ts";

const RUN_OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    demandOption: true,
    describe: "run folder: plan, trace, metrics, adapters",
  },
  ...CACHE_OPTIONS,
} as const satisfies OptionTable;

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
      use === PLAN ? loadPlan(io, file) : await planWorkload(contextOf(io, args), file, planRequestChoice(args));
    assignDevices(plan);
    for (const remark of simulatedOnly(plan)) note(io, args, remark);
    const folder = requiredText(args, "output");
    const bar = trainingBar(io, args);
    let result: ExecuteResult;
    try {
      const model = openPlanModel(plan);
      checkRunFolder(io, folder, plan);
      const data = loaded?.data ?? (await loadPlanData(plan, model));
      result = await trainPlan(plan, model, data, { onProgress: (progress) => bar.update(progress) });
    } catch (error) {
      throw placeInput(error, { main: source });
    } finally {
      bar.stop();
    }
    if (keepsSpeed(args)) keepSpeed(plan, result.trace);
    const adapters = writeRunFolder(io, folder, plan, result);
    const losses = lossesByJob(result.metrics);
    const metrics = runMetrics(plan, result.trace);
    const jobs = metrics.jobs.map((job) => {
      const series = losses.get(job.name) ?? [];
      return { ...job, finalLoss: series.at(-1), losses: series, adapter: adapters.get(job.name) };
    });
    const waiting = result.statistics.map(({ starvedNs, busyNs }) =>
      busyNs === 0 ? 0 : starvedNs / (starvedNs + busyNs),
    );
    printResult(
      io,
      args,
      { ...metrics, jobs, waitingForHostRatio: waiting },
      () => `${runText(metrics, { losses })}\n\nwritten to ${folder}`,
    );
    return 0;
  },
};
