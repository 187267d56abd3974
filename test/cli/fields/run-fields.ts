import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { StepMetrics } from "../../../exec/index.ts";
import type { PlannedRow } from "../../../plan/index.ts";
import { blank, type FieldTable, optional, owner } from "./check-fields.ts";
import { above, all, HASH, is, near, oneOf, same, that, whole, within } from "./checks.ts";
import { eventsOf, HIDDEN, JOBS, LAYERS, LIMIT, OPTIMIZER, type Pass, TOKEN_ROWS, VOCABULARY } from "./small-pass.ts";
import { versionFields } from "./trace-fields.ts";

const COMPUTE = 2;
/** Of a trace's times, in seconds. */
const ROUNDING = 1e-8;

/** Rows of a job's step, over all micro-batches. */
function rowsOf({ plan }: Pass, { job, step }: StepMetrics): readonly PlannedRow[] {
  const index = JOBS.findIndex(({ name }) => name === job);
  return plan.segments[0]!.microBatches.filter((batch) => batch.step === step).flatMap(({ rows }) =>
    rows.filter(([own]) => own === index),
  );
}

/** From the first forward of a job's step to the end of its last backward, both on the first stage. */
function secondsOf({ executed }: Pass, { job, step }: StepMetrics): number {
  const own = eventsOf(executed, "X").filter(
    ({ pid, tid, args }) => pid === 1 && tid === COMPUTE && args.step === step && args.jobs.includes(job),
  );
  // A mini-batch that is shared begins and ends with any of its jobs.
  const group = eventsOf(executed, "X").filter(
    ({ pid, tid, args }) =>
      pid === 1 && tid === COMPUTE && args.step === step && own.some((each) => sharesGroup(each.args.jobs, args.jobs)),
  );
  const from = Math.min(...group.filter(({ name }) => name.includes("F")).map(({ ts }) => ts));
  const to = Math.max(...group.filter(({ name }) => name.includes("B")).map(({ ts, dur }) => ts + dur));
  return (to - from) / 1e6;
}

function sharesGroup(some: readonly string[], others: readonly string[]): boolean {
  return some.some((name) => others.includes(name));
}

/** Warm-up in a line, then the cosine down to the least at the job's last step. */
function learningRate({ job, step }: StepMetrics): number {
  const { learningRate: most, schedule } = OPTIMIZER;
  const { warmupSteps, minRatio } = schedule;
  if (step < warmupSteps) return (most * (step + 1)) / warmupSteps;
  const { steps } = JOBS.find(({ name }) => name === job)!;
  const angle = (Math.PI * (step - warmupSteps)) / (steps - warmupSteps);
  return most * (minRatio + ((1 - minRatio) * (1 + Math.cos(angle))) / 2);
}

export function metricsFields(pass: Pass): FieldTable {
  const { metrics } = pass;
  const line = (place: Parameters<typeof owner>[0]) => owner<StepMetrics>(place);
  const ofJob = (name: string): readonly StepMetrics[] => metrics.filter(({ job }) => job === name);
  return {
    "[].job": oneOf(JOBS.map(({ name }) => name)),
    "[].step": that("the next one of its job", (value: number, place) => ofJob(line(place).job)[value] === line(place)),
    // A model of random weights knows nothing of the next token.
    "[].loss": within(Math.log(VOCABULARY) - 2, Math.log(VOCABULARY) + 2),
    "[].gradNorm": all(
      above(0, 100),
      that("another one at each step", (value) => metrics.filter(({ gradNorm }) => gradNorm === value).length === 1),
    ),
    "[].learningRate": near((place) => learningRate(line(place))),
    "[].tokens": same((place) => rowsOf(pass, line(place)).reduce((sum, [, , tokens]) => sum + tokens!, 0)),
    "[].seconds": all(
      above(0),
      that("what the trace says", (value: number, place) => Math.abs(value - secondsOf(pass, line(place))) < ROUNDING),
    ),
    "[].spent.deviceSeconds": that("more than after its step before", (value: number, place) => {
      const { job, step } = line(place);
      const before = ofJob(job)[step - 1] as (StepMetrics & { readonly spent: { deviceSeconds: number } }) | undefined;
      return value > (before?.spent.deviceSeconds ?? 0);
    }),
    "": that("a line for each step of each job, with losses that fall", (value: readonly StepMetrics[]) =>
      JOBS.every(({ name, steps }) => {
        const losses = value.filter(({ job }) => job === name).map(({ loss }) => loss);
        return losses.length === steps && Math.min(...losses.slice(-2)) < Math.max(...losses.slice(0, 2));
      }),
    ),
  };
}

/** Journals of runs: one that ended, or one that was killed. */
export function journalFields({ began, ended }: Pass, process: number | undefined): FieldTable {
  type Line = { readonly time: string; readonly event: string };
  const isEnded = process !== undefined;
  return {
    "[].time": that("a time of this test, none before the one above", (value: string, place) => {
      const before = owner<readonly Line[]>(place, 1)[(place.steps[0] as number) - 1];
      return (
        new Date(value).toISOString() === value &&
        began <= Date.parse(value) &&
        Date.parse(value) <= ended &&
        (before?.time ?? "") <= value
      );
    }),
    "[].event": oneOf(["started", "ready", "job ended", "ended"]),
    "[].weights": HASH,
    "[].plan": HASH,
    "[].process": isEnded ? is(process) : whole(2, 2 ** 31),
    ...Object.fromEntries(Object.entries(versionFields()).map(([name, check]) => [`[].versions.${name}`, check])),
    ...(isEnded
      ? {
          "[].job": oneOf(JOBS.map(({ name }) => name)),
          "[].spent.deviceSeconds": above(0),
          ...Object.fromEntries(JOBS.map(({ name }) => [`[].spent.${name}.deviceSeconds`, above(0)])),
          "[].written.adapter": that("a SHA-256", (value: string) => /^[0-9a-f]{64}$/.test(value)),
        }
      : {}),
    "": that("all that happened", (value: readonly Line[]) => {
      const jobs = isEnded ? JOBS.map(() => "job ended") : [];
      const events = ["started", "ready", ...jobs, ...(isEnded ? ["ended"] : [])];
      return value.map(({ event }) => event).join() === events.join();
    }),
  };
}

/** [stage, stream, position in the stage's order, start ns, end ns, interrupted ns, delayed ns] */
export function completionFields({ killed }: Pass): FieldTable {
  type Line = readonly [number, string, number, number, number, number | null, number | null];
  const lines = killed.completions as readonly Line[];
  const first = Math.min(...lines.map(([, , , start]) => start));
  return {
    "[]": that(
      "what a device of the plan reported",
      ([stage, stream, position, start, end, interrupted, delayed]: Line) => {
        const isPlace = [0, 1].includes(stage) && ["compute", "send", "receive"].includes(stream) && position >= 0;
        const isTime = start >= first && end >= start && end - first < 60e9 && (stream !== "compute" || end > start);
        const isCounted = interrupted !== null && interrupted >= 0 && interrupted <= end - start;
        return isPlace && isTime && (stream === "receive" || isCounted) && (delayed === null || delayed >= 0);
      },
    ),
    "": that("actions of both stages, in order", (value: readonly Line[]) =>
      [0, 1].every((stage) => {
        const own = value.filter((line) => line[0] === stage && line[1] === "compute").map((line) => line[2]);
        return own.length > 10 && own.every((position, i) => position === i);
      }),
    ),
  };
}

/** A PEFT configuration, as PEFT itself writes it. */
export function adapterConfigFields({ folder }: Pass, job: number): FieldTable {
  const { rank, alpha, dropout } = JOBS[job]!;
  const plain = "PEFT's own default, which it asks for";
  return {
    alpha_pattern: blank(plain, is({})),
    auto_mapping: blank(plain, is(null)),
    base_model_name_or_path: is(path.join(folder, "model")),
    bias: is("none"),
    fan_in_fan_out: blank(plain, is(false)),
    inference_mode: is(true),
    init_lora_weights: is(true),
    layers_pattern: blank(plain, is(null)),
    layers_to_transform: blank(plain, is(null)),
    lora_alpha: is(alpha),
    lora_dropout: is(dropout),
    modules_to_save: blank(plain, is(null)),
    peft_type: is("LORA"),
    r: is(rank),
    rank_pattern: blank(plain, is({})),
    revision: blank(plain, is(null)),
    target_modules: is(["q_proj", "v_proj"]),
    task_type: is("CAUSAL_LM"),
    use_rslora: blank(plain, is(false)),
  };
}

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
  /** What the file has there. */
  readonly values: { readonly largest: number; readonly meanSquare: number };
}

/** A safetensors file: its header, and of each tensor's values the largest and the mean of their squares. */
export function safetensorsFile(file: string): Readonly<Record<string, unknown>> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Readonly<Record<string, Tensor>>;
  let size = 0;
  const tensors = Object.entries(header).map(([name, tensor]) => {
    if (name === "__metadata__") return [name, tensor];
    const [from, to] = tensor.data_offsets;
    size += to - from;
    const values = Array.from({ length: (to - from) / 4 }, (_, i) => bytes.readFloatLE(8 + length + from + 4 * i));
    const largest = Math.max(...values.map(Math.abs));
    const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    return [name, { ...tensor, values: { largest, meanSquare } }];
  });
  return { header: Object.fromEntries(tensors), dataBytes: bytes.length - 8 - length, tensorBytes: size };
}

const TENSOR = /^base_model\.model\.model\.layers\.[01]\.self_attn\.[qv]_proj\.lora_[AB]\.weight$/;

export function adapterWeightFields(job: number): FieldTable {
  const { rank } = JOBS[job]!;
  const isA = (name: unknown): boolean => `${name}`.includes("lora_A");
  return {
    "header.__metadata__.format": is("pt"),
    "header.*.dtype": is("F32"),
    "header.*.shape": same(({ steps }) => (isA(steps[0]) ? [rank, HIDDEN] : [HIDDEN, rank])),
    "header.*.data_offsets": that(
      "as long as the shape, on whole floats",
      ([from, to]: Tensor["data_offsets"]) => from % 4 === 0 && to - from === 4 * rank * HIDDEN,
    ),
    // A begins at random, B at zero: what it has now it has learned.
    "header.*.values.largest": within(1e-4, 1),
    "header.*.values.meanSquare": within(1e-8, 0.1),
    header: that("A and B of each target of each layer", (value: object) => {
      const names = Object.keys(value).filter((name) => name !== "__metadata__");
      return names.length === LAYERS * 2 * 2 && names.every((name) => TENSOR.test(name));
    }),
    tensorBytes: is(4 * LAYERS * 2 * 2 * rank * HIDDEN),
    dataBytes: is(4 * LAYERS * 2 * 2 * rank * HIDDEN),
  };
}

/** A file of the row cache: its header, its words, and the digest of its rows. */
export function rowCacheFile(file: string): Readonly<Record<string, unknown>> {
  const bytes = readFileSync(file);
  const end = bytes.indexOf("\n") + 1;
  const header = JSON.parse(bytes.toString("utf8", 0, end)) as { readonly numRows: number; readonly numTokens: number };
  const { numRows, numTokens } = header;
  const word = (i: number): number => bytes.readInt32LE(end + 4 * i);
  const lengths = Array.from({ length: numRows }, (_, row) => word(row));
  const hash = createHash("sha256");
  let at = numRows;
  for (const length of lengths) {
    const part = (from: number): Uint8Array => bytes.subarray(end + 4 * from, end + 4 * (from + length));
    hash.update(new Uint8Array(Int32Array.of(length).buffer));
    hash.update(part(at)).update(part(at + numTokens));
    at += length;
  }
  const ids = Array.from({ length: numTokens }, (_, i) => word(numRows + i));
  const labels = Array.from({ length: numTokens }, (_, i) => word(numRows + numTokens + i));
  return { header, lengths, ids, labels, words: (bytes.length - end) / 4, digest: hash.digest("hex") };
}

export function rowCacheFields({ plan }: Pass, isText: boolean): FieldTable {
  const { jobs } = plan.segments[0]!;
  const numTokens = (place: Parameters<typeof owner>[0]): number =>
    owner<{ readonly lengths: readonly number[] }>(place, place.path.startsWith("header.") ? 1 : 0).lengths.reduce(
      (sum, length) => sum + length,
      0,
    );
  const token = whole(0, VOCABULARY - 1);
  return {
    "header.magic": is("LTROWS"),
    "header.version": is(5),
    "header.remarks": blank("there is nothing to look at in these rows", is({})),
    "header.ignored": blank("all columns of these rows are read", is([])),
    "header.skipped": blank("every row of these can be read", is(null)),
    "header.numJoined": blank("no token of these rows spans the border of the response", is(0)),
    "header.format": is(isText ? "instruction" : "tokens"),
    "header.inferred": isText
      ? that("why it is that format", (value: string) => value.includes("templates"))
      : blank("the workload says what format it is", is(null)),
    "header.numRows": is(isText ? LIMIT : TOKEN_ROWS.length),
    "header.numTokens": same(numTokens),
    words: same((place) => 2 * numTokens(place) + (isText ? LIMIT : TOKEN_ROWS.length)),
    "lengths[]": isText ? whole(2, 512) : same(({ steps }) => TOKEN_ROWS[steps[0] as number]!.length),
    "ids[]": blank(
      "bytes of texts are none of them 0",
      isText ? token : same(({ steps }) => TOKEN_ROWS.flat()[steps[0] as number]),
    ),
    "labels[]": that("the token itself, or that none is scored there", (value: number, { steps, owners }) => {
      const { ids } = owners[0] as { readonly ids: readonly number[] };
      return value === ids[steps[0] as number] || (isText && value === -100);
    }),
    digest: optional("rows that are cut when they are used have another one", is(jobs[isText ? 2 : 0]!.dataDigest)),
  };
}
