import { InputError, shellQuoted } from "../../core/index.ts";
import { calibratedElsewhere, simulatedOnly } from "../../exec/index.ts";
import type { ReadText } from "../../plan/index.ts";
import {
  checkRunFolder,
  findResumable,
  loadPlanData,
  lossesByJob,
  openPlanModel,
  restOfRun,
  runSummary,
  stoppedJobs,
  type TrainInput,
} from "../../runs/index.ts";
import {
  checkDevices,
  loadPlan,
  noteIdleCores,
  placeInput,
  planOrWorkload,
  planWorkload,
} from "../../workbench/index.ts";
import { CHECKPOINT_OPTIONS, NOTICED } from "../checkpoint-options.ts";
import { type Arguments, type Command, flag, requiredText, type Use } from "../command.ts";
import { endText, runText, stoppedText } from "../describe-run.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { note, printResult } from "../output.ts";
import { planAnew, VERIFY_OPTIONS, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { helpHint } from "../refuse-options.ts";
import { contextOf, verifiedRequestChoice } from "../request-options.ts";
import { type ToldRun, trainIntoFolder } from "../train-into-folder.ts";
import { warnSlow } from "../warn-slow.ts";

const RUN_OPTIONS = { ...CHECKPOINT_OPTIONS, ...CACHE_OPTIONS, ...VERIFY_OPTIONS } as const satisfies OptionTable;

const FOLDER_OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    needed: true,
    describe: "run folder: plan, trace, metrics, adapters, checkpoints",
  },
  overwrite: { type: "boolean", default: false, describe: "replace a finished run of the same plan in that folder" },
  ...RUN_OPTIONS,
} as const satisfies OptionTable;

const RESUME_OPTIONS = {
  resume: {
    type: "string",
    describe:
      "go on with the run in this folder from its newest whole checkpoint; with a workload, on a plan made anew",
    notBeside: ["output", "overwrite"],
  },
  ...RUN_OPTIONS,
} as const satisfies OptionTable;

const USAGE = "train [plan]";

/** 128 and the number of SIGINT, as a shell has it. */
const INTERRUPTED = 130;
/** A check failed: a job's losses or gradients were not finite. */
const DIVERGED = 1;

const WORKLOAD: Use = { input: "a workload", options: { ...WORKLOAD_OPTIONS, ...FOLDER_OPTIONS } };

const PLAN: Use = { input: "a finished plan", options: FOLDER_OPTIONS, instead: planAnew };

const REST_ANEW: Use = {
  input: "a workload",
  kind: ["a run"],
  options: { ...WORKLOAD_OPTIONS, ...RESUME_OPTIONS },
};

const REST: Use = { input: "a run", options: RESUME_OPTIONS };

/** What is trained, into which folder. */
interface TrainWork extends TrainInput {
  readonly folder: string;
  readonly source: ReadText | undefined;
}

/** A plan that is made here has what is verified from its model. */
function verification(args: Arguments, use: Use): "weights" | "shapes" {
  return (use === PLAN || use === REST) && flag(args, "verify-weights") ? "weights" : "shapes";
}

/** What is left of a run, by its own plan or one made anew; undefined where nothing is. */
async function restWork(io: Io, args: Arguments, use: Use): Promise<TrainWork | undefined> {
  const folder = requiredText(args, "resume");
  const context = contextOf(io, args);
  const resumed = findResumable(io, folder);
  const { found, done } = resumed;
  for (const { name, why } of found.skipped) note(io, args, `checkpoint ${name} is skipped: ${why}`);
  note(
    io,
    args,
    found.name === undefined ? "there is no checkpoint: begins anew." : `goes on from checkpoint ${found.name}.`,
  );
  const planned =
    use === REST
      ? { plan: restOfRun(resumed), loaded: undefined, source: undefined }
      : await planWorkload(context, requiredText(args, "plan"), verifiedRequestChoice(args), done);
  const { plan, loaded, source } = planned;
  if (plan === undefined) return undefined;
  const model = await openPlanModel(plan, verification(args, use));
  const data =
    loaded?.data ?? (await context.during("reading data", (tell) => loadPlanData(context, plan, model, tell)));
  return { folder, plan, model, data, resumed, source };
}

async function newWork(io: Io, args: Arguments, use: Use): Promise<TrainWork> {
  const file = requiredText(args, "plan");
  const folder = requiredText(args, "output");
  const context = contextOf(io, args);
  const { plan, loaded, source } =
    use === PLAN ? loadPlan(io, file) : await planWorkload(context, file, verifiedRequestChoice(args));
  checkDevices(plan, io.world);
  if (use === PLAN && io.world === undefined) noteIdleCores(context, plan.devices);
  try {
    const model = await openPlanModel(plan, verification(args, use));
    checkRunFolder(io, folder, plan, flag(args, "overwrite"));
    const data =
      loaded?.data ?? (await context.during("reading data", (tell) => loadPlanData(context, plan, model, tell)));
    return { folder, plan, model, data, source };
  } catch (error) {
    throw placeInput(error, { main: source });
  }
}

export const trainCommand: Command = {
  usage: USAGE,
  runsOnRanks: true,
  describe: "train for real: a plan, or a workload that is planned first; or go on with a run (--resume)",
  examples: [
    ["$0 train plan.json -o run/", "exactly this plan"],
    ["$0 train examples/workload.yaml --devices cpu:0,cpu:1 -o run/", "plan and train"],
    ["$0 train --resume run/", "go on with a run that was ended or killed"],
    ["$0 train examples/workload.yaml --devices cpu:0 --resume run/", "the same on other devices"],
  ],
  positionals: { plan: { type: "string", describe: "plan or workload file" } },
  uses: [WORKLOAD, PLAN, REST, REST_ANEW],
  useOf(args, io) {
    const isResumed = args["resume"] !== undefined;
    if (args["plan"] === undefined) {
      if (isResumed) return REST;
      throw new InputError({ expected: "a plan, a workload or --resume with a run, got none", hint: helpHint(USAGE) });
    }
    const kind = planOrWorkload(io, requiredText(args, "plan"));
    if (kind === "plan") return PLAN;
    return isResumed ? REST_ANEW : WORKLOAD;
  },
  async run(args, io, use) {
    const work = use === REST || use === REST_ANEW ? await restWork(io, args, use) : await newWork(io, args, use);
    if (work === undefined) {
      printResult(io, args, { endedEarly: false, jobs: [] }, () => "nothing is left to train: all jobs have ended");
      return 0;
    }
    const { plan, folder, source } = work;
    checkDevices(plan, io.world);
    for (const remark of [...simulatedOnly(plan), ...calibratedElsewhere(plan)]) note(io, args, remark);
    warnSlow(io);
    let trained: ToldRun;
    try {
      trained = await trainIntoFolder(io, args, folder, work);
    } catch (error) {
      throw source === undefined ? error : placeInput(error, { main: source });
    }
    const { result, part, isNoticed } = trained;
    const { evaluations } = result;
    const stopped = stoppedJobs(plan, result, work.resumed);
    const losses = lossesByJob(result.metrics);
    const summary = runSummary(plan, trained, stopped);
    printResult(io, args, summary, () =>
      [
        runText(summary, { losses, evaluations }),
        "",
        ...(part === undefined ? [] : [endText(plan, part)]),
        ...stoppedText(stopped),
        `written to ${folder}`,
      ].join("\n"),
    );
    if (!result.endedEarly) return stopped.size > 0 ? DIVERGED : 0;
    note(io, args, `\`loratwin train --resume ${shellQuoted(folder)}\` goes on.`);
    return isNoticed ? NOTICED : INTERRUPTED;
  },
};
