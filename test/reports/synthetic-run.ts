// A plan of two stages and traces of it, made without planner, simulator or executor: the page has to stand on its own.
import { createRng, nanos } from "../../core/index.ts";
import { jobsOfGroup, type Plan, type PlanBody, type StageMemory, sealPlan } from "../../plan/index.ts";
import type { ReportInput } from "../../reports/index.ts";
import type { CounterSample, Trace, TraceEvent } from "../../traces/index.ts";
import { roomyPipeline, wholeGroup, withAfter } from "../plan/hand-work.ts";

const JOBS = ["arithmetic", "dates", "units", "word-problems"];
const PARTS = 4;
const NUM_STAGES = 2;
const MIB = 2 ** 20;
const MESSAGE_NS = 400_000;
/** Memory that the planner promises beside the activations. */
const STATIC_BYTES = 38 * MIB;
const ACTIVATION_BYTES = 6 * MIB;

export interface RunShape {
  readonly steps: number;
  /** Two groups of two jobs, or each job by itself. */
  readonly fused: boolean;
}

interface MicroBatchFacts {
  readonly group: number;
  readonly step: number;
  readonly part: number;
  readonly tokens: number;
}

const groupsOf = ({ fused }: RunShape): number[][] =>
  fused
    ? [
        [0, 1],
        [2, 3],
      ]
    : [[0], [1], [2], [3]];

function microBatchesOf(shape: RunShape): readonly MicroBatchFacts[] {
  const rng = createRng(7);
  const made: MicroBatchFacts[] = [];
  for (let step = 0; step < shape.steps; step += 1) {
    groupsOf(shape).forEach((_, group) => {
      for (let part = 0; part < PARTS; part += 1) made.push({ group, step, part, tokens: 160 + rng.nextInt(240) });
    });
  }
  return made;
}

/** 1F1B order with `NUM_STAGES - stage` forwards ahead, an update after each mini-batch. */
function actionsOf(stage: number, microBatches: readonly MicroBatchFacts[]): readonly string[] {
  const order: string[] = [];
  const ahead = NUM_STAGES - stage;
  for (let i = 0; i < microBatches.length + ahead - 1; i += 1) {
    if (i < microBatches.length) order.push(`${stage}F${i}`);
    const back = i - ahead + 1;
    if (back < 0) continue;
    order.push(`${stage}B${back}`);
    if (microBatches[back]!.part === PARTS - 1) order.push(`${stage}U${back}`);
  }
  return order;
}

function memoryOf(): StageMemory {
  const activations = NUM_STAGES * ACTIVATION_BYTES;
  const weights = 30 * MIB;
  const adapters = 4 * MIB;
  const optimizer = 4 * MIB;
  return { weights, adapters, optimizer, activations, buffers: 0, workspace: 0, total: STATIC_BYTES + activations };
}

export function syntheticPlan(shape: RunShape): Plan {
  const microBatches = microBatchesOf(shape);
  const groups = groupsOf(shape);
  const body: PlanBody = {
    schedule: "lorapp",
    maxInFlight: null,
    slots: "placed",
    calibration: {
      kind: "calibration",
      version: 1,
      model: "constant",
      seconds: { F: 1, B: 2, transfer: 0, update: 0 },
    },
    model: {
      architecture: {
        hiddenSize: 256,
        intermediateSize: 688,
        numLayers: 8,
        numHeads: 8,
        numKvHeads: 4,
        headDim: 32,
        vocabularySize: 4096,
        maxPositions: 1024,
        rmsNormEps: 1e-5,
        ropeTheta: 10000,
        qkvBias: false,
        tiedEmbeddings: true,
      },
      dtype: "float32",
      digest: null,
    },
    devices: ["cpu:0", "cpu:1"].map((name) => ({
      name,
      machine: "local",
      kind: "cpu",
      type: "cpu",
      threads: 1,
      memoryBytes: 8 * 1024 * MIB,
      peakFlopsPerSecond: null,
      memoryBytesPerSecond: null,
    })),
    links: [{ id: "local", type: "host", shared: false, bandwidthBytesPerSecond: 1e9, latencySeconds: 1e-5 }],
    stages: [
      { index: 0, device: 0, firstLayer: 0, endLayer: 4, embedding: true, head: false, recomputedLayers: 0 },
      { index: 1, device: 1, firstLayer: 4, endLayer: 8, embedding: false, head: true, recomputedLayers: 0 },
    ],
    pipelines: [roomyPipeline(0, 2)],
    jobs: JOBS.map((name, job) => ({
      name,
      adapter: { rank: 4 * 2 ** job, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] },
      data: { path: `${name}.jsonl` },
      dataDigest: null,
      cutoffLength: 512,
      batchSize: 8,
      microBatchSize: 2,
      steps: shape.steps,
      optimizer: { name: "adamw", learningRate: 3e-4, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
      seed: job,
      priority: 0,
    })),
    groups: groups.map((jobs) => wholeGroup(jobs, shape.steps)),
    microBatches: withAfter(
      microBatches.map(({ group, step, part, tokens }, index) => ({
        index,
        group,
        step,
        part,
        rows: groups[group]!.map((job) => [job, index, Math.ceil(tokens / groups[group]!.length), 40]),
      })),
    ),
    actions: [0, 1].map((stage) => [...actionsOf(stage, microBatches)]),
    buffers: [0, 1].map(() => ({ activationIn: 2, activationOut: 2, gradientIn: 2, gradientOut: 2 })),
    memory: [memoryOf(), memoryOf()],
    calibrationHash: "c0ffee0123456789",
    predicted: null,
  };
  return sealPlan(body, { model: null, data: {}, init: {} });
}

/** Seconds of an action with nothing around it: forward by tokens, backward half as long again, updates short. */
function idealNs(letter: string, stage: number, tokens: number): number {
  if (letter === "U") return 900_000;
  return Math.round((2e6 + 52_000 * tokens) * (letter === "B" ? 1.5 : 1) * (stage === 1 ? 1.06 : 1));
}

/** Runs the plan's orders against its dependencies; `jitter` is the spread of the durations. */
export function syntheticTrace(plan: Plan, shape: RunShape, source: "simulated" | "executed", jitter: number): Trace {
  const rng = createRng(`${source}-${jitter}`);
  const facts = microBatchesOf(shape);
  const events: TraceEvent[] = [];
  const counters: CounterSample[] = [];
  const ends = new Map<string, number>();
  const free = [0, 0];
  const queues = plan.actions.map((actions) => [...actions]);
  const lossOf = (job: number, step: number): number =>
    0.6 + 0.2 * job + 2.6 * Math.exp(-step / 5) + 0.12 * rng.nextNormal();
  const neededBy = (key: string, stage: number, microBatch: number): string | undefined => {
    if (key.includes("F")) return stage === 0 ? undefined : `0F${microBatch}`;
    return key.includes("B") && stage === 0 ? `1B${microBatch}` : undefined;
  };
  while (queues.some((queue) => queue.length > 0)) {
    for (const [stage, queue] of queues.entries()) {
      const key = queue[0];
      if (key === undefined) continue;
      const letter = key[1] as "F" | "B" | "U";
      const microBatch = Number(key.slice(2));
      const needed = neededBy(key, stage, microBatch);
      if (needed !== undefined && !ends.has(needed)) continue;
      queue.shift();
      const { group, step, part, tokens } = facts[microBatch]!;
      const jobs = jobsOfGroup(plan.groups[group]!).map((job) => JOBS[job]!);
      const common = { letter, microBatch, jobs, step, part, tokens };
      let ready = 0;
      if (needed !== undefined) {
        const sent = ends.get(needed)!;
        const message = {
          ...common,
          action: needed,
          startNs: nanos(sent),
          durationNs: nanos(MESSAGE_NS),
          bytes: tokens * 1024,
        };
        events.push({ ...message, device: 1 - stage, stage: 1 - stage, stream: "send" });
        events.push({ ...message, device: stage, stage: 1 - stage, stream: "receive" });
        ready = sent + MESSAGE_NS;
      }
      const start = Math.max(ready, free[stage]!);
      const slow = Math.exp(jitter * rng.nextNormal()) * (rng.nextFloat() < 0.02 && jitter > 0 ? 1.25 : 1);
      const duration = Math.round(idealNs(letter, stage, tokens) * slow);
      free[stage] = start + duration;
      ends.set(key, start + duration);
      const compute = {
        ...common,
        action: key,
        device: stage,
        stage,
        startNs: nanos(start),
        durationNs: nanos(duration),
      };
      events.push({ ...compute, stream: "compute" });
      const time = nanos(letter === "F" ? start : start + duration);
      const inFlight = [...ends.keys()].filter(
        (other) => other.startsWith(`${stage}F`) && !ends.has(other.replace("F", "B")),
      ).length;
      if (letter !== "U") {
        counters.push({
          counter: "memory",
          device: stage,
          timeNs: time,
          value: STATIC_BYTES + inFlight * ACTIVATION_BYTES,
        });
      } else if (stage === 0 && source === "executed") {
        for (const job of jobsOfGroup(plan.groups[group]!)) {
          counters.push({ counter: "loss", device: 0, job: JOBS[job]!, timeNs: time, value: lossOf(job, step) });
        }
      }
    }
  }
  return {
    source,
    planHash: plan.hash,
    calibrationHash: plan.calibrationHash,
    versions: { loratwin: "0.1.0", node: "20.0.0" },
    devices: plan.devices.map(({ name }) => name),
    events,
    counters,
  };
}

/** Everything that a page of two traces is made from. */
export function syntheticInput(shape: RunShape): ReportInput {
  const plan = syntheticPlan(shape);
  return {
    title: "Four adapters on two CPU devices",
    date: "2025-06-01 12:00 UTC",
    plan,
    traces: [syntheticTrace(plan, shape, "executed", 0.03), syntheticTrace(plan, shape, "simulated", 0)],
  };
}
