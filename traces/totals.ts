import { type Nanos, nanosToSeconds } from "../core/index.ts";
import { idleShare, steadyRegion } from "./bubble.ts";
import type { Trace, TraceEvent, TraceStream } from "./trace.ts";

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
   * Idle share of all compute streams in the steady region (`steadyRegion`). null for a job of fewer than 4 steps, or where nothing took time.
   */
  readonly bubbleRatio: number | null;
  /** The same over the makespan, fill and drain included. */
  readonly bubbleRatioTotal: number;
  readonly devices: readonly DeviceMetrics[];
}

export function computeEvents(trace: Trace): readonly TraceEvent[] {
  return trace.events.filter((event) => event.stream === "compute");
}

/** Time that actions take between two times. */
function busyBetween(trace: TraceStream, fromNs: number, toNs: number): number {
  let busy = 0;
  for (const { stream, startNs, durationNs } of trace.events) {
    if (stream === "compute") busy += Math.max(0, Math.min(startNs + durationNs, toNs) - Math.max(startNs, fromNs));
  }
  return busy;
}

function steadyBubble(trace: TraceStream, stepStarts: readonly number[]): number | null {
  const region = steadyRegion(stepStarts);
  if (region === undefined) return null;
  const { fromNs, toNs } = region;
  return idleShare(busyBetween(trace, fromNs, toNs), trace.devices.length, fromNs, toNs);
}

/** The job that the steady region counts when no plan is at hand: the first one in the earliest forward of stage 0. */
function firstJobOf(trace: TraceStream): string | undefined {
  let first: TraceEvent | undefined;
  for (const event of trace.events) {
    if (event.stream !== "compute" || event.stage !== 0 || event.letter !== "F") continue;
    if (first === undefined || event.startNs < first.startNs) first = event;
  }
  return first?.jobs[0];
}

/**
 * `firstJob` is the plan's first job, whose steps bound the steady region; without it, the job that the trace begins with. `visit` sees each
 * action on the way, for numbers that need the plan as well: a long trace is read as seldom as can be.
 */
export function traceTotals(
  trace: TraceStream,
  firstJob = firstJobOf(trace),
  visit: (action: TraceEvent) => void = () => {},
): RunTotals {
  const busyNs = trace.devices.map(() => 0);
  /** The earliest forward on stage 0 of each step of the first job. */
  const stepStarts: number[] = [];
  const counted: boolean[] = [];
  let startNs = Number.POSITIVE_INFINITY;
  let endNs = 0;
  let tokens = 0;
  for (const event of trace.events) {
    if (event.stream !== "compute") continue;
    visit(event);
    busyNs[event.device] = busyNs[event.device]! + event.durationNs;
    startNs = Math.min(startNs, event.startNs);
    endNs = Math.max(endNs, event.startNs + event.durationNs);
    if (event.stage !== 0 || event.letter !== "F") continue;
    if (counted[event.microBatch] !== true) {
      counted[event.microBatch] = true;
      tokens += event.tokens;
    }
    if (firstJob === undefined || !event.jobs.includes(firstJob)) continue;
    stepStarts[event.step] = Math.min(stepStarts[event.step] ?? Number.POSITIVE_INFINITY, event.startNs);
  }
  const isEmpty = startNs === Number.POSITIVE_INFINITY;
  const makespanNs = isEmpty ? 0 : endNs - startNs;
  const peaks = trace.devices.map(() => 0);
  for (const { counter, device, value } of trace.counters)
    if (counter === "memory") peaks[device] = Math.max(value, peaks[device] ?? 0);
  const allBusyNs = busyNs.reduce((sum, each) => sum + each, 0);
  return {
    makespanSeconds: nanosToSeconds(makespanNs as Nanos),
    tokens,
    tokensPerSecond: makespanNs === 0 ? 0 : tokens / (makespanNs / 1e9),
    bubbleRatio: steadyBubble(trace, stepStarts),
    bubbleRatioTotal: isEmpty ? 0 : (idleShare(allBusyNs, trace.devices.length, startNs, endNs) ?? 0),
    devices: trace.devices.map((name, device) => ({
      name,
      busySeconds: busyNs[device]! / 1e9,
      idleSeconds: (makespanNs - busyNs[device]!) / 1e9,
      peakMemoryBytes: peaks[device]!,
    })),
  };
}
