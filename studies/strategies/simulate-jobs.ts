import { type InputError, InvariantError, PlanError, sum } from "../../core/index.ts";
import { type AdapterSpec, type Cut, memoryTable, spentOn } from "../../plan/index.ts";
import type { RunFigures, SharedFactors, TaskTimes } from "../../sim/index.ts";
import { type DeviceMetrics, idleShare, type RunMetrics, steadyRegion } from "../../traces/index.ts";
import {
  COMPARISON_TABLE,
  type ComparisonOptions,
  type ComparisonSchedule,
  comparisonStep,
} from "./comparison-schedules.ts";
import { type DeviceNeed, fitsDevices, largestNeed } from "./device-needs.ts";
import type { Platform, TrainedModel } from "./platform.ts";
import { runStep, type StepGraph, withFactors } from "./step-graph.ts";
import type { RowLengths, StepRows } from "./step-rows.ts";

/** A job as the comparison schedules see it. */
export interface ComparedJob {
  readonly name: string;
  readonly adapter: AdapterSpec;
  /** Whether its gradients are clipped by their norm; they are not where absent. */
  readonly clips?: boolean;
  /** Rows of each optimizer step. */
  readonly steps: readonly RowLengths[];
  readonly cut: Cut;
}

export interface JobsRun {
  readonly schedule: ComparisonSchedule;
  readonly platform: Platform;
  readonly model: Omit<TrainedModel, "adapter" | "clips">;
  readonly jobs: readonly ComparedJob[];
  readonly options: ComparisonOptions;
  /** Of the request, in place of a plan's hash. */
  readonly hash: string;
  /** Names, one a device of the platform. */
  readonly devices: readonly string[];
}

/** A step in virtual time, from 0. */
export interface SimulatedStep {
  readonly graph: StepGraph;
  readonly times: TaskTimes;
}

/** What the run keeps of a step. */
interface StepSummary {
  readonly durationNs: number;
  readonly busyNs: readonly number[];
  /** Start of the first computation on any device. */
  readonly firstNs: number;
  readonly tokens: number;
}

/** A step of the run: whose, when. */
export interface PlacedStep {
  readonly job: number;
  readonly step: number;
  readonly startNs: number;
}

export interface SimulatedJobs {
  readonly metrics: RunMetrics;
  /** In order; each starts when the one before has ended. */
  readonly steps: readonly PlacedStep[];
  /** By device, at its fullest. */
  readonly needs: readonly DeviceNeed[];
  /** Of all kinds of steps together: what a draw costs. */
  readonly numTasks: number;
}

function modelOf({ model, jobs }: JobsRun, job: number): TrainedModel {
  const { adapter, clips = false } = jobs[job]!;
  return { ...model, adapter, clips };
}

function rowsOf({ jobs }: JobsRun, job: number, step: number): StepRows {
  const { steps, cut } = jobs[job]!;
  return { lengths: steps[step]!, cut };
}

function graphOf(run: JobsRun, job: number, step: number): StepGraph {
  const { schedule, platform, options } = run;
  return comparisonStep(schedule, platform, modelOf(run, job), rowsOf(run, job, step), options);
}

/** One step by itself. */
export function simulateStep(run: JobsRun, job: number, step: number): SimulatedStep {
  const graph = graphOf(run, job, step);
  return { graph, times: runStep(run.platform, graph) };
}

function summaryOf(run: JobsRun, tokens: number, { graph, times }: SimulatedStep): StepSummary {
  const busyNs = run.devices.map(() => 0);
  let firstNs = Number.POSITIVE_INFINITY;
  graph.tasks.forEach(({ work }, index) => {
    if (work.kind !== "compute") return;
    firstNs = Math.min(firstNs, times.startNs[index]!);
    for (const device of work.devices) busyNs[device]! += times.endNs[index]! - times.startNs[index]!;
  });
  return { durationNs: times.makespanNs, busyNs, firstNs, tokens };
}

/** Part by part the most that any step needs of any job; the state is of one adapter at a time. */
function largestNeeds(run: JobsRun, steps: ReadonlyMap<string, PlacedStep>): readonly DeviceNeed[] {
  const { platform, schedule, options } = run;
  const all = [...steps.values()].map(({ job, step }) =>
    COMPARISON_TABLE[schedule].needs(platform, modelOf(run, job), rowsOf(run, job, step), options),
  );
  return run.devices.map((_, device) => largestNeed(all.map((needs) => needs[device]!)));
}

/** Steps of one key are equal: of one adapter size and equal rows. */
export function stepKey({ jobs }: JobsRun, job: number, step: number): string {
  const { adapter, clips, cut, steps } = jobs[job]!;
  const { rank, targets, rankPattern, dora } = adapter;
  return JSON.stringify([rank, targets, rankPattern, dora === true, clips === true, cut, steps[step]]);
}

/** The key of every step, and the first step of each key. */
function distinctSteps(run: JobsRun): {
  readonly keys: readonly (readonly string[])[];
  readonly first: ReadonlyMap<string, PlacedStep>;
} {
  const first = new Map<string, PlacedStep>();
  const keys = run.jobs.map(({ steps }, job) =>
    steps.map((_, step) => {
      const key = stepKey(run, job, step);
      if (!first.has(key)) first.set(key, { job, step, startNs: 0 });
      return key;
    }),
  );
  return { keys, first };
}

/** Why the schedule cannot have these jobs; undefined where it can. */
export function jobsRefusal(run: JobsRun): InputError | undefined {
  for (const { job, step } of distinctSteps(run).first.values()) {
    const refusal = COMPARISON_TABLE[run.schedule].refusal(run.platform, modelOf(run, job), rowsOf(run, job, step));
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** What each device needs for the jobs, without running them. */
export function jobsNeeds(run: JobsRun): readonly DeviceNeed[] {
  return largestNeeds(run, distinctSteps(run).first);
}

/**
 * @throws InputError for jobs that the schedule cannot have; PlanError, with what each device would need, for jobs that
 * do not fit.
 */
export function requireJobs(run: JobsRun): void {
  const refusal = jobsRefusal(run);
  if (refusal !== undefined) throw refusal;
  const { platform, devices, schedule, model } = run;
  const needs = jobsNeeds(run);
  if (fitsDevices(platform, needs)) return;
  const isOfLoad = needs.some(
    ({ load }, device) => load > (platform.devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY),
  );
  const recomputes =
    model.recompute === "none" && fitsDevices(platform, jobsNeeds({ ...run, model: { ...model, recompute: "layer" } }));
  throw new PlanError({
    expected: `jobs that fit into the devices' memory with --schedule ${schedule}`,
    got: "out of memory",
    detail: memoryTable(
      needs.map((memory, device) => ({
        device: devices[device]!,
        memory,
        capacity: platform.devices[device]!.memoryBytes,
      })),
    ),
    hint: recomputes
      ? "With `recompute: layer` (--recompute layer) it fits."
      : isOfLoad
        ? "Each device holds the whole model while it is loaded and cut. Use a smaller dtype, or devices with more memory."
        : "Use a smaller batchSize (with --accumulate microBatchSize) or cutoffLength, a smaller dtype, or more devices.",
  });
}

/** Of jobs one after another, each of whose steps has ended before the next one begins on any device. */
function steadyBubble(steps: readonly StepSummary[], numDevices: number): number | null {
  let nowNs = 0;
  const starts = steps.map(({ durationNs }) => {
    nowNs += durationNs;
    return nowNs - durationNs;
  });
  const region = steadyRegion(starts);
  if (region === undefined) return null;
  const { fromNs, toNs } = region;
  const inside = steps.filter((_, step) => starts[step]! >= fromNs && starts[step]! < toNs);
  return idleShare(sum(inside.map(({ busyNs }) => sum(busyNs))), numDevices, fromNs, toNs);
}

/** The run in time, without its memory. */
interface TimedJobs extends Omit<RunMetrics, "planHash" | "source" | "devices"> {
  readonly steps: readonly PlacedStep[];
  readonly busyNs: readonly number[];
  readonly makespanNs: number;
}

/** The steps one after another, each of them as it is by itself. */
function placeSteps(
  { devices, jobs, platform }: JobsRun,
  summaryAt: (job: number, step: number) => StepSummary,
): TimedJobs {
  const steps: PlacedStep[] = [];
  const busyNs = devices.map(() => 0);
  let nowNs = 0;
  let tokens = 0;
  const jobMetrics = jobs.map(({ name, steps: rows }, job) => {
    const startNs = nowNs + summaryAt(job, 0).firstNs;
    let own = 0;
    const ownNs = devices.map(() => 0);
    rows.forEach((_, step) => {
      const summary = summaryAt(job, step);
      steps.push({ job, step, startNs: nowNs });
      nowNs += summary.durationNs;
      own += summary.tokens;
      summary.busyNs.forEach((busy, device) => {
        busyNs[device]! += busy;
        ownNs[device]! += busy;
      });
    });
    tokens += own;
    const [startSeconds, endSeconds] = [startNs / 1e9, nowNs / 1e9];
    return {
      name,
      steps: rows.length,
      tokens: own,
      startSeconds,
      endSeconds,
      turnaroundSeconds: endSeconds,
      waitSeconds: startSeconds,
      ...spentOn(platform.devices, ownNs),
    };
  });
  // As for any trace, from the first computation on.
  const makespanNs = nowNs - summaryAt(0, 0).firstNs;
  return {
    steps,
    busyNs,
    makespanNs,
    makespanSeconds: makespanNs / 1e9,
    tokens,
    tokensPerSecond: makespanNs === 0 ? 0 : tokens / (makespanNs / 1e9),
    bubbleRatio: steadyBubble(
      jobs[0]!.steps.map((_, step) => summaryAt(0, step)),
      devices.length,
    ),
    bubbleRatioTotal: idleShare(sum(busyNs), devices.length, 0, makespanNs) ?? 0,
    jobs: jobMetrics,
  };
}

/** The run with the times as they are, or off by factors: as many runs as there are `factors`. */
function timeJobs(run: JobsRun, factors: readonly (SharedFactors | undefined)[]) {
  const { keys, first } = distinctSteps(run);
  if (first.size === 0) throw new InvariantError({ expected: "a job with a step", got: run.jobs.length });
  const summaries = factors.map(() => new Map<string, StepSummary>());
  let numTasks = 0;
  // Step by step, since the tasks of all steps may be too many to hold.
  for (const [key, { job, step }] of first) {
    const known = graphOf(run, job, step);
    const tokens = sum(rowsOf(run, job, step).lengths);
    numTasks += known.tasks.length;
    factors.forEach((drawn, index) => {
      const graph = drawn === undefined ? known : withFactors(known, drawn);
      summaries[index]!.set(key, summaryOf(run, tokens, { graph, times: runStep(run.platform, graph) }));
    });
  }
  const runs = summaries.map((byKey) => placeSteps(run, (job, step) => byKey.get(keys[job]![step]!)!));
  return { runs, first, numTasks };
}

/**
 * The jobs one after another, step by step, as systems without LoRAPP train them: every step begins when the one before
 * has ended. Equal steps are simulated once.
 */
export function simulateJobs(run: JobsRun): SimulatedJobs {
  const { runs, first, numTasks } = timeJobs(run, [undefined]);
  const { steps, busyNs, makespanNs, ...figures } = runs[0]!;
  const { devices, hash } = run;
  const needs = largestNeeds(run, first);
  return {
    steps,
    needs,
    numTasks,
    metrics: {
      planHash: hash,
      source: "simulated",
      ...figures,
      devices: devices.map(
        (name, device): DeviceMetrics => ({
          name,
          busySeconds: busyNs[device]! / 1e9,
          idleSeconds: (makespanNs - busyNs[device]!) / 1e9,
          peakMemoryBytes: needs[device]!.total,
        }),
      ),
    },
  };
}

/** Figures of runs that might be: `simulateJobs` with all times off by each draw's factors. */
export function drawJobs(run: JobsRun, draws: readonly SharedFactors[]): readonly RunFigures[] {
  return timeJobs(run, draws).runs.map((timed) => {
    const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, jobs } = timed;
    const turnaroundSeconds = jobs.map((job) => job.turnaroundSeconds);
    return { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, turnaroundSeconds };
  });
}
