import path from "node:path";
import { counted, shellQuoted, sum } from "../core/index.ts";
import { comparisonReport, planReport, renderWays, type ShownWay, shownWays } from "../explorer/index.ts";
import { VERSION, writeOutput } from "../files/index.ts";
import { createCostModel, isSample, microBatchTokens, type PlanBody } from "../plan/index.ts";
import { type ComparisonSchedule, jobsWay, simulateJobs } from "../studies/index.ts";
import { compareWays, planWay, type SeenWay } from "../traces/index.ts";
import { loadPlan, placeInput, simulateVariant, today } from "../workbench/index.ts";
import { type Arguments, flag, optionalText, requiredText } from "./command.ts";
import { asComparison } from "./comparison-schedule.ts";
import { waysText } from "./describe-ways.ts";
import type { Io } from "./io.ts";
import { loadComparison } from "./load-comparison.ts";
import { note, printResult } from "./output.ts";
import { browserAsset } from "./write-report.ts";

/** A way with the tokens that it trains on, and on how many devices. */
interface LoadedWay {
  readonly way: SeenWay;
  readonly tokens: number;
  readonly devices: number;
  /** How a page shows it. */
  readonly shown: () => ShownWay;
}

/** A plan all of whose links block, as `simulateVariant` runs it without overlap. */
function withBlockingLinks(plan: PlanBody): PlanBody {
  return { ...plan, links: plan.links.map((link) => link && { ...link, transfers: "blocking" }) };
}

/** A plan's run with its own costs. */
function planned(io: Io, file: string, overlaps: boolean): LoadedWay {
  const { plan, source } = loadPlan(io, file);
  try {
    const costModel = createCostModel(plan.calibration, plan.model.dtype);
    const trace = simulateVariant({ overlap: !overlaps }, { plan, planHash: plan.hash, costModel });
    const way = planWay({ plan: overlaps ? plan : withBlockingLinks(plan), trace });
    const shown = (): ShownWay => ({ way, report: planReport({ plan, trace }, way) });
    // Others do nothing but train.
    const trained = plan.microBatches.filter((each) => each.evaluation !== true && !isSample(each));
    return { way, tokens: sum(trained.map(microBatchTokens)), devices: trace.devices.length, shown };
  } catch (error) {
    throw placeInput(error, { main: source });
  }
}

/** The jobs of `--workload` with a schedule that is simulated only. */
async function simulatedOnly(io: Io, args: Arguments, schedule: ComparisonSchedule): Promise<LoadedWay> {
  const run = await loadComparison(io, args, requiredText(args, "workload"), schedule);
  const simulated = simulateJobs(run);
  const shown = (): ShownWay => comparisonReport(run, simulated);
  return { way: jobsWay(run, simulated), tokens: simulated.metrics.tokens, devices: run.devices.length, shown };
}

/** What gives the same figures, for the page. */
function commandOf(args: Arguments, given: readonly [string, string]): string {
  const values = ["workload", "cluster", "devices", "catalog", "calibration", "dtype", "recompute"].flatMap((name) => {
    const value = optionalText(args, name);
    return value === undefined ? [] : [`--${name}`, shellQuoted(value)];
  });
  const words = given.some((what) => asComparison(what) !== undefined)
    ? [...values, ...(flag(args, "overlap") ? [] : ["--no-overlap"]), ...(flag(args, "full") ? ["--full"] : [])]
    : [];
  return ["loratwin compare", ...given.map(shellQuoted), ...words, "--json"].join(" ");
}

/** `compare one.json other.json`, `compare one.json tp`: why one way takes longer than the other, cause by cause. */
export async function compareTwoWays(io: Io, args: Arguments, given: readonly [string, string]): Promise<number> {
  const schedules = given.filter((what) => asComparison(what) !== undefined);
  // Two plans have no options.
  const overlaps = schedules.length === 0 || flag(args, "overlap");
  if (schedules.length === 1 && flag(args, "full"))
    note(io, args, `${schedules[0]} trains the base model's weights, and the plan adapters.`);
  const load = (what: string): LoadedWay | Promise<LoadedWay> => {
    const schedule = asComparison(what);
    return schedule === undefined ? planned(io, what, overlaps) : simulatedOnly(io, args, schedule);
  };
  const [one, other] = [await load(given[0]), await load(given[1])];
  if (one.tokens !== other.tokens) note(io, args, "the two ways train on different numbers of tokens.");
  if (one.devices !== other.devices)
    note(io, args, `${given[0]} trains on ${counted(one.devices, "device")}, and ${given[1]} on ${other.devices}.`);
  const compared = compareWays(one.way, other.way);
  const bases = given.map((what) => path.basename(what));
  const names: readonly [string, string] = bases[0] === bases[1] ? given : [bases[0]!, bases[1]!];
  const output = optionalText(args, "output");
  if (output !== undefined) {
    const assets = { script: browserAsset("explorer", "ways.js"), style: browserAsset("explorer", "client.css") };
    const documents = { workloads: [], commands: [commandOf(args, given)] };
    const nameOf = (text: string, side: 0 | 1): string =>
      asComparison(given[side]) === undefined ? `${names[side]}: ${text}` : text;
    const answer = shownWays([one.shown(), other.shown()], documents, nameOf);
    writeOutput(io, output, renderWays({ answer, date: today(), version: VERSION }, assets));
  }
  printResult(io, args, compared, () =>
    [waysText(compared, names), ...(output === undefined ? [] : ["", `page written to ${output}`])].join("\n"),
  );
  return 0;
}
