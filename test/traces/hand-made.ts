import { type Nanos, nanos, secondsToNanos } from "../../core/index.ts";
import {
  architectureFromConfig,
  formatAction,
  huggingFaceConfigSchema,
  PRESETS,
  parseAction,
} from "../../plan/index.ts";
import type { MetricsPlan } from "../../traces/metrics.ts";
import type { Stream, Trace, TraceEvent } from "../../traces/trace.ts";
import { roomyPipeline, wholeGroup } from "../plan/hand-work.ts";

const ARCHITECTURE = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"]));

export const PLAN_HASH = `sha256:${"ab".repeat(32)}`;

interface Extra {
  readonly stream?: Stream;
  readonly device?: number;
  readonly jobs?: readonly string[];
  readonly step?: number;
  readonly part?: number;
  readonly tokens?: number;
  readonly bytes?: number;
}

/** An event in seconds; its device is the action's stage where nothing else is said. */
export function event(action: string, startSeconds: number, seconds: number, extra: Extra = {}): TraceEvent {
  const { stage, letter, microBatch } = parseAction(action);
  const { stream = "compute", device = stage, jobs = ["math"], step = 0, part = 0, tokens = 10, bytes } = extra;
  return {
    action,
    device,
    stream,
    startNs: secondsToNanos(startSeconds),
    durationNs: secondsToNanos(seconds),
    stage,
    letter,
    microBatch,
    jobs,
    step,
    part,
    tokens,
    ...(bytes === undefined ? {} : { bytes }),
  };
}

export function trace(events: readonly TraceEvent[], facts: Partial<Trace> = {}): Trace {
  return {
    source: "simulated",
    planHash: PLAN_HASH,
    calibrationHash: "sha256:cd",
    versions: { loratwin: "0.1.0" },
    devices: ["cpu:0", "cpu:1"],
    events,
    counters: [],
    ...facts,
  };
}

/**
 * Two jobs on two stages, two micro-batches, with transfers, memory and losses; forward 1 s, backward 2 s, transfers
 * half a second.
 */
export function twoStages(facts: Partial<Trace> = {}): Trace {
  const second = { jobs: ["text"], tokens: 30 };
  return trace(
    [
      event("0F0", 0, 1),
      event("0F1", 1, 1, second),
      event("0F0", 1, 0.5, { stream: "send", bytes: 640 }),
      event("0F0", 1, 0.5, { stream: "receive", device: 1, bytes: 640 }),
      event("1F0", 1.5, 1),
      event("0F1", 2, 0.5, { ...second, stream: "send", bytes: 1920 }),
      event("0F1", 2, 0.5, { ...second, stream: "receive", device: 1, bytes: 1920 }),
      event("1B0", 2.5, 2),
      event("1U0", 4.5, 0),
      event("1F1", 4.5, 1, second),
      event("1B0", 4.5, 0.5, { stream: "send", bytes: 640 }),
      event("1B0", 4.5, 0.5, { stream: "receive", device: 0, bytes: 640 }),
      event("0B0", 5, 2),
      event("1B1", 5.5, 2, second),
      event("0U0", 7, 0),
      event("1U1", 7.5, 0, second),
      event("1B1", 7.5, 0.5, { ...second, stream: "send", bytes: 1920 }),
      event("1B1", 7.5, 0.5, { ...second, stream: "receive", device: 0, bytes: 1920 }),
      event("0B1", 8, 2, second),
      event("0U1", 10, 0, second),
    ],
    {
      counters: [
        { counter: "memory", device: 0, timeNs: nanos(0), value: 1000 },
        { counter: "memory", device: 1, timeNs: nanos(0), value: 800 },
        { counter: "memory", device: 0, timeNs: secondsToNanos(1), value: 1500 },
        { counter: "loss", device: 1, job: "math", timeNs: secondsToNanos(2.5), value: 3.25 },
        { counter: "memory", device: 0, timeNs: secondsToNanos(7), value: 1000 },
      ],
      ...facts,
    },
  );
}

/** The plan of twoStages, as far as metrics look. */
export function twoStagesPlan(): MetricsPlan {
  const adapter = { rank: 8, alpha: 16, dropout: 0, targets: ["q_proj"] };
  const job = (name: string) => ({ name, steps: 1, adapter }) as MetricsPlan["jobs"][number];
  return {
    hash: PLAN_HASH,
    devices: [0, 1].map((index) => ({ name: `cpu:${index}` }) as MetricsPlan["devices"][number]),
    stages: [0, 1].map(
      (device) => ({ device, firstLayer: device, endLayer: device + 1 }) as MetricsPlan["stages"][number],
    ),
    model: { architecture: ARCHITECTURE } as MetricsPlan["model"],
    jobs: [job("math"), job("text")],
    groups: [wholeGroup([0], 1), wholeGroup([1], 1)],
    pipelines: [roomyPipeline(0, 2)],
    microBatches: [
      { index: 0, group: 0, step: 0, part: 0, after: [], rows: [[0, 0, 10, 9]] },
      { index: 1, group: 1, step: 0, part: 0, after: [], rows: [[1, 0, 30, 29]] },
    ],
  };
}

/** The trace with other durations and starts: each start and duration of a compute event goes through `change`. */
export function altered(original: Trace, change: (event: TraceEvent) => Partial<TraceEvent>): Trace {
  return { ...original, events: original.events.map((one) => ({ ...one, ...change(one) })) };
}

/** A time that `factor` stretches. */
export function stretched(time: Nanos, factor: number): Nanos {
  return nanos(Math.round(time * factor));
}

/**
 * A pipeline of two stages in lockstep for `steps` steps of one job, idle on each stage half of the time: F 1 s and B 1
 * s, one after the other.
 */
export function alternating(steps: number): Trace {
  const events = Array.from({ length: steps }, (_, step) => {
    const key = (stage: number, letter: "F" | "B" | "U") => formatAction({ stage, letter, microBatch: step });
    const t = 4 * step;
    return [
      event(key(0, "F"), t, 1, { step }),
      event(key(1, "F"), t + 1, 1, { step }),
      event(key(1, "B"), t + 2, 1, { step }),
      event(key(1, "U"), t + 3, 0, { step }),
      event(key(0, "B"), t + 3, 1, { step }),
      event(key(0, "U"), t + 4, 0, { step }),
    ];
  });
  return trace(events.flat());
}
