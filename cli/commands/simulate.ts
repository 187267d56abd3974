import { createCostModel } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { runMetrics, type Trace, timelineText, traceLines } from "../../traces/index.ts";
import { type Command, flag, optionalNumber, optionalText, requiredText } from "../command.ts";
import { planOptions } from "../create-plan.ts";
import { runText } from "../describe-run.ts";
import { writeOutput } from "../files.ts";
import { calibrationHash, readCalibration } from "../load-cluster.ts";
import { loadPlan } from "../load-plan.ts";
import { printResult } from "../output.ts";
import { placeInput } from "../place-input.ts";
import { VERSION } from "../version.ts";

export const simulateCommand: Command = {
  usage: "simulate <plan>",
  describe: "run a plan, or a workload that is planned first, in virtual time",
  examples: [
    ["$0 simulate plan.json -o simulated.json", "with the costs that the plan was made with"],
    ["$0 simulate w.yaml --devices 'unit*4' --max-in-flight none --timeline", "print the timeline as text"],
  ],
  options: (yargs) =>
    planOptions(yargs)
      .positional("plan", { type: "string", demandOption: true, describe: "plan or workload file" })
      .option("output", { alias: "o", type: "string", describe: "where to write the trace (opens in Perfetto)" })
      .option("timeline", { type: "boolean", default: false, describe: "print op@start for each device" })
      .option("unit-seconds", { type: "number", default: 1, describe: "unit of the timeline's times" })
      .option("until", { type: "number", describe: "last start in the timeline, in units" }),
  async run(args, io) {
    const { plan, source } = await loadPlan(io, args, requiredText(args, "plan"));
    const file = optionalText(args, "calibration");
    const costs = file === undefined ? undefined : readCalibration(io, file);
    const calibration = costs?.calibration ?? plan.calibration;
    let trace: Trace;
    try {
      trace = simulate({
        plan,
        planHash: plan.hash,
        costModel: createCostModel(calibration, plan.model.dtype),
        calibrationHash: calibrationHash(calibration),
        versions: { loratwin: VERSION },
      });
    } catch (error) {
      throw placeInput(error, { main: source, calibration: costs?.source });
    }
    const output = optionalText(args, "output");
    if (output !== undefined) writeOutput(io, output, traceLines(trace));
    const metrics = runMetrics(plan, trace);
    printResult(io, args, metrics, () => {
      if (flag(args, "timeline")) {
        const until = optionalNumber(args, "until");
        const options = {
          unitSeconds: optionalNumber(args, "unit-seconds") ?? 1,
          jobs: plan.jobs.map(({ name }) => name),
          ...(until === undefined ? {} : { untilUnits: until }),
        };
        return timelineText(trace, options);
      }
      return [runText(metrics), ...(output === undefined ? [] : ["", `trace written to ${output}`])].join("\n");
    });
    return 0;
  },
};
