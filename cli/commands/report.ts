import { InputError } from "../../core/index.ts";
import { parsePlan } from "../../plan/index.ts";
import { loadTraces, machinePart, readInput } from "../../workbench/index.ts";
import { type Command, optionalText, requiredText } from "../command.ts";
import { printResult } from "../output.ts";
import { contextOf } from "../request-options.ts";
import { writeReport } from "../write-report.ts";

export const reportCommand: Command = {
  usage: "report <trace..>",
  describe: "one page of a trace or two: timelines, bubbles, memory, losses",
  examples: [["$0 report run/ -o report.html", "an executed run"]],
  positionals: {
    trace: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "trace files or run folders, at most two",
    },
  },
  uses: [
    {
      input: "traces",
      options: {
        plan: { type: "string", describe: "the plan, where it does not lie beside the trace" },
        title: { type: "string", default: "loratwin run", describe: "title of the page" },
        output: { type: "string", alias: "o", demandOption: true, describe: "where to write the page (HTML)" },
      },
    },
  ],
  run(args, io) {
    const files = args["trace"] as readonly string[];
    if (files.length > 2) throw new InputError({ expected: "one trace or two", at: "trace", got: files });
    const { traces, ...beside } = loadTraces(contextOf(io, args), files);
    const planFile = optionalText(args, "plan");
    const planInput = planFile === undefined ? undefined : readInput(io, planFile, "a plan file");
    const output = requiredText(args, "output");
    const plan = planInput === undefined ? beside.plan : parsePlan(planInput.text, planInput.file);
    const machine = machinePart(plan, traces);
    writeReport(io, output, { title: requiredText(args, "title"), traces, losses: beside.metrics, plan, machine });
    printResult(io, args, { report: output }, () => `report written to ${output}`);
    return 0;
  },
};
