import { type Nanos, nanosToSeconds } from "../core/index.ts";
import { idleShare, steadyBubble, steadyRegion } from "./bubble.ts";
import type { Trace, TraceEvent, TraceStream } from "./trace.ts";
import { pipelineOfStage, tracePipelines } from "./trace-pipelines.ts";

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
  /**
   * Tokens of all micro-batches that went forward on the first stage of their pipeline, each once though several
   * devices share it.
   */
  readonly tokens: number;
  /** `tokens` over the makespan; 0 for a run that took no time. */
  readonly tokensPerSecond: number;
  /**
   * Idle share of all compute streams in the steady region of their pipeline (`steadyBubble`). null for a first job of
   * fewer than 4 steps, or where nothing took time.
   */
  readonly bubbleRatio: number | null;
  /** The same over the makespan, fill and drain included. */
  readonly bubbleRatioTotal: number;
  readonly devices: readonly DeviceMetrics[];
}

export function computeEvents(trace: Trace): readonly TraceEvent[] {
  return trace.events.filter((event) => event.stream === "compute");
}

type Region = ReturnType<typeof steadyRegion>;

/** How long the actions of each pipeline take in its region. */
function busyInRegions(
  trace: TraceStream,
  pipelineOf: (stage: number) => number,
  regions: readonly Region[],
): readonly number[] {
  const busy = regions.map(() => 0);
  if (regions.every((region) => region === undefined)) return busy;
  for (const { stream, stage, startNs, durationNs } of trace.events) {
    const pipeline = pipelineOf(stage);
    const region = regions[pipeline];
    if (stream !== "compute" || region === undefined) continue;
    const time = Math.min(startNs + durationNs, region.toNs) - Math.max(startNs, region.fromNs);
    busy[pipeline]! += Math.max(0, time);
  }
  return busy;
}

/**
 * `pipelines` are the plan's (`planPipelines`); without them, what the trace alone tells. `visit` sees each action on
 * the way, for numbers that need the plan as well: a long trace is read as seldom as can be.
 */
export function traceTotals(
  trace: TraceStream,
  pipelines = tracePipelines(trace),
  visit: (action: TraceEvent) => void = () => {},
): RunTotals {
  const busyNs = trace.devices.map(() => 0);
  const pipelineOf = pipelineOfStage(pipelines);
  const pipelineOfDevice = trace.devices.map(() => 0);
  /** By pipeline, the earliest forward on its first stage of each step of its first job. */
  const stepStarts = pipelines.map((): number[] => []);
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
    const pipeline = pipelineOf(event.stage);
    pipelineOfDevice[event.device] = pipeline;
    const { firstStage, firstJob } = pipelines[pipeline]!;
    if (event.stage !== firstStage || event.letter !== "F") continue;
    if (counted[event.microBatch] !== true) {
      counted[event.microBatch] = true;
      tokens += event.tokens;
    }
    if (firstJob === undefined || !event.jobs.includes(firstJob)) continue;
    const starts = stepStarts[pipeline]!;
    starts[event.step] = Math.min(starts[event.step] ?? Number.POSITIVE_INFINITY, event.startNs);
  }
  const isEmpty = startNs === Number.POSITIVE_INFINITY;
  const makespanNs = isEmpty ? 0 : endNs - startNs;
  const peaks = trace.devices.map(() => 0);
  for (const { counter, device, value } of trace.counters)
    if (counter === "memory") peaks[device] = Math.max(value, peaks[device] ?? 0);
  const regions = stepStarts.map(steadyRegion);
  const steadyBusyNs = busyInRegions(trace, pipelineOf, regions);
  const allBusyNs = busyNs.reduce((sum, each) => sum + each, 0);
  return {
    makespanSeconds: nanosToSeconds(makespanNs as Nanos),
    tokens,
    tokensPerSecond: makespanNs === 0 ? 0 : tokens / (makespanNs / 1e9),
    bubbleRatio: steadyBubble(
      regions.map((region, pipeline) => ({
        region,
        busyNs: steadyBusyNs[pipeline]!,
        numDevices: pipelineOfDevice.filter((own) => own === pipeline).length,
      })),
    ),
    bubbleRatioTotal: isEmpty ? 0 : (idleShare(allBusyNs, trace.devices.length, startNs, endNs) ?? 0),
    devices: trace.devices.map((name, device) => ({
      name,
      busySeconds: busyNs[device]! / 1e9,
      idleSeconds: (makespanNs - busyNs[device]!) / 1e9,
      peakMemoryBytes: peaks[device]!,
    })),
  };
}
