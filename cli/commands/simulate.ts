import { createCostModel } from "../../plan/index.ts";
import { COMPARISON_SCHEDULES } from "../../studies/index.ts";
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
import { type Arguments, type Command, optionalText, requiredText, type Use } from "../command.ts";
import { comparisonSchedule, SIMULATED_SCHEDULE } from "../comparison-schedule.ts";
import type { Io } from "../io.ts";
import { planIntervals } from "../plan-intervals.ts";
import { COST_OPTIONS, planAnew, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS, INTERVAL_OPTIONS, VARIANT_OPTIONS } from "../prediction-options.ts";
import { contextOf, planRequestChoice, switchedOff } from "../request-options.ts";
import { COMPARISON_USES, simulateComparison } from "../simulate-comparison.ts";
import { FLEET_USE, simulateFleetCommand } from "../simulate-fleet.ts";
import { SIMULATED_OPTIONS, type Simulated, tellSimulated } from "../tell-simulated.ts";

const EVERY_PLAN = {
  ...COST_OPTIONS,
  ...INTERVAL_OPTIONS,
  ...CACHE_OPTIONS,
  ...VARIANT_OPTIONS,
  ...SIMULATED_OPTIONS,
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

function useOf(args: Arguments, io: Io): Use {
  const file = requiredText(args, "plan");
  if (planOrWorkload(io, file) === "plan") return PLAN;
  if (args["policy"] !== undefined) return FLEET_USE;
  const comparison = comparisonSchedule(args);
  return comparison === undefined ? WORKLOAD : COMPARISON_USES[comparison];
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

export const simulateCommand: Command = {
  usage: "simulate <plan>",
  describe: "run a plan, or a workload that is planned first, in virtual time",
  examples: [
    ["$0 simulate plan.json -o simulated.json", "with the costs that the plan was made with"],
    ["$0 simulate w.yaml --cluster gpus.yaml --schedule fsdp -o fsdp.json", "the same jobs without LoRAPP"],
    ["$0 simulate w.yaml --devices 'unit*4' --max-in-flight none --timeline", "print the timeline as text"],
    ["$0 simulate jobs.yaml --policy sjf --jobs-at-once 2", "jobs that come over time, the shortest first"],
  ],
  positionals: {
    plan: { type: "string", demandOption: true, describe: "plan or workload file" },
  },
  uses: [WORKLOAD, PLAN, FLEET_USE, ...Object.values(COMPARISON_USES)],
  useOf,
  async run(args, io, use) {
    const comparison = COMPARISON_SCHEDULES.find((schedule) => COMPARISON_USES[schedule] === use);
    if (comparison !== undefined) return simulateComparison(io, args, comparison);
    if (use === FLEET_USE) return simulateFleetCommand(io, args);
    return tellSimulated(io, args, await simulateFile(io, args, requiredText(args, "plan"), use));
  },
};
