import { type Nanos, nanosToSeconds } from "../core/index.ts";
import type { Trace, TraceEvent } from "./trace.ts";

export interface DeviceMetrics {
  readonly name: string;
  /** Time in actions of its compute stream. */
  readonly busySeconds: number;
  /** The rest of the makespan. */
  readonly idleSeconds: number;
  /** The largest memory sample; 0 in a trace without any for this device. */
  readonly peakMemoryBytes: number;
}

/** What a trace alone says about the run as a whole. */
export interface RunTotals {
  /** From the start of the first action to the end of the last, over all compute streams. */
  readonly makespanSeconds: number;
  /** Tokens of all micro-batches that went forward on stage 0, each once though several devices share it. */
  readonly tokens: number;
  /** `tokens` over the makespan; 0 for a run that took no time. */
  readonly tokensPerSecond: number;
  /**
   * Idle share of all compute streams in the steady region: from stage 0's first forward of the first job's step floor(S/2), from 0, to that of its
   * last step S - 1. null for a job of fewer than 4 steps, or where nothing took time.
   */
  readonly bubbleRatio: number | null;
  /** The same over the makespan, fill and drain included. */
  readonly bubbleRatioTotal: number;
  readonly devices: readonly DeviceMetrics[];
}

/** Idle share of `numDevices` compute streams between two times; integer arithmetic, so that no idle time is exactly 0. */
function idleShare(actions: readonly TraceEvent[], numDevices: number, fromNs: number, toNs: number): number | null {
  const total = numDevices * (toNs - fromNs);
  if (total <= 0) return null;
  let busy = 0;
  for (const { startNs, durationNs } of actions)
    busy += Math.max(0, Math.min(startNs + durationNs, toNs) - Math.max(startNs, fromNs));
  return (total - busy) / total;
}

/** The earliest forward on stage 0 of each step of the job. */
function stepStarts(actions: readonly TraceEvent[], job: string): ReadonlyMap<number, Nanos> {
  const starts = new Map<number, Nanos>();
  for (const { stage, letter, step, startNs, jobs } of actions) {
    if (stage !== 0 || letter !== "F" || !jobs.includes(job)) continue;
    const known = starts.get(step);
    if (known === undefined || startNs < known) starts.set(step, startNs);
  }
  return starts;
}

function steadyBubble(actions: readonly TraceEvent[], numDevices: number, firstJob: string): number | null {
  const starts = stepStarts(actions, firstJob);
  const steps = starts.size;
  if (steps < 4) return null;
  const from = starts.get(Math.floor(steps / 2));
  const to = starts.get(steps - 1);
  return from === undefined || to === undefined ? null : idleShare(actions, numDevices, from, to);
}

/** The job that the steady region counts when no plan is at hand: the first one in the earliest forward of stage 0. */
function firstJobOf(actions: readonly TraceEvent[]): string | undefined {
  let first: TraceEvent | undefined;
  for (const event of actions) {
    if (event.stage === 0 && event.letter === "F" && (first === undefined || event.startNs < first.startNs))
      first = event;
  }
  return first?.jobs[0];
}

export function computeEvents(trace: Trace): readonly TraceEvent[] {
  return trace.events.filter((event) => event.stream === "compute");
}

/** `firstJob` is the plan's first job, whose steps bound the steady region; without it, the job that the trace begins with. */
export function traceTotals(trace: Trace, firstJob?: string): RunTotals {
  const actions = computeEvents(trace);
  const numDevices = trace.devices.length;
  const busyNs = trace.devices.map(() => 0);
  let startNs = Number.POSITIVE_INFINITY;
  let endNs = 0;
  let tokens = 0;
  const counted = new Set<number>();
  for (const event of actions) {
    busyNs[event.device] = busyNs[event.device]! + event.durationNs;
    startNs = Math.min(startNs, event.startNs);
    endNs = Math.max(endNs, event.startNs + event.durationNs);
    if (event.stage !== 0 || event.letter !== "F" || counted.has(event.microBatch)) continue;
    counted.add(event.microBatch);
    tokens += event.tokens;
  }
  const makespanNs = actions.length === 0 ? 0 : endNs - startNs;
  const peaks = trace.devices.map(() => 0);
  for (const { counter, device, value } of trace.counters)
    if (counter === "memory") peaks[device] = Math.max(value, peaks[device] ?? 0);
  const job = firstJob ?? firstJobOf(actions);
  return {
    makespanSeconds: nanosToSeconds(makespanNs as Nanos),
    tokens,
    tokensPerSecond: makespanNs === 0 ? 0 : tokens / (makespanNs / 1e9),
    bubbleRatio: job === undefined ? null : steadyBubble(actions, numDevices, job),
    bubbleRatioTotal: actions.length === 0 ? 0 : (idleShare(actions, numDevices, startNs, endNs) ?? 0),
    devices: trace.devices.map((name, device) => ({
      name,
      busySeconds: busyNs[device]! / 1e9,
      idleSeconds: (makespanNs - busyNs[device]!) / 1e9,
      peakMemoryBytes: peaks[device]!,
    })),
  };
}
