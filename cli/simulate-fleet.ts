import { formatSeconds, InputError } from "../core/index.ts";
import { type FleetOutcome, type Objective, POLICIES, type PolicyName } from "../plan/index.ts";
import type { SimulatedFleet, Spread } from "../sim/index.ts";
import { simulateWorkloadFleet, writeLines } from "../workbench/index.ts";
import { type Arguments, optionalText, requiredText, type Use } from "./command.ts";
import type { Io } from "./io.ts";
import { type OptionTable, pick } from "./option-table.ts";
import { printResult, table } from "./output.ts";
import { COST_OPTIONS, DEVICE_OPTIONS, PLAN_OPTIONS } from "./plan-options.ts";
import { CACHE_OPTIONS } from "./prediction-options.ts";
import { contextOf, fleetChoices, requestChoice } from "./request-options.ts";

/** The pipelines that jobs over time come to, and what takes how long there. */
export const FLEET_PLAN_OPTIONS = {
  ...DEVICE_OPTIONS,
  ...COST_OPTIONS,
  ...pick(PLAN_OPTIONS, "schedule", "pipelines", "jobs-at-once", "dtype", "recompute"),
  ...CACHE_OPTIONS,
} as const satisfies OptionTable;

const FLEET_OPTIONS = {
  policy: {
    type: "string",
    choices: POLICIES,
    describe: "let jobs come over time (arrivalSeconds), and a job scheduler say who trains when",
  },
  objective: {
    type: "string",
    choices: ["turnaround", "makespan"] satisfies readonly Objective[],
    describe:
      "what --policy twin makes small: the mean turnaround, by priority where that differs (default), or makespan",
    beside: "policy",
  },
  ...FLEET_PLAN_OPTIONS,
  output: {
    type: "string",
    alias: "o",
    describe: "write the journal: a line a decision, with its reason (JSON lines)",
  },
} as const satisfies OptionTable;

/** What `simulate` can be given for jobs over time. */
export const FLEET_USE: Use = {
  input: "a workload",
  kind: ["--policy"],
  options: FLEET_OPTIONS,
  instead: () =>
    "A fleet is simulated iteration by iteration: it has no trace of actions, and its scheduler orders the jobs.",
};

function seconds(ns: number | undefined): string {
  if (ns === undefined) return "-";
  return ns === 0 ? "0 s" : formatSeconds(ns / 1e9);
}

function spreadLine(name: string, { mean, median, p95, p99 }: Spread): readonly string[] {
  return [name, ...[mean, median, p95, p99].map((each) => seconds(1e9 * each))];
}

function outcomeLine({ name, arrivalNs, startNs, endNs, trainedNs, preemptions, refused }: FleetOutcome) {
  const turnaroundNs = endNs === undefined ? undefined : endNs - arrivalNs;
  return [
    name,
    seconds(arrivalNs),
    refused ? "refused" : seconds(startNs),
    seconds(endNs),
    seconds(turnaroundNs),
    seconds(turnaroundNs === undefined ? undefined : turnaroundNs - trainedNs),
    `${preemptions}`,
  ];
}

function fleetText(policy: PolicyName, { outcomes, metrics }: SimulatedFleet): string {
  const { makespanSeconds, turnaroundSeconds, waitingSeconds, preemptions, refused, jobsInSystem } = metrics;
  return [
    `simulated under ${policy}: ${outcomes.length} jobs in ${formatSeconds(makespanSeconds)}, ` +
      `preempted ${preemptions}, refused ${refused}, ${jobsInSystem.toFixed(2)} jobs at a time`,
    "",
    table(
      ["", "mean", "median", "95 %", "99 %"],
      [spreadLine("turnaround", turnaroundSeconds), spreadLine("waiting", waitingSeconds)],
    ),
    "",
    table(["job", "arrival", "start", "end", "turnaround", "waiting", "preempted"], outcomes.map(outcomeLine)),
  ].join("\n");
}

/** @throws InputError beside a policy that has none */
function objectiveOption(args: Arguments, policy: PolicyName): Objective | undefined {
  const objective = optionalText(args, "objective") as Objective | undefined;
  if (objective !== undefined && policy !== "twin")
    throw new InputError({ expected: "--policy twin, which alone has an objective,", at: "--policy", got: policy });
  return objective;
}

/** The jobs of a workload over time. Returns the exit code. */
export async function simulateFleetCommand(io: Io, args: Arguments): Promise<number> {
  const policy = requiredText(args, "policy") as PolicyName;
  const choice = requestChoice(args, fleetChoices(args));
  const objective = objectiveOption(args, policy);
  const fleet = await simulateWorkloadFleet(contextOf(io, args), requiredText(args, "plan"), choice, policy, objective);
  const output = optionalText(args, "output");
  if (output !== undefined)
    writeLines(
      io,
      output,
      fleet.journal.map((line) => JSON.stringify(line)),
    );
  const { metrics, outcomes, numCohorts } = fleet;
  printResult(io, args, { policy, ...metrics, jobs: outcomes, numCohorts }, () =>
    [fleetText(policy, fleet), ...(output === undefined ? [] : ["", `journal written to ${output}`])].join("\n"),
  );
  return 0;
}
