import { PlanError, sum } from "../../core/index.ts";
import { type PlanRequest, pipelineCounts, type Recompute } from "../../plan/index.ts";
import { type PredictedPlan, planAndPredict } from "../../sim/index.ts";
import {
  differenceByCause,
  planWay,
  type RunCauses,
  type RunDifference,
  type TimeSpent,
  timeSpent,
} from "../../traces/index.ts";
import { comparisonRun } from "./comparison-run.ts";
import { COMPARISON_SCHEDULES, type ComparisonSchedule } from "./comparison-schedules.ts";
import { fitsDevices } from "./device-needs.ts";
import { jobsWay } from "./jobs-way.ts";
import { jobsRefusal, simulateJobs } from "./simulate-jobs.ts";

/** What a strategy that is planned asks for beside the workload and the cluster: all devices in one pipeline. */
const PLANNED = {
  lorapp: { schedule: "lorapp", groups: "auto", pipelines: 1 },
  "lorapp-unfused": { schedule: "lorapp", groups: "unfused", pipelines: 1 },
  "1f1b": { schedule: "1f1b", groups: "auto", pipelines: 1 },
  gpipe: { schedule: "gpipe", groups: "auto", pipelines: 1 },
} as const satisfies Readonly<Record<string, Pick<PlanRequest, "schedule" | "groups" | "pipelines">>>;

type PlannedStrategy = keyof typeof PLANNED;
export type StrategyName = PlannedStrategy | ComparisonSchedule;
const PLANNED_NAMES = Object.keys(PLANNED) as readonly PlannedStrategy[];
export const STRATEGY_NAMES: readonly StrategyName[] = [...PLANNED_NAMES, ...COMPARISON_SCHEDULES];

/** One way to train the jobs, and what `simulate` says of it. */
export interface StrategyRun extends TimeSpent {
  readonly makespanSeconds: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Idle share of all devices, over the whole run. */
  readonly bubbleRatioTotal: number;
  /** Of the fullest device. */
  readonly peakMemoryBytes: number;
  /** Where it does not fit, the figures are those of devices with memory enough. */
  readonly fits: boolean;
  /** Pipelines side by side; null for schedules that have none. */
  readonly pipelines: number | null;
  /** Groups that share micro-batches, as planned; null where jobs run one after another by the strategy itself. */
  readonly groups: number | null;
}

export interface StrategyRow extends Omit<StrategyRun, "tokens"> {
  readonly strategy: StrategyName;
  readonly recompute: Recompute;
}

export interface StrategyOptions {
  /** Whether base weights are trained: no plan does. */
  readonly full?: boolean;
}

function plannedOrNot(request: PlanRequest): PredictedPlan | undefined {
  try {
    return planAndPredict(request);
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}

function runPlanned(request: PlanRequest): StrategyRun | undefined {
  const fitting = plannedOrNot(request);
  const roomy = (): PlanRequest => ({
    ...request,
    devices: request.devices.map((device) => ({ ...device, memoryBytes: null })),
  });
  const plan = fitting ?? plannedOrNot(roomy());
  if (plan === undefined) return undefined;
  const { predicted, groups, pipelines } = plan.body;
  const { makespanSeconds, tokensPerSecond, bubbleRatioTotal } = predicted;
  return {
    makespanSeconds,
    tokens: tokensPerSecond * makespanSeconds,
    tokensPerSecond,
    bubbleRatioTotal,
    peakMemoryBytes: Math.max(...predicted.peakMemoryBytes),
    fits: fitting !== undefined,
    pipelines: pipelines.length,
    groups: groups.length,
    ...timeSpent(planWay({ plan: plan.body, trace: plan.trace })),
  };
}

function runCompared(request: PlanRequest, schedule: ComparisonSchedule, full: boolean): StrategyRun | undefined {
  const run = comparisonRun(request, { schedule, full });
  if (jobsRefusal(run) !== undefined) return undefined;
  const simulated = simulateJobs(run);
  const { metrics, needs } = simulated;
  const { makespanSeconds, tokens, tokensPerSecond, bubbleRatioTotal, devices } = metrics;
  return {
    makespanSeconds,
    tokens,
    tokensPerSecond,
    bubbleRatioTotal,
    peakMemoryBytes: Math.max(...devices.map(({ peakMemoryBytes }) => peakMemoryBytes)),
    fits: fitsDevices(run.platform, needs),
    pipelines: null,
    groups: null,
    ...timeSpent(jobsWay(run, simulated)),
  };
}

/**
 * The request's jobs with a strategy: what `simulate` of the same workload, cluster, schedule and recomputation says.
 * Undefined where the workload and the cluster do not allow it.
 */
export function runStrategy(
  request: PlanRequest,
  strategy: StrategyName,
  { full = false }: StrategyOptions = {},
): StrategyRun | undefined {
  const compared = COMPARISON_SCHEDULES.find((name) => name === strategy);
  if (compared !== undefined) return runCompared(request, compared, full);
  return full ? undefined : runPlanned({ ...request, ...PLANNED[strategy as PlannedStrategy] });
}

/** Why one row takes longer than another, cause by cause. */
export function differenceOfRows(one: StrategyRow, other: StrategyRow): RunDifference {
  const causesOf = ({ causes }: StrategyRow): RunCauses => ({ makespanNs: sum(causes.map(({ ns }) => ns)), causes });
  return differenceByCause(causesOf(one), causesOf(other));
}

const RECOMPUTE = ["none", "layer"] as const satisfies readonly Recompute[];

/** LoRAPP in several pipelines side by side, where the workload and the cluster allow it. */
function runSideBySide(request: PlanRequest, options: StrategyOptions): readonly StrategyRun[] {
  // Layers that are given for each stage are those of one pipeline.
  if (options.full === true || request.layersPerStage !== undefined) return [];
  return pipelineCounts({ ...request, pipelines: "auto" })
    .filter((pipelines) => pipelines > 1)
    .flatMap((pipelines) => runPlanned({ ...request, ...PLANNED.lorapp, pipelines }) ?? []);
}

/**
 * Every strategy, with and without recomputation, in a fixed order; what the workload and the cluster do not allow is
 * left out, and LoRAPP without sharing where it is what the planner chooses anyway. LoRAPP is there in one pipeline of
 * all devices, and in as many side by side as divide them.
 */
export function compareStrategies(request: PlanRequest, options: StrategyOptions = {}): readonly StrategyRow[] {
  return RECOMPUTE.flatMap((recompute) => {
    const asked = { ...request, recompute };
    const isShared = (run: StrategyRun): boolean => run.groups !== null && run.groups < request.jobs.length;
    const rows: { readonly strategy: StrategyName; readonly run: StrategyRun }[] = [];
    for (const strategy of STRATEGY_NAMES) {
      const chosen = rows.find((row) => row.strategy === "lorapp")?.run;
      if (strategy === "lorapp-unfused" && chosen !== undefined && !isShared(chosen)) continue;
      const run = runStrategy(asked, strategy, options);
      if (run !== undefined) rows.push({ strategy, run });
      if (strategy === "lorapp") for (const run of runSideBySide(asked, options)) rows.push({ strategy, run });
    }
    return rows.map(({ strategy, run: { tokens: _tokens, ...figures } }) => ({ strategy, recompute, ...figures }));
  });
}
