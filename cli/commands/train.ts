import { loadPlan, planOrWorkload, planWorkload } from "../../workbench/index.ts";
import { type Command, requiredText, type Use } from "../command.ts";
import type { OptionTable } from "../option-table.ts";
import { planAnew, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { contextOf, verifiedRequestChoice } from "../request-options.ts";
import { RUN_OPTIONS, trainPlanned } from "../train-planned.ts";

const OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    needed: true,
    describe: "run folder: plan, trace, metrics, adapters, checkpoints",
  },
  overwrite: { type: "boolean", default: false, describe: "replace a finished run of the same plan in that folder" },
  ...RUN_OPTIONS,
} as const satisfies OptionTable;

const WORKLOAD: Use = { input: "a workload", options: { ...WORKLOAD_OPTIONS, ...OPTIONS } };

const PLAN: Use = { input: "a finished plan", options: OPTIONS, instead: planAnew };

export const trainCommand: Command = {
  usage: "train <plan>",
  runsOnRanks: true,
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
    const planned =
      use === PLAN ? loadPlan(io, file) : await planWorkload(contextOf(io, args), file, verifiedRequestChoice(args));
    return await trainPlanned(io, args, requiredText(args, "output"), planned);
  },
};
