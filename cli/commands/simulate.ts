import { type Calibration, createCostModel, type Plan } from "../../plan/index.ts";
import { heldTrace, runMetrics, type TraceStream, timelineText, traceLines } from "../../traces/index.ts";
import { type Arguments, type Command, flag, optionalNumber, optionalText, requiredText } from "../command.ts";
import { planOptions } from "../create-plan.ts";
import { costsFacts, costsText } from "../describe-costs.ts";
import { runText } from "../describe-run.ts";
import { writeLines } from "../files.ts";
import type { Io } from "../io.ts";
import { calibrationHash, readCalibration } from "../load-cluster.ts";
import { loadPlan } from "../load-plan.ts";
import { printResult } from "../output.ts";
import { placeInput } from "../place-input.ts";
import { intervalOptions, predictIntervals, refuseSamples } from "../predict-intervals.ts";
import { replayError, replayRun } from "../replay-run.ts";
import {
  comparisonOptions,
  comparisonSchedule,
  refuseComparisonOptions,
  simulateComparison,
} from "../simulate-comparison.ts";
import { isVariant, refuseVariant, simulateVariant, switchedOff, variantOptions } from "../simulate-variants.ts";
import { VERSION } from "../version.ts";

interface Simulated {
  readonly plan: Plan;
  readonly trace: TraceStream;
  /** Behind the times; absent for a replay. */
  readonly calibration?: Calibration;
}

/** A plan or workload with the costs of a calibration, and its intervals. */
async function simulateFile(io: Io, args: Arguments, main: string): Promise<Simulated> {
  const { plan, source, simulated } = await loadPlan(io, args, main);
  const file = optionalText(args, "calibration");
  const costs = file === undefined ? undefined : readCalibration(io, file);
  const calibration = costs?.calibration ?? plan.calibration;
  try {
    const facts = { calibrationHash: calibrationHash(calibration), versions: { loratwin: VERSION } };
    const isPredicted = simulated?.calibrationHash === facts.calibrationHash && !isVariant(args);
    const trace = isPredicted
      ? { ...simulated, ...facts }
      : simulateVariant(args, {
          plan,
          planHash: plan.hash,
          costModel: createCostModel(calibration, plan.model.dtype),
          ...facts,
        });
    const intervals = await predictIntervals(io, args, plan, calibration, switchedOff(args));
    return { plan, trace: intervals === undefined ? trace : { ...trace, intervals }, calibration };
  } catch (error) {
    throw placeInput(error, { main: source, calibration: costs?.source });
  }
}

function timeline({ plan, trace }: Simulated, args: Arguments): string {
  const until = optionalNumber(args, "until");
  return timelineText(heldTrace(trace), {
    unitSeconds: optionalNumber(args, "unit-seconds") ?? 1,
    jobs: plan.jobs.map(({ name }) => name),
    ...(until === undefined ? {} : { untilUnits: until }),
  });
}

export const simulateCommand: Command = {
  usage: "simulate <plan>",
  describe: "run a plan, or a workload that is planned first, in virtual time",
  examples: [
    ["$0 simulate plan.json -o simulated.json", "with the costs that the plan was made with"],
    ["$0 simulate w.yaml --cluster gpus.yaml --schedule fsdp -o fsdp.json", "the same jobs without LoRAPP"],
    ["$0 simulate w.yaml --devices 'unit*4' --max-in-flight none --timeline", "print the timeline as text"],
    ["$0 simulate run/", "a run again, with the times that its actions really took"],
  ],
  options: (yargs) =>
    comparisonOptions(variantOptions(intervalOptions(planOptions(yargs))))
      .positional("plan", { type: "string", demandOption: true, describe: "plan or workload file, or a run folder" })
      .option("output", { alias: "o", type: "string", describe: "where to write the trace (opens in Perfetto)" })
      .option("replay", { type: "string", describe: "take every time from this executed trace of the plan" })
      .option("timeline", { type: "boolean", default: false, describe: "print op@start for each device" })
      .option("unit-seconds", { type: "number", default: 1, describe: "unit of the timeline's times" })
      .option("until", { type: "number", describe: "last start in the timeline, in units" }),
  async run(args, io) {
    const comparison = comparisonSchedule(args);
    if (comparison !== undefined) return simulateComparison(io, args, comparison);
    refuseComparisonOptions(args);
    const file = requiredText(args, "plan");
    const replayed = replayRun(io, args, file);
    if (replayed !== undefined) {
      refuseVariant(args);
      refuseSamples(args);
    }
    const simulated: Simulated =
      replayed === undefined ? await simulateFile(io, args, file) : { plan: replayed.plan, trace: replayed.replayed };
    const { plan, trace, calibration } = simulated;
    const output = optionalText(args, "output");
    if (output !== undefined) writeLines(io, output, traceLines(trace));
    const metrics = runMetrics(plan, trace);
    const { intervals } = trace;
    const replay = replayed === undefined ? undefined : replayError(replayed);
    const costs = calibration && costsText(calibration);
    const document = {
      ...metrics,
      ...(intervals === undefined ? {} : { intervals }),
      ...(calibration === undefined ? {} : { costs: costsFacts(calibration) }),
      ...replay?.facts,
    };
    printResult(io, args, document, () => {
      if (flag(args, "timeline")) return timeline(simulated, args);
      return [
        runText(metrics, { intervals }),
        ...(costs === undefined ? [] : ["", costs]),
        ...(replay === undefined ? [] : ["", replay.text]),
        ...(output === undefined ? [] : ["", `trace written to ${output}`]),
      ].join("\n");
    });
    return 0;
  },
};
