import { InputError, shellQuoted } from "../../core/index.ts";
import { absolute, isFolder, nearFileHint } from "../../files/index.ts";
import { findResumable, restOfRun, runKindOf } from "../../runs/index.ts";
import { planWorkload } from "../../workbench/index.ts";
import { type Command, optionalText, requiredText, type Use } from "../command.ts";
import { printResult } from "../output.ts";
import { WORKLOAD_OPTIONS } from "../plan-options.ts";
import { contextOf, verifiedRequestChoice } from "../request-options.ts";
import { POLICY_OPTION, SERVE_OPTIONS, servedBy, serveJobs } from "../serve-jobs.ts";
import { RUN_OPTIONS, trainPlanned } from "../train-planned.ts";

/** By what is left of its own plan. */
export const REST: Use = {
  input: "the run of a plan",
  options: RUN_OPTIONS,
  instead: (typed, names) =>
    names.every((name) => name in WORKLOAD_OPTIONS)
      ? "What is left of a plan keeps the devices, the order and the costs that it was made with. " +
        `\`loratwin resume RUN WORKLOAD ${typed}\` makes another one.`
      : "No scheduler decides on the jobs of a plan, and no server takes more of them.",
};

export const REST_ANEW: Use = {
  input: "the run of a plan",
  kind: ["a workload"],
  options: { ...WORKLOAD_OPTIONS, ...RUN_OPTIONS },
};

export const REST_OF_FLEET: Use = {
  input: "jobs over time",
  options: {
    policy: { ...POLICY_OPTION, describe: `${POLICY_OPTION.describe}; that of the folder when absent` },
    ...SERVE_OPTIONS,
  },
};

export const resumeCommand: Command = {
  usage: "resume <run> [workload]",
  runsOnRanks: true,
  describe: "go on with a run that was ended or killed, of train or serve, from its newest whole checkpoint",
  examples: [
    ["$0 resume run/", "with what is left of its plan"],
    ["$0 resume run/ examples/workload.yaml --devices cpu:0", "the same on other devices, by a plan made anew"],
    ["$0 resume run/ jobs.yaml", "jobs over time, with the options of `serve`"],
  ],
  positionals: {
    run: { type: "string", demandOption: true, describe: "run folder" },
    workload: {
      type: "string",
      describe: "workload file of the run: jobs over time need it; what is left of a plan is planned anew by it",
    },
  },
  uses: [REST, REST_ANEW, REST_OF_FLEET],
  useOf(args, io) {
    const folder = requiredText(args, "run");
    if (!isFolder(io, folder))
      throw new InputError({
        ...{ expected: "a run folder", file: folder, got: "no such folder" },
        hint:
          nearFileHint(absolute(io, folder)) ?? "A run folder is one that `loratwin train ... -o FOLDER` has written.",
      });
    if (runKindOf(io, folder) === "fleet") return REST_OF_FLEET;
    return args["workload"] === undefined ? REST : REST_ANEW;
  },
  async run(args, io, use) {
    const folder = requiredText(args, "run");
    const workload = optionalText(args, "workload");
    if (use === REST_OF_FLEET) {
      if (workload === undefined)
        throw new InputError({
          expected: "the workload of the jobs over time",
          at: "workload",
          got: "none",
          hint: `\`loratwin resume ${shellQuoted(folder)} WORKLOAD\` goes on with them, with the options of \`serve\`.`,
        });
      return await serveJobs(io, args, servedBy(args, folder), findResumable(io, folder, "fleet"));
    }
    const context = contextOf(io, args);
    const resumed = findResumable(io, folder, "plan");
    for (const line of resumed.notes) context.note(line);
    const planned =
      workload === undefined
        ? { plan: restOfRun(resumed), loaded: undefined }
        : await planWorkload(context, workload, verifiedRequestChoice(args), resumed.done);
    const { plan } = planned;
    if (plan !== undefined) return await trainPlanned(io, args, folder, { ...planned, plan, resumed });
    printResult(io, args, { endedEarly: false, jobs: [] }, () => "nothing is left to train: all jobs have ended");
    return 0;
  },
};
