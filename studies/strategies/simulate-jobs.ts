import { InvariantError, sum } from "../../core/index.ts";
import type { TaskTimes } from "../../sim/index.ts";
import type { DeviceMetrics, RunMetrics } from "../../traces/index.ts";
import { COMPARISON_TABLE, type ComparisonOptions, type ComparisonSchedule } from "./comparison-schedules.ts";
import { type MemoryNeed, totalBytes } from "./memory.ts";
import type { Platform, TrainedModel } from "./setting.ts";
import { runStep, type StepGraph } from "./step-graph.ts";
import type { RowLengths, StepRows } from "./step-rows.ts";

/** A job as the comparison schedules see it. */
export interface ComparedJob {
  readonly name: string;
  readonly adapterParameters: number;
  /** Rows of each optimizer step. */
  readonly steps: readonly RowLengths[];
  readonly microBatchSize: number;
}

export interface JobsRun {
  readonly schedule: ComparisonSchedule;
  readonly platform: Platform;
  readonly model: Omit<TrainedModel, "adapterParameters">;
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
  readonly needs: readonly MemoryNeed[];
}

function modelOf({ model, jobs }: JobsRun, job: number): TrainedModel {
  return { ...model, adapterParameters: jobs[job]!.adapterParameters };
}

function rowsOf({ jobs }: JobsRun, job: number, step: number): StepRows {
  const { steps, microBatchSize } = jobs[job]!;
  return { lengths: steps[step]!, microBatchSize };
}

/** One step by itself. */
export function simulateStep(run: JobsRun, job: number, step: number): SimulatedStep {
  const { schedule, platform, options } = run;
  const graph = COMPARISON_TABLE[schedule].tasks(platform, modelOf(run, job), rowsOf(run, job, step), options);
  return { graph, times: runStep(platform, graph) };
}

function summaryOf(run: JobsRun, job: number, step: number): StepSummary {
  const { graph, times } = simulateStep(run, job, step);
  const busyNs = run.devices.map(() => 0);
  let firstNs = Number.POSITIVE_INFINITY;
  graph.tasks.forEach(({ work }, index) => {
    if (work.kind !== "compute") return;
    firstNs = Math.min(firstNs, times.startNs[index]!);
    for (const device of work.devices) busyNs[device]! += times.endNs[index]! - times.startNs[index]!;
  });
  return { durationNs: times.makespanNs, busyNs, firstNs, tokens: sum(rowsOf(run, job, step).lengths) };
}

/** Part by part the most that any step needs of any job; the state is of one adapter at a time. */
function largestNeeds(run: JobsRun, steps: ReadonlyMap<string, PlacedStep>): readonly MemoryNeed[] {
  const { platform, schedule, options } = run;
  const all = [...steps.values()].map(({ job, step }) =>
    COMPARISON_TABLE[schedule].needs(platform, modelOf(run, job), rowsOf(run, job, step), options),
  );
  return run.devices.map((_, device) => {
    const largest = (part: keyof MemoryNeed): number =>
      all.reduce((most, needs) => Math.max(most, needs[device]![part]), 0);
    return {
      weights: largest("weights"),
      state: largest("state"),
      activations: largest("activations"),
      load: largest("load"),
    };
  });
}

/** Each kind of step once: steps of one adapter size and equal rows are equal. */
function distinctSteps(run: JobsRun): {
  readonly keys: readonly (readonly string[])[];
  readonly first: ReadonlyMap<string, PlacedStep>;
} {
  const first = new Map<string, PlacedStep>();
  const keys = run.jobs.map(({ steps, adapterParameters, microBatchSize }, job) =>
    steps.map((lengths, step) => {
      const key = `${adapterParameters} ${microBatchSize} ${lengths.join()}`;
      if (!first.has(key)) first.set(key, { job, step, startNs: 0 });
      return key;
    }),
  );
  return { keys, first };
}

/** What each device needs for the jobs, without running them. @throws InputError for a setting that the schedule cannot have. */
export function jobsNeeds(run: JobsRun): readonly MemoryNeed[] {
  return largestNeeds(run, distinctSteps(run).first);
}

/** Idle share of all compute streams while the first job's second half of steps runs; null below four steps. */
function steadyBubble(steps: readonly StepSummary[], numDevices: number): number | null {
  if (steps.length < 4) return null;
  const region = steps.slice(Math.floor(steps.length / 2), steps.length - 1);
  const total = numDevices * sum(region.map(({ durationNs }) => durationNs));
  return total === 0 ? null : 1 - sum(region.map(({ busyNs }) => sum(busyNs))) / total;
}

/**
 * The jobs one after another, step by step, as systems without LoRAPP train them: every step begins when the one before has
 * ended. Equal steps are simulated once. Updates take no time.
 * @throws InputError for a setting that the schedule cannot have.
 */
export function simulateJobs(run: JobsRun): SimulatedJobs {
  const { keys, first } = distinctSteps(run);
  if (first.size === 0) throw new InvariantError({ expected: "a job with a step", got: run.jobs.length });
  const known = new Map<string, StepSummary>();
  const summaryAt = (job: number, step: number): StepSummary => {
    const key = keys[job]![step]!;
    const found = known.get(key) ?? summaryOf(run, job, step);
    known.set(key, found);
    return found;
  };
  const { platform, devices, jobs, hash } = run;
  const steps: PlacedStep[] = [];
  const busyNs = devices.map(() => 0);
  let nowNs = 0;
  let tokens = 0;
  const jobMetrics = jobs.map(({ name, steps: rows }, job) => {
    const startNs = nowNs + summaryAt(job, 0).firstNs;
    let own = 0;
    rows.forEach((_, step) => {
      const summary = summaryAt(job, step);
      steps.push({ job, step, startNs: nowNs });
      nowNs += summary.durationNs;
      own += summary.tokens;
      summary.busyNs.forEach((busy, device) => {
        busyNs[device]! += busy;
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
    };
  });
  // As for any trace, from the first computation on.
  const makespanNs = nowNs - summaryAt(0, 0).firstNs;
  const needs = largestNeeds(run, first);
  return {
    steps,
    needs,
    metrics: {
      planHash: hash,
      source: "simulated",
      makespanSeconds: makespanNs / 1e9,
      tokens,
      tokensPerSecond: makespanNs === 0 ? 0 : tokens / (makespanNs / 1e9),
      bubbleRatio: steadyBubble(
        jobs[0]!.steps.map((_, step) => summaryAt(0, step)),
        devices.length,
      ),
      bubbleRatioTotal: makespanNs === 0 ? 0 : 1 - sum(busyNs) / (devices.length * makespanNs),
      devices: devices.map(
        (name, device): DeviceMetrics => ({
          name,
          busySeconds: busyNs[device]! / 1e9,
          idleSeconds: (makespanNs - busyNs[device]!) / 1e9,
          peakMemoryBytes: Math.round(totalBytes(platform, needs[device]!)),
        }),
      ),
      jobs: jobMetrics,
    },
  };
}
