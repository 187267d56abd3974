import { VERSION } from "../../files/index.ts";
import { type Calibration, createCostModel } from "../../plan/index.ts";
import { COMPARISON_SCHEDULES } from "../../studies/index.ts";
import {
  calibrationHash,
  isSearch,
  isVariant,
  type LoadedPlan,
  loadPlan,
  placeInput,
  plannedWhole,
  planOrWorkload,
  planWorkload,
  readCalibration,
  simulateVariant,
} from "../../workbench/index.ts";
import { type Arguments, type Command, optionalText, requiredText, type Use } from "../command.ts";
import { comparisonSchedule, SIMULATED_SCHEDULE } from "../comparison-schedule.ts";
import type { Io } from "../io.ts";
import { note } from "../output.ts";
import { planIntervals } from "../plan-intervals.ts";
import { COST_OPTIONS, planAnew, WORKLOAD_OPTIONS } from "../plan-options.ts";
import { CACHE_OPTIONS, INTERVAL_OPTIONS, VARIANT_OPTIONS } from "../prediction-options.ts";
import { contextOf, planRequestChoice, switchedOff } from "../request-options.ts";
import { COMPARISON_USES, simulateComparison } from "../simulate-comparison.ts";
import { FLEET_USE, simulateFleetCommand } from "../simulate-fleet.ts";
import { INTERRUPTION_OPTIONS, tellInterrupted } from "../simulate-interrupted.ts";
import { SIMULATED_OPTIONS, type Simulated, tellSimulated } from "../tell-simulated.ts";

const EVERY_PREDICTION = { ...COST_OPTIONS, ...INTERVAL_OPTIONS, ...CACHE_OPTIONS };
const EVERY_PLAN = { ...EVERY_PREDICTION, ...VARIANT_OPTIONS, ...SIMULATED_OPTIONS };
const EVERY_INTERRUPTED = { ...EVERY_PREDICTION, ...INTERRUPTION_OPTIONS };

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

/** An interrupted run is one of many starts. */
const NO_TRACE = "An interrupted run has no trace: it is simulated start by start, with its whole plan.";

const INTERRUPTED_WORKLOAD: Use = {
  input: "a workload",
  kind: ["--interrupted-every"],
  options: { ...WORKLOAD_OPTIONS, schedule: SIMULATED_SCHEDULE, ...EVERY_INTERRUPTED },
  instead: () => NO_TRACE,
};

const INTERRUPTED_PLAN: Use = {
  input: "a finished plan",
  kind: ["--interrupted-every"],
  options: EVERY_INTERRUPTED,
  instead: (typed, names) => (names.every((name) => name in WORKLOAD_OPTIONS) ? planAnew(typed) : NO_TRACE),
};

function useOf(args: Arguments, io: Io): Use {
  const file = requiredText(args, "plan");
  const isInterrupted = args["interrupted-every"] !== undefined;
  if (planOrWorkload(io, file) === "plan") return isInterrupted ? INTERRUPTED_PLAN : PLAN;
  if (args["policy"] !== undefined) return FLEET_USE;
  const comparison = comparisonSchedule(args);
  if (comparison !== undefined) return COMPARISON_USES[comparison];
  if (isInterrupted) return INTERRUPTED_WORKLOAD;
  return isSearch(io, file) ? FLEET_USE : WORKLOAD;
}

type Placed<T> = (priced: Pick<LoadedPlan, "plan" | "simulated"> & { readonly calibration: Calibration }) => Promise<T>;

/** Does something with a plan, or with that of a workload, at the costs that are asked for. */
async function atCosts<T>(io: Io, args: Arguments, isPlan: boolean, work: Placed<T>): Promise<T> {
  const main = requiredText(args, "plan");
  const { plan, source, simulated } = isPlan
    ? loadPlan(io, main)
    : await planWorkload(contextOf(io, args), main, planRequestChoice(args));
  if (isPlan) for (const remark of plannedWhole(plan.jobs)) note(io, args, remark);
  const file = optionalText(args, "calibration");
  const costs = file === undefined ? undefined : readCalibration(io, file);
  try {
    return await work({ plan, simulated, calibration: costs?.calibration ?? plan.calibration });
  } catch (error) {
    throw placeInput(error, { main: source, calibration: costs?.source });
  }
}

/** A plan or workload with the costs of a calibration, and its intervals. */
function simulateFile(io: Io, args: Arguments, use: Use): Promise<Simulated> {
  return atCosts(io, args, use === PLAN, async ({ plan, simulated, calibration }) => {
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
    ["$0 simulate plan.json --interrupted-every 7200", "what a preemption every two hours costs"],
  ],
  positionals: {
    plan: { type: "string", demandOption: true, describe: "plan or workload file" },
  },
  uses: [WORKLOAD, PLAN, FLEET_USE, INTERRUPTED_WORKLOAD, INTERRUPTED_PLAN, ...Object.values(COMPARISON_USES)],
  useOf,
  async run(args, io, use) {
    const comparison = COMPARISON_SCHEDULES.find((schedule) => COMPARISON_USES[schedule] === use);
    if (comparison !== undefined) return simulateComparison(io, args, comparison);
    if (use === FLEET_USE) return simulateFleetCommand(io, args);
    if (use === INTERRUPTED_PLAN || use === INTERRUPTED_WORKLOAD)
      return atCosts(io, args, use === INTERRUPTED_PLAN, (priced) => tellInterrupted(io, args, priced));
    return tellSimulated(io, args, await simulateFile(io, args, use));
  },
};
