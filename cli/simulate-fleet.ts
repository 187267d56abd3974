import path from "node:path";
import { counted, formatBytes, formatSeconds, formatSecondsRange, InputError, mean, sum } from "../core/index.ts";
import { writeLines, writeOutput } from "../files/index.ts";
import {
  type FleetOutcome,
  fleetHistory,
  NOTHING_SPENT,
  type Objective,
  POLICIES,
  type PolicyFactory,
  type PolicyName,
  planFileText,
  type Spent,
} from "../plan/index.ts";
import { type AgainstBound, type FleetMetrics, fleetDocument, type JobRange, type Spread } from "../sim/index.ts";
import { traceLines } from "../traces/index.ts";
import { type ForecastFleet, type HalvingForecast, loadPolicy, simulateWorkloadFleet } from "../workbench/index.ts";
import { type Arguments, optionalText, requiredText, type Use } from "./command.ts";
import { SIMULATED_SCHEDULE } from "./comparison-schedule.ts";
import { deadlineLines } from "./describe-deadlines.ts";
import { spentColumns } from "./describe-spent.ts";
import type { Io } from "./io.ts";
import { type OptionTable, pick } from "./option-table.ts";
import { percent, printResult, table } from "./output.ts";
import { COST_OPTIONS, DEVICE_OPTIONS, PLAN_OPTIONS, SIZES_OPTIONS, STATES_OPTIONS } from "./plan-options.ts";
import { CACHE_OPTIONS, INTERVAL_OPTIONS } from "./prediction-options.ts";
import { contextOf, fleetRequestChoice, intervalChoice } from "./request-options.ts";
import { fleetAssets, writeFleet } from "./write-fleet.ts";

/** The pipelines that jobs over time come to, and what takes how long there. */
export const FLEET_PLAN_OPTIONS = {
  ...DEVICE_OPTIONS,
  ...COST_OPTIONS,
  ...pick(PLAN_OPTIONS, "schedule", "pipelines", "jobs-at-once", "dtype", "recompute", "layers-per-stage"),
  ...SIZES_OPTIONS,
  ...STATES_OPTIONS,
  ...CACHE_OPTIONS,
} as const satisfies OptionTable;

/** The policy of a search, where none is given: its points share micro-batches. */
export const HALVED_POLICY = "packed";

const FLEET_OPTIONS = {
  policy: {
    type: "string",
    describe:
      "let jobs come over time (arrivalSeconds, or the arrivals of a trace), and a job scheduler say who trains when: " +
      `${POLICIES.join(", ")}, or your own by its path, such as ./mine.mjs; of a search ` +
      `${HALVED_POLICY} where absent`,
  },
  objective: {
    type: "string",
    choices: ["turnaround", "makespan"] satisfies readonly Objective[],
    describe:
      "what --policy twin makes small: the mean turnaround, by priority where that differs (default), or makespan",
    beside: "policy",
  },
  ...FLEET_PLAN_OPTIONS,
  ...INTERVAL_OPTIONS,
  schedule: SIMULATED_SCHEDULE,
  output: {
    type: "string",
    alias: "o",
    writes: true,
    describe: "write the journal: a line a decision, with its reason (JSON lines)",
  },
  trace: {
    type: "string",
    writes: true,
    describe: "simulate action by action, without intervals, and write the trace (opens in Perfetto)",
    notBeside: ["samples", "seed"],
  },
  "grown-plan": {
    type: "string",
    writes: true,
    describe: "write the plan as it grew with the jobs (JSON)",
    beside: "trace",
  },
  report: { type: "string", writes: true, describe: "write a page: who trained when and why, waiting, figures (HTML)" },
  against: { type: "string", describe: "another policy, shown below the first on the page", beside: "report" },
} as const satisfies OptionTable;

/** What `simulate` can be given for jobs over time. */
export const FLEET_USE: Use = {
  input: "a workload",
  kind: ["--policy or a search"],
  options: FLEET_OPTIONS,
  instead: () =>
    "A fleet is simulated iteration by iteration, with --trace FILE action by action; its scheduler orders the jobs.",
};

function seconds(ns: number | undefined): string {
  if (ns === undefined) return "-";
  return ns === 0 ? "0 s" : formatSeconds(ns / 1e9);
}

function spreadLine(name: string, { mean: all, median, p95, p99 }: Spread, weighted: number): readonly string[] {
  return [name, ...[all, weighted, median, p95, p99].map((each) => seconds(1e9 * each))];
}

/** Where a job's start and end lie; empty where none was drawn. */
function rangeCells(range: JobRange | undefined): readonly string[] {
  if (range === undefined) return [];
  return [range.startSeconds, range.endSeconds].map((each) => (each === null ? "-" : formatSecondsRange(...each)));
}

function outcomeLine(
  { name, arrivalNs, startNs, endNs, trainedNs, preemptions, refused }: FleetOutcome,
  own: readonly string[],
) {
  const turnaroundNs = endNs === undefined ? undefined : endNs - arrivalNs;
  return [
    name,
    seconds(arrivalNs),
    refused ? "refused" : seconds(startNs),
    seconds(endNs),
    seconds(turnaroundNs),
    seconds(turnaroundNs === undefined ? undefined : turnaroundNs - trainedNs),
    `${preemptions}`,
    ...own,
  ];
}

/** Whether a policy is named by its path: something of a path, or the end of a file of JavaScript. */
export function isPolicyPath(text: string): boolean {
  return /[\\/]|\.[cm]?[jt]s$/.test(text);
}

/** A policy by its name or path. @throws InputError for neither, and for a file that cannot be loaded */
export async function policyOption(io: Io, option: string, text: string): Promise<PolicyName | PolicyFactory> {
  const name = POLICIES.find((each) => each === text);
  if (name !== undefined) return name;
  if (isPolicyPath(text)) return await loadPolicy(io, text);
  throw new InputError({
    expected: `${POLICIES.join(", ")} or a path, such as ./mine.mjs,`,
    at: `--${option}`,
    got: text,
    hint: "What is in the file of a policy is in docs/internals/scheduler.md.",
  });
}

function timesText(value: number): string {
  return `${value.toFixed(2)} x`;
}

function boundLine(name: string, { boundSeconds, ratio }: AgainstBound): readonly string[] {
  return [name, seconds(1e9 * boundSeconds), timesText(ratio)];
}

/** Beside the bounds, if there are any. */
function boundsText({ bounds }: FleetMetrics): readonly string[] {
  if (bounds === null) return [];
  const lines = [boundLine("mean turnaround", bounds.meanTurnaround), boundLine("all jobs", bounds.makespan)];
  return ["", table(["no scheduler can beat", "bound", "here"], lines)];
}

/** Jobs that a person reads line by line. */
const MOST_LINES = 200;

function jobLines({ outcomes, spent, intervals }: ForecastFleet): string {
  if (outcomes.length > MOST_LINES) return "each job's times: --json; each decision: -o FILE";
  const spentBy = (name: string): Spent => spent.get(name) ?? NOTHING_SPENT;
  const { heads, cellsOf } = spentColumns(outcomes.map(({ name }) => spentBy(name)));
  const rangeOf = new Map(intervals?.jobs.map((range) => [range.name, range]));
  const level = intervals && percent(intervals.level, 0);
  const ranges = level === undefined ? [] : [`${level} start`, `${level} end`];
  return table(
    ["job", "arrival", "start", "end", "turnaround", "waiting", "preempted", ...heads, ...ranges],
    outcomes.map((outcome) => {
      const { name } = outcome;
      return outcomeLine(outcome, [...cellsOf(spentBy(name)), ...rangeCells(rangeOf.get(name))]);
    }),
  );
}

/** "24 after 6 steps, 4 after 24" */
function stoppedText({ stopped }: HalvingForecast): string {
  return stopped.map(({ steps, jobs }, at) => `${jobs} after ${steps}${at === 0 ? " steps" : ""}`).join(", ");
}

function savedText(seconds: number, than: number): string {
  return `${formatSeconds(than)}, halving saves ${(100 * (1 - seconds / than)).toFixed(0)} %`;
}

function halvingText(halving: HalvingForecast): readonly string[] {
  const { jobs, stopped, seconds, low, high, withoutHalving, oneAfterAnother } = halving;
  const early = sum(stopped.map((each) => each.jobs));
  const rows = [
    [
      "with halving",
      low === high ? formatSeconds(seconds) : `${formatSeconds(seconds)} (${formatSecondsRange(low, high)})`,
    ],
    ["every job to its end", savedText(seconds, withoutHalving)],
    ["these one after another", savedText(seconds, oneAfterAnother)],
  ];
  return [
    "",
    `halving: ${early} of ${counted(jobs, "job")} end early (${stoppedText(halving)}); which ones is drawn, since nobody knows it before`,
    "",
    table(["", "all jobs"], rows),
  ];
}

function fleetText(fleet: ForecastFleet): string {
  const { policy, outcomes, metrics, mostStates, halving } = fleet;
  const { memory, disk } = mostStates;
  const hasDeadline = fleet.journal.some(({ events }) =>
    events.some((event) => event.kind === "arrived" && event.request.deadlineNs !== null),
  );
  const { makespanSeconds, preemptions, refused, jobsInSystem, slowdown } = metrics;
  const utilisation = mean(metrics.utilisation);
  return [
    `simulated under ${policy}: ${counted(outcomes.length, "job")} in ${formatSeconds(makespanSeconds)}, ` +
      `preempted ${preemptions}, refused ${refused}, ${jobsInSystem.toFixed(2)} jobs at a time`,
    `${Math.round(metrics.tokensPerSecond)} tokens/s without padding, pipelines at work ` +
      `${(100 * utilisation).toFixed(1)} % of the time, fairness to users ${metrics.fairness.toFixed(3)}`,
    `states of jobs that wait: at most ${formatBytes(memory)} of memory, ${formatBytes(disk)} of disk`,
    "",
    table(
      ["", "mean", "by priority", "median", "95 %", "99 %"],
      [
        spreadLine("turnaround", metrics.turnaroundSeconds, metrics.weightedTurnaroundSeconds),
        spreadLine("waiting", metrics.waitingSeconds, metrics.weightedWaitingSeconds),
        ["slowdown", slowdown.mean, undefined, slowdown.median, slowdown.p95, slowdown.p99].map((each) =>
          typeof each === "number" ? timesText(each) : (each ?? "-"),
        ),
      ],
    ),
    ...boundsText(metrics),
    ...(halving === undefined ? [] : halvingText(halving)),
    "",
    jobLines(fleet),
    ...(hasDeadline ? deadlineLines(fleetHistory(fleet.journal)).flatMap((line) => ["", line]) : []),
  ].join("\n");
}

/** @throws InputError beside a policy that has none */
function objectiveOption(args: Arguments): Objective | undefined {
  const objective = optionalText(args, "objective") as Objective | undefined;
  const policy = optionalText(args, "policy");
  if (objective !== undefined && policy !== "twin")
    throw new InputError({ expected: "--policy twin, which alone has an objective,", at: "--policy", got: policy });
  return objective;
}

/** The jobs of a workload over time. Returns the exit code. */
export async function simulateFleetCommand(io: Io, args: Arguments): Promise<number> {
  const policy = await policyOption(io, "policy", optionalText(args, "policy") ?? HALVED_POLICY);
  const against = optionalText(args, "against");
  const other = against === undefined ? undefined : await policyOption(io, "against", against);
  const report = optionalText(args, "report");
  if (report !== undefined) fleetAssets();
  const choice = fleetRequestChoice(args);
  const objective = objectiveOption(args);
  const workload = requiredText(args, "plan");
  const [trace, grownPlan] = [optionalText(args, "trace"), optionalText(args, "grown-plan")];
  const simulated = (own: PolicyName | PolicyFactory) =>
    simulateWorkloadFleet(contextOf(io, args), workload, choice, own, {
      objective: own === "twin" ? objective : undefined,
      intervals: intervalChoice(args),
      byActions: trace !== undefined,
    });
  const fleet = await simulated(policy);
  if (report !== undefined) {
    const fleets = other === undefined ? [fleet] : [fleet, await simulated(other)];
    writeFleet(io, report, `${path.basename(workload)} over time`, fleets);
  }
  const output = optionalText(args, "output");
  if (output !== undefined)
    writeLines(
      io,
      output,
      fleet.journal.map((line) => JSON.stringify(line)),
    );
  if (trace !== undefined) writeLines(io, trace, traceLines(fleet.grown!.trace));
  if (grownPlan !== undefined) writeOutput(io, grownPlan, planFileText(fleet.grown!.plan));
  const { halving, intervals } = fleet;
  const document = {
    ...fleetDocument(fleet),
    ...(halving === undefined ? {} : { halving }),
    ...(intervals === undefined ? {} : { intervals }),
  };
  printResult(io, args, document, () =>
    [
      fleetText(fleet),
      ...Object.entries({ journal: output, trace, plan: grownPlan, report }).flatMap(([what, file]) =>
        file === undefined ? [] : ["", `${what} written to ${file}`],
      ),
    ].join("\n"),
  );
  return 0;
}
