import { costsFacts } from "../../calibration/index.ts";
import { isFolder, writeLines } from "../../files/index.ts";
import { type Calibration, createCostModel, type Plan } from "../../plan/index.ts";
import { replayRun } from "../../runs/index.ts";
import { COMPARISON_SCHEDULES } from "../../studies/index.ts";
import { heldTrace, runMetrics, type TraceStream, timelineText, traceLines } from "../../traces/index.ts";
import {
  calibrationHash,
  isVariant,
  loadPlan,
  placeInput,
  planOrWorkload,
  planWorkload,
  readCalibration,
  simulateVariant,
  VERSION,
} from "../../workbench/index.ts";
import {
  type Arguments,
  type Command,
  flag,
  optionalNumber,
  optionalText,
  requiredText,
  type Use,
} from "../command.ts";
import { comparisonSchedule, SIMULATED_SCHEDULE } from "../comparison-schedule.ts";
import { costsText } from "../describe-costs.ts";
import { replayError } from "../describe-replay.ts";
import { runText } from "../describe-run.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { printResult } from "../output.ts";
import { planIntervals } from "../plan-intervals.ts";
import { COST_OPTIONS, planAnew, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS, INTERVAL_OPTIONS, TRACE_OPTION, VARIANT_OPTIONS } from "../prediction-options.ts";
import { contextOf, planRequestChoice, switchedOff } from "../request-options.ts";
import { COMPARISON_USES, simulateComparison } from "../simulate-comparison.ts";
import { FLEET_USE, simulateFleetCommand } from "../simulate-fleet.ts";

const TIMELINE_OPTIONS = {
  timeline: {
    type: "boolean",
    default: false,
    describe: "print op@start for each device",
    notBeside: ["json"],
  },
  "unit-seconds": { type: "number", default: 1, describe: "unit of the timeline's times", beside: "timeline" },
  until: { type: "number", describe: "last start in the timeline, in units", beside: "timeline" },
} as const satisfies OptionTable;

const EVERY_PLAN = {
  ...COST_OPTIONS,
  ...INTERVAL_OPTIONS,
  ...CACHE_OPTIONS,
  ...VARIANT_OPTIONS,
  output: TRACE_OPTION,
  ...TIMELINE_OPTIONS,
};

const WORKLOAD: Use = {
  input: "a workload",
  kind: ["a schedule of plans"],
  options: { ...WORKLOAD_OPTIONS, schedule: SIMULATED_SCHEDULE, ...EVERY_PLAN },
  instead: () => "Plans train adapters, micro-batch by micro-batch, and their traces are whole.",
};

const PLAN: Use = {
  input: "a finished plan",
  options: EVERY_PLAN,
  instead: (typed, names) => {
    const isOfPlans =
      names.every((name) => name in WORKLOAD_OPTIONS) &&
      !COMPARISON_SCHEDULES.some((each) => typed.includes(`--schedule ${each}`));
    return isOfPlans ? planAnew(typed) : `Give the workload in its place: \`loratwin simulate WORKLOAD ${typed}\`.`;
  },
};

const REPLAY_OPTIONS = {
  replay: { type: "string", describe: "take every time from this executed trace of the plan" },
  output: TRACE_OPTION,
  ...TIMELINE_OPTIONS,
} as const satisfies OptionTable;

function ofReplay(): string {
  return "A replay takes the plan and every time from the run as it was.";
}

const REPLAYED_PLAN: Use = {
  input: "a finished plan",
  kind: ["--replay"],
  options: REPLAY_OPTIONS,
  instead: ofReplay,
};

const RUN: Use = { input: "a run folder", options: REPLAY_OPTIONS, instead: ofReplay };

function useOf(args: Arguments, io: Io): Use {
  const file = requiredText(args, "plan");
  if (isFolder(io, file)) return RUN;
  if (planOrWorkload(io, file) === "plan") return args["replay"] === undefined ? PLAN : REPLAYED_PLAN;
  if (args["policy"] !== undefined) return FLEET_USE;
  const comparison = comparisonSchedule(args);
  return comparison === undefined ? WORKLOAD : COMPARISON_USES[comparison];
}

interface Simulated {
  readonly plan: Plan;
  readonly trace: TraceStream;
  /** Behind the times; absent for a replay. */
  readonly calibration?: Calibration;
}

/** A plan or workload with the costs of a calibration, and its intervals. */
async function simulateFile(io: Io, args: Arguments, main: string, use: Use): Promise<Simulated> {
  const { plan, source, simulated } =
    use === PLAN ? loadPlan(io, main) : await planWorkload(contextOf(io, args), main, planRequestChoice(args));
  const file = optionalText(args, "calibration");
  const costs = file === undefined ? undefined : readCalibration(io, file);
  const calibration = costs?.calibration ?? plan.calibration;
  try {
    const facts = { calibrationHash: calibrationHash(calibration), versions: { loratwin: VERSION } };
    const isPredicted = simulated?.calibrationHash === facts.calibrationHash && !isVariant(switchedOff(args));
    const trace = isPredicted
      ? { ...simulated, ...facts }
      : simulateVariant(switchedOff(args), {
          plan,
          planHash: plan.hash,
          costModel: createCostModel(calibration, plan.model.dtype),
          ...facts,
        });
    const intervals = await planIntervals(io, args, plan, calibration);
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
    ["$0 simulate jobs.yaml --policy sjf --jobs-at-once 2", "jobs that come over time, the shortest first"],
    ["$0 simulate run/", "a run again, with the times that its actions really took"],
  ],
  positionals: {
    plan: { type: "string", demandOption: true, describe: "plan or workload file, or a run folder" },
  },
  uses: [WORKLOAD, PLAN, REPLAYED_PLAN, RUN, FLEET_USE, ...Object.values(COMPARISON_USES)],
  useOf,
  async run(args, io, use) {
    const comparison = COMPARISON_SCHEDULES.find((schedule) => COMPARISON_USES[schedule] === use);
    if (comparison !== undefined) return simulateComparison(io, args, comparison);
    if (use === FLEET_USE) return simulateFleetCommand(io, args);
    const file = requiredText(args, "plan");
    const replayed =
      use === REPLAYED_PLAN || use === RUN
        ? replayRun(contextOf(io, args), file, optionalText(args, "replay"))
        : undefined;
    const simulated: Simulated =
      replayed === undefined
        ? await simulateFile(io, args, file, use)
        : { plan: replayed.plan, trace: replayed.replayed };
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
