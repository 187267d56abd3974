import { createHash } from "node:crypto";
import { totalmem } from "node:os";
import path from "node:path";
import { contentHash, sum } from "../../../core/index.ts";
import { readSafetensors } from "../../../datasets/index.ts";
import type {
  Buffers,
  MicroBatch,
  PlanDocument,
  PlannedJob,
  Segment,
  Stage,
  StageMemory,
} from "../../../plan/index.ts";
import { calibrationFields } from "./calibration-fields.ts";
import { blank, type FieldTable, owner, under } from "./check-fields.ts";
import { above, all, HASH, is, near, oneOf, same, that, whole, within } from "./checks.ts";
import {
  DEVICES,
  HEADS,
  HIDDEN,
  JOBS,
  LAYERS,
  LIMIT,
  MOST_POSITIONS,
  OPTIMIZER,
  type Pass,
  TEXTS,
  TOKEN_ROWS,
  VOCABULARY,
} from "./small-pass.ts";

const FLOAT = 4;

/** Of the entry of a list that a value is in. */
export function number({ steps }: { readonly steps: readonly (number | string)[] }): number {
  return steps.at(-1) as number;
}

function digestOfTokens(): string {
  const hash = createHash("sha256");
  for (const ids of TOKEN_ROWS) hash.update(new Uint8Array(Int32Array.of(ids.length, ...ids, ...ids).buffer));
  return hash.digest("hex");
}

/** Names, types and shapes of a model's tensors and its architecture. */
function modelDigest({ folder, plan }: Pass): string {
  const tensors = readSafetensors(path.join(folder, "model")).tensors.map(({ name, type, shape }) => ({
    name,
    type,
    shape,
  }));
  return contentHash({ architecture: plan.setting.model.architecture, tensors });
}

export function tokensOf({ rows }: Pick<MicroBatch, "rows">): number {
  return sum(rows.map(([, , tokens]) => tokens));
}

function modelFields(pass: Pass): FieldTable {
  return {
    ...under("architecture.", {
      headDim: is(HIDDEN / HEADS),
      hiddenSize: is(HIDDEN),
      // Llama's rule: two thirds of four times the width, in steps of eight.
      intermediateSize: is(176),
      maxPositions: is(MOST_POSITIONS),
      numHeads: is(HEADS),
      numKvHeads: is(HEADS),
      numLayers: is(LAYERS),
      qkvBias: blank("Llama has none", is(false)),
      rmsNormEps: is(1e-5),
      ropeTheta: is(1e4),
      tiedEmbeddings: blank("the model was not asked for it", is(false)),
      vocabularySize: is(VOCABULARY),
    }),
    digest: all(
      HASH,
      same(() => modelDigest(pass)),
    ),
    dtype: is("float32"),
  };
}

function deviceFields({ printed }: Pass): FieldTable {
  const { devices } = printed["catalog"] as {
    readonly devices: Readonly<Record<string, Readonly<Record<string, { readonly value: number }>>>>;
  };
  const figure = (name: string) =>
    same(() => devices["cpu"]![name]?.value ?? devices["cpu"]!["float32FlopsPerSecond"]!.value);
  return {
    kind: is("cpu"),
    machine: is("local"),
    memoryBytes: whole(1, Math.floor(totalmem() / DEVICES.length)),
    memoryBytesPerSecond: figure("memoryBytesPerSecond"),
    name: same((place) => DEVICES[number(place)]),
    "peakFlopsPerSecond.bfloat16": figure("bfloat16FlopsPerSecond"),
    "peakFlopsPerSecond.float32": figure("float32FlopsPerSecond"),
    threads: is(1),
    type: is("cpu"),
  };
}

/** The layers of a stage, one after the other; the first has the embedding, the last the head. */
export const STAGE: FieldTable = {
  index: same(number),
  firstLayer: same((place) => owner<readonly Stage[]>(place, 1)[number(place) - 1]?.endLayer ?? 0),
  endLayer: that("behind the first layer, and the last one's that of the model", (value: number, place) => {
    const isLast = number(place) === DEVICES.length - 1;
    return value > owner<Stage>(place).firstLayer && (!isLast || value === LAYERS);
  }),
  embedding: same((place) => number(place) === 0),
  head: same((place) => number(place) === DEVICES.length - 1),
  recomputedLayers: same((place) => owner<Stage>(place).endLayer - owner<Stage>(place).firstLayer),
};

/** Parameters of all jobs' adapters on the layers of a stage, each padded to a line of the cache, in bytes. */
function adapterBytes({ firstLayer, endLayer }: Stage): number {
  const targets = 2;
  return sum(
    JOBS.map(({ rank }) => Math.ceil(((endLayer - firstLayer) * targets * rank * 2 * HIDDEN * FLOAT) / 64) * 64),
  );
}

function memoryFields({ plan }: Pass): FieldTable {
  const { stages, architecture } = { ...plan.setting, ...plan.setting.model };
  const matrices = 4 * HIDDEN * HIDDEN + 3 * HIDDEN * architecture.intermediateSize;
  const least = ({ firstLayer, endLayer }: Stage): number => (endLayer - firstLayer) * matrices * FLOAT;
  return {
    // Parameters and gradients, and as much for the two moments.
    adapters: same((place) => 2 * adapterBytes(stages[number(place)]!)),
    optimizer: same((place) => 2 * adapterBytes(stages[number(place)]!)),
    weights: that("room for the layers, at most packed twice, with embedding or head", (value: number, place) => {
      const own = least(stages[number(place)]!);
      return own <= value && value <= 3 * (own + VOCABULARY * HIDDEN * FLOAT);
    }),
    activations: whole(1, 1e7),
    buffers: whole(1, 1e7),
    workspace: whole(1, 1e8),
    total: same((place) => {
      const { total: _total, ...parts } = owner<StageMemory>(place);
      return sum(Object.values(parts));
    }),
  };
}

function bufferFields(): FieldTable {
  const only = (isThere: (stage: number) => boolean) =>
    that<number>("at least two where something comes or goes, else none", (value, place) =>
      isThere(number(place)) ? value >= 2 && value <= 16 : value === 0,
    );
  const last = DEVICES.length - 1;
  const table: Readonly<Record<keyof Buffers, FieldTable[string]>> = {
    activationIn: only((stage) => stage > 0),
    activationOut: only((stage) => stage < last),
    gradientIn: only((stage) => stage < last),
    gradientOut: only((stage) => stage > 0),
  };
  return table;
}

/** The most micro-batches of a stage that went forward and not yet back. */
function mostInFlight(order: readonly string[]): number {
  let [now, most] = [0, 0];
  for (const action of order) {
    if (action.includes("F")) now += 1;
    if (action.includes("B")) now -= 1;
    most = Math.max(most, now);
  }
  return most;
}

function settingFields(pass: Pass): FieldTable {
  const { plan, calibration } = pass;
  const [segment] = plan.segments;
  const { microBatches } = segment!;
  const most = (of: (batch: MicroBatch) => number): number => Math.max(...microBatches.map(of));
  const jobsOf = ({ rows }: MicroBatch): number => new Set(rows.map(([job]) => job)).size;
  return {
    schedule: oneOf(["lorapp", "lorapp-gpipe", "1f1b", "gpipe", "sequential"]),
    maxInFlight: blank(
      "an order may have no limit",
      that("what each stage has in flight, or more", (value: readonly (number | null)[] | null) =>
        (value ?? []).every((limit, stage) => {
          const most = mostInFlight(segment!.actions[stage]!);
          return limit === null || (most <= limit && limit <= microBatches.length);
        }),
      ),
    ),
    slots: is("placed"),
    ...under("model.", modelFields(pass)),
    ...under("devices[].", deviceFields(pass)),
    ...under("stages[].", STAGE),
    "stages[].device": same(number),
    ...under("memory[].", memoryFields(pass)),
    ...under("buffers[].", bufferFields()),
    ...under("pipelines[].", {
      firstStage: blank("there is one pipeline", is(0)),
      endStage: is(DEVICES.length),
      "room.maxTokens": same(() => most(tokensOf)),
      "room.maxSequence": same(() => most(({ rows }) => Math.max(...rows.map(([, , tokens]) => tokens)))),
      "room.maxJobs": that(
        "as many as a micro-batch has, or more",
        (value: number) => value >= most(jobsOf) && value <= JOBS.length,
      ),
      "room.ranks.q_proj": is(12),
      "room.ranks.v_proj": is(12),
    }),
    ...under("links[].", {
      id: is(DEVICES.join("-")),
      type: is("host"),
      shared: blank("memory is nobody's alone", is(false)),
      bandwidthBytesPerSecond: blank("the calibration says what a message takes", is(null)),
      latencySeconds: blank("the calibration says what a message takes", is(0)),
    }),
    ...under("calibration.", calibrationFields(pass)),
    calibration: same(() => calibration),
    calibrationHash: same(() => contentHash(calibration)),
  };
}

function jobFields(): FieldTable {
  const own = <K extends keyof (typeof JOBS)[number]>(key: K) => same(({ steps }) => JOBS[steps[1] as number]![key]);
  const isText = ({ steps }: { readonly steps: readonly unknown[] }): boolean => steps[1] === 2;
  const tokens = digestOfTokens();
  return {
    name: own("name"),
    steps: own("steps"),
    seed: own("seed"),
    "adapter.rank": own("rank"),
    "adapter.alpha": own("alpha"),
    "adapter.dropout": own("dropout"),
    "adapter.targets": is(["q_proj", "v_proj"]),
    batchSize: is(4),
    microBatchSize: is(2),
    microBatchTokens: is(96),
    cutoffLength: is(64),
    priority: blank("read, and kept for a scheduler of jobs that is not there", is(0)),
    optimizer: is(OPTIMIZER),
    dataDigest: that("the sha256 of the rows", (value: string, place) =>
      isText(place) ? /^[0-9a-f]{64}$/.test(value) && value !== tokens : value === tokens,
    ),
    "data.path": same((place) => (isText(place) ? TEXTS.path : "rows.jsonl")),
    "data.format": is("tokens"),
    "data.prompt": is(TEXTS.prompt),
    "data.response": is(TEXTS.response),
    "data.shuffle": is(true),
    "data.limit": is(LIMIT),
  };
}

/** [job, row, tokens, scored tokens] */
function rowIsRight([job, row, tokens, scored]: readonly number[], jobs: readonly PlannedJob[]): boolean {
  const isToken = jobs[job!]!.data !== undefined && job !== 2;
  if (!isToken) return row! < LIMIT && tokens! <= 64 && scored! >= 1 && scored! < tokens!;
  // The first token has nothing before it that could foretell it.
  return TOKEN_ROWS[row!]!.length === tokens && scored === tokens - 1;
}

function microBatchFields({ microBatches, groups, jobs }: Segment): FieldTable {
  return {
    index: same(number),
    group: that("the group of its jobs", (value: number, place) =>
      owner<MicroBatch>(place).rows.every(([job]) => groups[value]!.members.some((member) => member.job === job)),
    ),
    step: whole(0, 11),
    part: same((place) => {
      const { group, step, index } = owner<MicroBatch>(place);
      return microBatches.filter((other) => other.group === group && other.step === step && other.index < index).length;
    }),
    after: that("the last micro-batch of each of its jobs' step before", (value: readonly number[], place) => {
      const { group, step } = owner<MicroBatch>(place);
      const others = value.map((index) => microBatches[index]!);
      return (
        others.length === (step === 0 ? 0 : 1) && others.every((each) => each.group === group && each.step === step - 1)
      );
    }),
    "rows[]": that("a row of the job with its tokens", (value: readonly number[]) => rowIsRight(value, jobs)),
  };
}

/** Each micro-batch goes forward and back once on each stage, and each mini-batch of a group has its update there. */
function orderIsWhole(order: readonly string[], stage: number, { microBatches }: Segment): boolean {
  const passes = microBatches.flatMap(({ index }) => [`${stage}F${index}`, `${stage}B${index}`]);
  const updates = order.filter((action) => action.includes("U"));
  const miniBatches = new Set(microBatches.map(({ group, step }) => `${group}:${step}`)).size;
  const others = order.filter((action) => !action.includes("U"));
  return [...others].sort().join() === passes.sort().join() && new Set(updates).size === miniBatches;
}

function segmentFields({ plan }: Pass): FieldTable {
  const [segment] = plan.segments;
  return {
    index: blank("a static plan has one segment", is(0)),
    previous: same(() => contentHash(plan.setting)),
    hash: same((place) => {
      const { hash: _hash, ...work } = owner<Segment>(place);
      return contentHash(work);
    }),
    ...under("jobs[].", jobFields()),
    "groups[].pipeline": blank("there is one pipeline", is(0)),
    "groups[].members[].job": whole(0, JOBS.length - 1),
    "groups[].members[].firstStep": blank("no job comes later", is(0)),
    "groups[].members[].endStep": same((place) => JOBS[owner<{ readonly job: number }>(place).job]!.steps),
    ...under("microBatches[].", microBatchFields(segment!)),
    microBatches: that("every job's rows of every step", (value: readonly MicroBatch[]) => {
      const rows = value.flatMap((batch) => batch.rows);
      return JOBS.every(({ steps }, job) => rows.filter(([own]) => own === job).length === 4 * steps);
    }),
    "actions[]": that("the order of a stage", (value: readonly string[], place) =>
      orderIsWhole(value, number(place), segment!),
    ),
  };
}

/** What a plan predicts; the simulator has to say the same. */
export function predictedFields({ plan, printed }: Pass): FieldTable {
  const figure = (name: string) => near(() => (printed["simulate"] as Readonly<Record<string, number>>)[name]!);
  return {
    makespanSeconds: all(above(0, 10), figure("makespanSeconds")),
    tokensPerSecond: all(above(0), figure("tokensPerSecond")),
    bubbleRatio: all(within(0, 1), figure("bubbleRatio")),
    bubbleRatioTotal: all(above(0, 1), figure("bubbleRatioTotal")),
    "peakMemoryBytes[]": same((place) => plan.setting.memory[number(place)]!.total),
  };
}

export function planFields(pass: Pass): FieldTable {
  const { folder } = pass;
  return {
    kind: is("plan"),
    version: is(3),
    ...under("setting.", settingFields(pass)),
    ...under("segments[].", segmentFields(pass)),
    ...under("predicted.", predictedFields(pass)),
    hash: same((place) => {
      const { segments, predicted } = owner<PlanDocument>(place);
      return contentHash({ kind: "plan", version: 3, last: segments.at(-1)!.hash, predicted });
    }),
    "locations.model": is(path.join(folder, "model")),
    "locations.data.*": same(({ steps }) => path.join(folder, steps.at(-1) === "third" ? TEXTS.path : "rows.jsonl")),
    "locations.init": blank("no adapter starts from another", is({})),
  };
}
