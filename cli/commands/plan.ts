import { writeOutput } from "../../files/index.ts";
import { planFileText } from "../../plan/index.ts";
import { createPlan, noteNominal } from "../../workbench/index.ts";
import { type Command, flag, optionalText, requiredText } from "../command.ts";
import { choiceText, explanationTable } from "../describe-choice.ts";
import { planSummary, planText } from "../describe-plan.ts";
import { printResult } from "../output.ts";
import { planIntervals } from "../plan-intervals.ts";
import { VERIFY_OPTIONS, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS, INTERVAL_OPTIONS } from "../prediction-options.ts";
import { contextOf, verifiedRequestChoice } from "../request-options.ts";

export const planCommand: Command = {
  usage: "plan <workload>",
  describe: "make a plan: stages, groups, micro-batches, each device's order, memory and predicted times",
  examples: [
    ["$0 plan examples/workload.yaml --devices cpu:0,cpu:1 -o plan.json", "two CPU devices of this machine"],
    [
      "$0 plan w.yaml --devices 'unit*4' --calibration k.json --max-in-flight none",
      "abstract devices with constant costs",
    ],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload file (YAML or JSON)" } },
  uses: [
    {
      input: "a workload",
      options: {
        ...WORKLOAD_OPTIONS,
        ...INTERVAL_OPTIONS,
        ...CACHE_OPTIONS,
        ...VERIFY_OPTIONS,
        explain: { type: "boolean", default: false, describe: "list every way that the planner looked at" },
        output: { type: "string", alias: "o", writes: true, describe: "where to write the plan" },
      },
    },
  ],
  async run(args, io) {
    const context = contextOf(io, args);
    const created = await createPlan(context, requiredText(args, "workload"), verifiedRequestChoice(args));
    noteNominal(context, created);
    const { plan, explanation } = created;
    const output = optionalText(args, "output");
    if (output !== undefined) writeOutput(io, output, planFileText(plan));
    const intervals = await planIntervals(io, args, plan, plan.calibration);
    printResult(io, args, planSummary(plan, intervals, explanation), () => {
      const choice = choiceText(explanation);
      return [
        planText(plan, undefined, intervals),
        ...(choice.length === 0 ? [] : ["", ...choice]),
        ...(flag(args, "explain") ? ["", explanationTable(explanation)] : []),
        ...(output === undefined ? [] : ["", `written to ${output}`]),
      ].join("\n");
    });
    return 0;
  },
};
