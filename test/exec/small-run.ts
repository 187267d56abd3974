import { expect } from "vitest";
import { countScored, type Row } from "../../datasets/index.ts";
import {
  type AdapterPair,
  type BaseModel,
  type ExecuteInput,
  type ExecuteResult,
  executePlan,
  gpuFreeBytes,
  initialPairs,
  multipliesBfloat16,
  nativeInfo,
  syntheticWeights,
} from "../../exec/index.ts";
import { callName, operatorName } from "../../exec/operator-names.ts";
import type { DeviceStatistics } from "../../native/index.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import type { Architecture } from "../../plan/documents/architecture.ts";
import type { Cluster } from "../../plan/documents/cluster.ts";
import { JOB_DEFAULTS, type Job, jobSchema } from "../../plan/documents/workload.ts";
import {
  constantCalibration,
  type Dtype,
  divideRows,
  evaluationRows,
  type Plan,
  type PlanRequest,
  type Recompute,
  type ScheduleName,
  type StageMemory,
  sampleRows,
  stageOperators,
  stageShapes,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import { chains } from "../../plan/planner/chains.ts";
import { joinPipelines } from "../../plan/planner/join-pipelines.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { sealPlan } from "../../plan/validate/plan-hash.ts";
import { type StageChoice, withStages } from "./with-stages.ts";

/** Grouped queries, head dimension = hidden / heads, tied head. */
export const SMALL: Architecture = {
  hiddenSize: 32,
  intermediateSize: 56,
  numLayers: 3,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 8,
  vocabularySize: 97,
  maxPositions: 512,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  qkvBias: false,
  tiedEmbeddings: true,
};

export interface SmallJob {
  readonly rank?: number;
  readonly dropout?: number;
  readonly targets?: Job["adapter"]["targets"];
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
  readonly dora?: boolean;
  readonly trainableTokens?: readonly number[];
  readonly optimizer?: Partial<Job["optimizer"]>;
  readonly batchSize?: number;
  readonly microBatchSize?: number;
  readonly steps?: number;
  readonly seed?: number;
  /** Of its first row; the others follow from it. */
  readonly length?: number;
  /** Rows have `length` to `length + spread - 1` tokens. */
  readonly spread?: number;
  /** Held-out rows, in its data behind those that it trains on; `everySteps` and `keepBest` as in a workload. */
  readonly evaluation?: SmallEvaluation;
  readonly earlyStopping?: Job["earlyStopping"];
  /** Prompts of so many tokens, behind all other rows. */
  readonly sample?: { readonly everySteps: number; readonly lengths: readonly number[]; readonly maxTokens: number };
}

export interface SmallEvaluation {
  readonly everySteps: number;
  readonly base?: boolean;
  readonly keepBest?: boolean;
  /** Numbers of training rows whose copies are evaluated; else `count` rows of its own. */
  readonly copies?: readonly number[];
  readonly count?: number;
}

/** One job on all projections, with dropout and clipped; one on three of them, neither. */
export const TWO_JOBS: readonly SmallJob[] = [
  { rank: 4, dropout: 0.1, targets: [...UNFUSED_PROJECTIONS], optimizer: { maxGradNorm: 0.5 } },
  { rank: 9, targets: ["q_proj", "v_proj", "down_proj"] },
];

/** A model, jobs and rows, all following from small numbers. */
export interface SmallCase {
  readonly model: BaseModel;
  readonly jobs: readonly Job[];
  readonly data: readonly (readonly Row[])[];
  readonly start: readonly (readonly AdapterPair[])[];
}

function rowsOf(
  job: Job,
  index: number,
  length: number,
  spread: number,
  vocabulary: number,
  numMore: number,
): readonly Row[] {
  return Array.from({ length: job.batchSize * job.steps! + numMore }, (_, k) => {
    const size = length + ((k * 53 + index * 19) % spread);
    const inputIds = Int32Array.from({ length: size }, (_, t) => (t * (7 + index) + k * 13 + t * t) % vocabulary);
    return { inputIds, labels: inputIds.map((id, t) => (t < 5 ? -100 : id)) };
  });
}

/** Prompts of a job as rows, other ones for each job. */
function promptRows(lengths: readonly number[], index: number, vocabulary: number): readonly Row[] {
  return lengths.map((length, k) => {
    const inputIds = Int32Array.from({ length }, (_, t) => (1 + t * (3 + index) + k * 29) % vocabulary);
    return { inputIds, labels: inputIds.map(() => -100) };
  });
}

function numTrained({ batchSize, steps }: Job): number {
  return batchSize * steps!;
}

/** Starts with B other than zero, so that every gradient counts from the first step. */
export function perturbed(pairs: readonly AdapterPair[]): readonly AdapterPair[] {
  return pairs.map((pair) => ({ ...pair, b: pair.b.map((_, i) => Math.sin(i * 1.7 + pair.layer) / 20) }));
}

export function smallCase(
  specs: readonly SmallJob[],
  architecture: Architecture = SMALL,
  model: BaseModel = syntheticWeights(architecture),
): SmallCase {
  const jobs = specs.map((spec, i) =>
    jobSchema.parse({
      ...JOB_DEFAULTS,
      name: `job${i}`,
      data: { path: "rows.jsonl", format: "tokens" },
      adapter: {
        rank: spec.rank ?? 4,
        alpha: 8,
        dropout: spec.dropout ?? 0,
        targets: spec.targets ?? ["q_proj", "v_proj"],
        rankPattern: spec.rankPattern,
        alphaPattern: spec.alphaPattern,
        dora: spec.dora,
        trainableTokens: spec.trainableTokens,
      },
      batchSize: spec.batchSize ?? 4,
      microBatchSize: spec.microBatchSize ?? 2,
      steps: spec.steps ?? 3,
      seed: spec.seed ?? i,
      optimizer: { ...JOB_DEFAULTS.optimizer, learningRate: 3e-3, ...spec.optimizer },
      ...(spec.evaluation === undefined
        ? {}
        : {
            evaluation: {
              data: { path: "held.jsonl", format: "tokens" },
              everySteps: spec.evaluation.everySteps,
              keepBest: spec.evaluation.keepBest ?? true,
              ...(spec.evaluation.base === true ? { base: true } : {}),
            },
          }),
      ...(spec.earlyStopping === undefined ? {} : { earlyStopping: spec.earlyStopping }),
      ...(spec.sample === undefined
        ? {}
        : {
            sample: {
              prompts: spec.sample.lengths.map((length, k) => `prompt ${k} of ${length} tokens`),
              everySteps: spec.sample.everySteps,
              maxTokens: spec.sample.maxTokens,
            },
          }),
    }),
  );
  return {
    model,
    jobs,
    data: jobs.map((job, i) => {
      const { length = 20, spread = 37, evaluation } = specs[i]!;
      const { copies, count = copies?.length ?? 0 } = evaluation ?? {};
      const rows = rowsOf(job, i, length, spread, architecture.vocabularySize, count);
      const own = rows.slice(0, job.batchSize * job.steps!);
      const all = copies === undefined ? rows : [...own, ...copies.map((row) => own[row]!)];
      return [...all, ...promptRows(specs[i]!.sample?.lengths ?? [], i, architecture.vocabularySize)];
    }),
    start: jobs.map((job) => perturbed(initialPairs(job, architecture))),
  };
}

export interface SmallRun extends StageChoice {
  /** A list of devices, or a cluster. */
  readonly devices: string | Cluster;
  readonly groups?: "auto" | "unfused" | number;
  readonly schedule?: ScheduleName;
  readonly dtype?: Dtype;
  readonly recompute?: Recompute;
  readonly jobsAtOnce?: number;
  readonly maxInFlight?: PlanRequest["maxInFlight"];
  /** Of the run. */
  readonly hooks?: Pick<
    ExecuteInput,
    "host" | "stop" | "onEvent" | "wantsStates" | "statesEverySteps" | "from" | "past" | "stopped"
  >;
  /** Only this job. */
  readonly only?: number;
  /** The devices in so many chains, the jobs dealt to them in turn. */
  readonly pipelines?: number;
}

/** One CPU device of so many threads. */
export function threads(count: number): Cluster {
  return {
    kind: "cluster",
    version: 1,
    machines: [{ name: "local", devices: [{ name: "cpu:0", type: "cpu", threads: count }] }],
  };
}

export interface SmallResult extends ExecuteResult {
  readonly plan: Plan;
}

export async function runSmall(given: SmallCase, run: SmallRun): Promise<SmallResult> {
  const pick = <T>(list: readonly T[]): readonly T[] => (run.only === undefined ? list : [list[run.only]!]);
  const [data, start] = [pick(given.data), pick(given.start)];
  const plan = planSmall(given, run);
  return { ...(await executePlan({ plan, model: given.model, rows: data, start, versions: {}, ...run.hooks })), plan };
}

/** The plan that `runSmall` runs. */
export function planSmall(given: SmallCase, run: SmallRun): Plan {
  const pick = <T>(list: readonly T[]): readonly T[] => (run.only === undefined ? list : [list[run.only]!]);
  const { model } = given;
  const [jobs, data] = [pick(given.jobs), pick(given.data)];
  const catalog = { kind: "catalog", version: 1, devices: { cpu: { kind: "cpu" } }, links: {} } as const;
  const cluster = typeof run.devices === "string" ? clusterFromList(run.devices) : run.devices;
  const devices = resolveDevices(cluster, catalog, {
    memoryBytes: 8 * 2 ** 30,
    cores: () => 2,
    cuda: () => nativeInfo().cuda,
    gpuFreeBytes,
  });
  const links = resolveLinks(cluster, devices, catalog);
  const rows = jobs.map((job, i) => ({
    tokens: data[i]!.map((row) => row.inputIds.length),
    scored: data[i]!.map(countScored),
    digest: "sha256:small",
    steps: Array.from({ length: job.steps! }, (_, step) =>
      Array.from({ length: job.batchSize }, (_, k) => step * job.batchSize + k),
    ),
    ...evaluationRows(
      job,
      divideRows(
        job.evaluation,
        numTrained(job),
        data[i]!.length - numTrained(job) - (job.sample?.prompts.length ?? 0),
      ),
      job.steps!,
    ),
    ...sampleRows(job, data[i]!.length - (job.sample?.prompts.length ?? 0), job.steps!),
  }));
  const request: PlanRequest = {
    architecture: model.architecture,
    dtype: run.dtype ?? "float32",
    modelDigest: null,
    recompute: run.recompute ?? "none",
    jobs,
    rows,
    devices,
    links,
    calibration: constantCalibration(),
    schedule: run.schedule ?? "lorapp",
    maxInFlight: run.maxInFlight ?? "auto",
    groups: run.groups ?? "auto",
    jobsAtOnce: run.jobsAtOnce ?? "all",
  };
  const parts = chains(devices, run.pipelines ?? 1).map((chain, part, all) => {
    const own = jobs.flatMap((_, job) => (job % all.length === part ? [job] : []));
    const body = makePlan({
      ...request,
      devices: chain.map((device) => devices[device]!),
      links: links.slice(chain[0]!, chain.at(-1)),
      jobs: own.map((job) => jobs[job]!),
      rows: own.map((job) => rows[job]!),
    });
    return { body, jobs: own };
  });
  return sealPlan(withStages(joinPipelines(parts), run), { model: null, data: {}, init: {} });
}

/**
 * Whether weights are packed in the panels that are planned for: oneDNN's on AVX-512, in narrower dtypes with bfloat16
 * arithmetic. Elsewhere they are smaller.
 */
export function packsAsPlanned(dtype: Dtype = "float32"): boolean {
  return multipliesBfloat16() || (dtype === "float32" && nativeInfo().isa === "avx512");
}

/** A device's memory is what was planned for it; where weights are packed in less, no more than that. */
export function expectPlannedRoom({ model }: Plan, planned: StageMemory, { memory }: DeviceStatistics): void {
  const held = memory.arenaBytes + memory.otherBytes;
  const room = planned.activations + planned.buffers + planned.workspace;
  expect(held).toBeLessThanOrEqual(room);
  if (!packsAsPlanned(model.dtype)) return;
  expect(held).toBe(room);
  expect(memory.peakBytes).toBe(planned.total);
}

/** The operators of each stage's programs, for a micro-batch of every job, are those that the planner lists. */
export function expectPlannedOperators(plan: Plan, operators: SmallResult["operators"]): void {
  const everyJob = plan.microBatches.find(({ rows }) => new Set(rows.map(([job]) => job)).size === plan.jobs.length)!;
  plan.stages.forEach((_, index) => {
    for (const letter of ["F", "B"] as const) {
      const planned = stageOperators(stageShapes(plan)[index]!, letter, everyJob);
      const names = operators[index]![letter].map((operator) => operatorName(operator, letter));
      expect(names.sort()).toEqual(
        planned.flatMap((call) => Array.from({ length: call.calls }, () => callName(call))).sort(),
      );
    }
  });
}

/** The bytes of an adapter, as text. */
export function adapterBytes(pairs: readonly AdapterPair[]): string {
  const text = (values: Float32Array): string =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  return pairs
    .map(({ layer, projection, a, b, magnitudes = new Float32Array() }) =>
      [layer, projection, text(a), text(b), text(magnitudes)].join(" "),
    )
    .join("\n");
}
