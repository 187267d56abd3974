import { type Nanos, sum } from "../../core/index.ts";
import { createTraceRecorder, type Trace, type TraceEvent } from "../../traces/index.ts";
import {
  type JobsRun,
  type PlacedStep,
  type SimulatedJobs,
  type SimulatedStep,
  simulateStep,
  stepKey,
} from "./simulate-jobs.ts";
import { isCollective, type StepWork } from "./step-graph.ts";

export interface JobsTraceOptions {
  /** As many whole steps from the start as stay below, and at least one; no limit where absent. */
  readonly maxEvents?: number;
  readonly maxSteps?: number;
  readonly calibrationHash: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** The events and memory changes of one step, from its start. */
interface StepRecord {
  readonly events: readonly Omit<TraceEvent, "jobs" | "step">[];
  readonly held: readonly { readonly device: number; readonly timeNs: number; readonly bytes: number }[];
  readonly numMicroBatches: number;
}

/** Streams on which a device shows its part in some work; a ring sends and receives at once. */
function streamsOf({ kind, devices }: StepWork, device: number): readonly TraceEvent["stream"][] {
  if (kind === "compute") return ["compute"];
  if (kind === "message") return [device === devices[0] ? "send" : "receive"];
  if (kind === "send" || kind === "receive") return [kind];
  return ["receive", "send"];
}

function recordStep({ graph, times }: SimulatedStep): StepRecord {
  const events: Omit<TraceEvent, "jobs" | "step">[] = [];
  const held: { device: number; timeNs: number; bytes: number }[] = [];
  graph.tasks.forEach(({ work }, index) => {
    const { kind, stage, letter, devices, microBatches, bytes, heldBytes } = work;
    if (kind === "norms") return;
    const startNs = times.startNs[index]!;
    const endNs = kind === "message" ? times.resultNs[index]! : times.endNs[index]!;
    devices.forEach((device, at) => {
      if (heldBytes !== 0) held.push({ device, timeNs: heldBytes > 0 ? startNs : endNs, bytes: heldBytes });
      // Without weight gradients a W takes no time and is none.
      if (endNs === startNs && (letter === "W" || kind !== "compute")) return;
      const microBatch = microBatches[at]!;
      const { part, tokens } = graph.microBatches[microBatch]!;
      for (const stream of streamsOf(work, device))
        events.push({
          action: `${stage}${letter}${microBatch}`,
          device,
          stream,
          startNs,
          durationNs: (endNs - startNs) as Nanos,
          stage,
          letter,
          microBatch,
          part,
          tokens,
          ...(kind === "compute" ? {} : { bytes: Math.round(bytes) }),
          ...(isCollective(kind) ? { collective: kind } : {}),
        });
    });
  });
  return {
    events,
    held: held.sort((a, b) => a.timeNs - b.timeNs || a.bytes - b.bytes),
    numMicroBatches: graph.microBatches.length,
  };
}

/** What a trace holds of the run. */
export interface JobsTrace {
  readonly trace: Trace;
  readonly numSteps: number;
}

/** The first steps of the run as a trace. */
export function jobsTrace(run: JobsRun, { steps, needs }: SimulatedJobs, options: JobsTraceOptions): JobsTrace {
  const { devices, jobs, platform, hash } = run;
  const { maxEvents = Number.POSITIVE_INFINITY, maxSteps = Number.POSITIVE_INFINITY, ...facts } = options;
  const recorder = createTraceRecorder({ source: "simulated", planHash: hash, devices, ...facts });
  const known = new Map<string, StepRecord>();
  const recordOf = ({ job, step }: PlacedStep): StepRecord => {
    const key = stepKey(run, job, step);
    const found = known.get(key) ?? recordStep(simulateStep(run, job, step));
    known.set(key, found);
    return found;
  };
  const { allocatorFactor } = platform.program;
  // Loading is over when the trace begins.
  const always = needs.map(({ load: _load, total: _total, activations: _activations, ...parts }) =>
    sum(Object.values(parts)),
  );
  const held = devices.map(() => 0);
  always.forEach((value, device) => {
    recorder.addCounter({ counter: "memory", device, timeNs: 0 as Nanos, value });
  });
  let numEvents = 0;
  let numMicroBatches = 0;
  let numSteps = 0;
  for (const placed of steps) {
    const record = recordOf(placed);
    if (numSteps > 0 && (numSteps >= maxSteps || numEvents + record.events.length > maxEvents)) break;
    const { job, step, startNs } = placed;
    for (const event of record.events) {
      const microBatch = numMicroBatches + event.microBatch;
      recorder.add({
        ...event,
        action: `${event.stage}${event.letter}${microBatch}`,
        startNs: (startNs + event.startNs) as Nanos,
        microBatch,
        jobs: [jobs[job]!.name],
        step,
      });
    }
    for (const { device, timeNs, bytes } of record.held) {
      held[device]! += bytes;
      const value = Math.round(always[device]! + allocatorFactor * held[device]!);
      recorder.addCounter({ counter: "memory", device, timeNs: (startNs + timeNs) as Nanos, value });
    }
    numEvents += record.events.length;
    numMicroBatches += record.numMicroBatches;
    numSteps += 1;
  }
  return { trace: recorder.finish(), numSteps };
}
