import { TENURES, type Tenure } from "../../plan/index.ts";
import { estimateRun, type PriceChoice } from "../../workbench/index.ts";
import { type Arguments, type Command, optionalPositive, optionalText, requiredText } from "../command.ts";
import { estimateFacts, estimateText } from "../describe-estimate.ts";
import type { OptionTable } from "../option-table.ts";
import { printResult } from "../output.ts";
import { GPU_OPTION, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { INTERVAL_OPTIONS } from "../prediction-options.ts";
import { contextOf, intervalChoice, planRequestChoice } from "../request-options.ts";

const PRICE_OPTIONS = {
  prices: { type: "string", describe: "file with prices of accelerators; none is built in" },
  tenure: {
    type: "string",
    choices: TENURES,
    default: "on-demand",
    describe: "how you get the accelerators",
    beside: "prices",
  },
  "cost-per-hour": {
    type: "number",
    describe: "price of all devices together, instead of --prices",
    notBeside: ["prices"],
  },
} as const satisfies OptionTable;

function priceChoice(args: Arguments): PriceChoice | undefined {
  const [prices, perHour] = [optionalText(args, "prices"), optionalPositive(args, "cost-per-hour")];
  const tenure = requiredText(args, "tenure") as Tenure;
  if (prices !== undefined) return { prices, tenure };
  return perHour === undefined ? undefined : { perHour };
}

export const estimateCommand: Command = {
  usage: "estimate <workload>",
  describe:
    "before training: how long a workload will take with loratwin, in how much memory, and what it costs (other software: layouts)",
  examples: [
    ["$0 estimate w.yaml --gpu 'H100 SXM*4'", "on GPUs of the catalog, in one machine"],
    ["$0 estimate w.yaml --cluster gpus.yaml --prices prices.yaml --tenure spot", "by the prices of its accelerators"],
    ["$0 estimate w.yaml --devices cpu:0,cpu:1 --cost-per-hour 0.4", "by what the machine costs"],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload file (YAML or JSON)" } },
  uses: [
    {
      input: "a workload",
      options: {
        ...WORKLOAD_OPTIONS,
        gpu: { ...GPU_OPTION, notBeside: ["cluster", "devices"] },
        ...INTERVAL_OPTIONS,
        ...PRICE_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const estimate = await estimateRun(contextOf(io, args), requiredText(args, "workload"), {
      request: planRequestChoice(args),
      intervals: intervalChoice(args),
      price: priceChoice(args),
    });
    printResult(io, args, estimateFacts(estimate), () => estimateText(estimate));
    return 0;
  },
};
