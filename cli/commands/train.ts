import { isSearch, loadPlan, planOrWorkload, planWorkload } from "../../workbench/index.ts";
import { CHECKPOINT_OPTIONS } from "../checkpoint-options.ts";
import { type Command, requiredText, type Use } from "../command.ts";
import { LOGGER_OPTIONS } from "../logger-options.ts";
import type { OptionTable } from "../option-table.ts";
import { planAnew, VERIFY_OPTIONS, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { contextOf, verifiedRequestChoice } from "../request-options.ts";
import { NO_SERVER, POLICY_OPTION, serveJobs } from "../serve-jobs.ts";
import { FLEET_PLAN_OPTIONS, HALVED_POLICY } from "../simulate-fleet.ts";
import { RUN_OPTIONS, trainPlanned } from "../train-planned.ts";

const OUTPUT = {
  output: {
    type: "string",
    alias: "o",
    writes: true,
    needed: true,
    describe: "run folder: plan, trace, metrics, adapters, checkpoints",
  },
} as const satisfies OptionTable;

const OPTIONS = {
  ...OUTPUT,
  overwrite: { type: "boolean", default: false, describe: "replace a finished run of the same plan in that folder" },
  ...RUN_OPTIONS,
} as const satisfies OptionTable;

const WORKLOAD: Use = { input: "a workload", options: { ...WORKLOAD_OPTIONS, ...OPTIONS } };

const PLAN: Use = { input: "a finished plan", options: OPTIONS, instead: planAnew };

/** Which jobs end early, or come, is known only while they train: a scheduler decides, and no plan is made before. */
export const SEARCH: Use = {
  input: "a workload",
  kind: ["a search"],
  options: {
    ...OUTPUT,
    policy: {
      ...POLICY_OPTION,
      default: HALVED_POLICY,
      describe: `of a search (a sweep with halving or a model): ${POLICY_OPTION.describe}`,
    },
    ...FLEET_PLAN_OPTIONS,
    ...LOGGER_OPTIONS,
    ...CHECKPOINT_OPTIONS,
    ...VERIFY_OPTIONS,
  },
  instead: () =>
    "A sweep with `halving` or `model` is trained as `serve --once` does it, as its scheduler decides: it has no plan before.",
};

export const trainCommand: Command = {
  usage: "train <plan>",
  runsOnRanks: true,
  describe: "train for real: a plan, or a workload that is planned first",
  examples: [
    ["$0 train plan.json -o run/", "exactly this plan"],
    ["$0 train examples/workload.yaml --devices cpu:0,cpu:1 -o run/", "plan and train"],
    ["$0 train examples/halved-sweep.yaml --devices cpu -o run/", "search: the worse jobs end early"],
  ],
  positionals: { plan: { type: "string", demandOption: true, describe: "plan or workload file" } },
  uses: [WORKLOAD, PLAN, SEARCH],
  useOf(args, io) {
    const file = requiredText(args, "plan");
    if (planOrWorkload(io, file) === "plan") return PLAN;
    return isSearch(io, file) ? SEARCH : WORKLOAD;
  },
  async run(args, io, use) {
    const file = requiredText(args, "plan");
    const output = requiredText(args, "output");
    if (use === SEARCH)
      return await serveJobs(io, args, { folder: output, workload: file, once: true, server: NO_SERVER });
    const planned =
      use === PLAN ? loadPlan(io, file) : await planWorkload(contextOf(io, args), file, verifiedRequestChoice(args));
    return await trainPlanned(io, args, output, planned);
  },
};
