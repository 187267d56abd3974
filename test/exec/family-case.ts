import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { countScored, type Row, readSafetensors } from "../../datasets/index.ts";
import {
  type AdapterPair,
  type BaseModel,
  comparedRow,
  type ExecuteResult,
  executePlan,
  gpuFreeBytes,
  initialPairs,
  nativeInfo,
  openModelFolder,
  readPeftFolder,
} from "../../exec/index.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import { JOB_DEFAULTS, type Job, jobSchema } from "../../plan/documents/workload.ts";
import {
  type AdapterSpec,
  type Architecture,
  comparedSizes,
  constantCalibration,
  type Dtype,
  type LossSpec,
  type OptimizerSpec,
  type Plan,
  type Projection,
  type Recompute,
} from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { sealPlan } from "../../plan/validate/plan-hash.ts";
import { SHARED } from "../shared-folder.ts";

/** What transformers and PEFT compute with tiny checkpoints of each family. */
export const FAMILIES_FOLDER = path.join(SHARED, "oracle/families");
export const HAS_FAMILIES = existsSync(path.join(FAMILIES_FOLDER, "qwen3/expected.json"));

interface ExpectedSequence {
  readonly loss_mean: number;
}

export const FAMILIES = [
  ...["llama-llama3", "llama-yarn", "qwen2", "qwen3", "mistral", "gemma2", "gemma3", "phi3-window", "phi3-longrope"],
  ...["phi4-mini", "olmo2", "granite", "smollm3", "glm4", "llama4-dense", "qwen3-moe", "mixtral", "gpt-oss"],
] as const;

/** expected.json, as far as it is compared. */
export interface Expected {
  readonly sequences: readonly (ExpectedSequence & {
    readonly input_ids: readonly number[];
    readonly labels: readonly number[];
    readonly logits_positions: readonly number[];
    readonly logits: readonly (readonly number[])[];
  })[];
  readonly parameters: { readonly total: number };
  readonly minibatch: readonly number[];
  readonly adapters: Readonly<
    Record<
      string,
      {
        readonly target_modules: readonly string[];
        readonly target_parameters?: readonly string[];
        readonly rank_pattern?: Readonly<Record<string, number>>;
        readonly alpha_pattern?: Readonly<Record<string, number>>;
        readonly sequences: readonly ExpectedSequence[];
        readonly minibatch_loss: number;
        readonly grad_sumsq: number;
        readonly adamw: { readonly step_losses: readonly number[]; readonly loss_after: number };
      }
    >
  >;
  readonly adapter_v4?: { readonly losses: readonly { readonly loss_sum: number }[] };
  readonly wrong_readings: Readonly<Record<string, { readonly loss: number }>>;
}

export interface FamilyCase {
  readonly folder: string;
  readonly model: BaseModel;
  readonly digest: string;
  readonly expected: Expected;
}

export function readFamily(name: string): FamilyCase {
  const folder = path.join(FAMILIES_FOLDER, name);
  const model = openModelFolder(folder);
  const expected = JSON.parse(readFileSync(path.join(folder, "expected.json"), "utf8")) as Expected;
  return { folder, model, digest: model.digest, expected };
}

/** A row of a case, or one of it whose only scored label is of one position. */
export function rowOf(ids: readonly number[], labels: readonly number[]): Row {
  return { inputIds: Int32Array.from(ids), labels: Int32Array.from(labels) };
}

export interface FamilyAdapter {
  readonly spec: AdapterSpec;
  readonly pairs: readonly AdapterPair[];
}

/** What PEFT calls the projections of mixtures of experts. */
const PARAMETERS: Readonly<Record<string, Projection>> = {
  "mlp.gate.weight": "router",
  "mlp.router.weight": "router",
  "mlp.experts.gate_up_proj": "experts_gate_up_proj",
  "mlp.experts.down_proj": "experts_down_proj",
  gate_up_proj: "experts_gate_up_proj",
  down_proj: "experts_down_proj",
};

function patternsOf({ rank_pattern: ranks = {}, alpha_pattern: alphas = {} }: Partial<Expected["adapters"][string]>) {
  return Object.keys(ranks).length === 0 ? {} : { rankPattern: { ...ranks }, alphaPattern: { ...alphas } };
}

/** One of the case's adapters, and the gradients of its mini-batch's loss under the same names. */
export function readFamilyAdapter({ folder, model, expected }: FamilyCase, set: string): FamilyAdapter {
  const { target_modules: modules, target_parameters: parameters = [], ...given } = expected.adapters[set]!;
  const targets = [...modules, ...parameters.map((name) => PARAMETERS[name]!)] as readonly Projection[];
  const spec: AdapterSpec = { rank: 4, alpha: 8, dropout: 0, targets: [...targets], ...patternsOf(given) };
  return { spec, pairs: readPeftFolder(path.join(folder, `adapter-${set}`), spec, model.architecture) };
}

export function readGradients({ folder }: FamilyCase, set: string): ReadonlyMap<string, Float32Array> {
  const reader = readSafetensors(path.join(folder, `grads-${set}.safetensors`));
  return new Map(reader.tensors.map(({ name }) => [name, reader.readTensor(name)]));
}

export interface FamilyJob {
  readonly adapter: AdapterSpec;
  readonly start: readonly AdapterPair[];
  /** By step the rows of its batch. */
  readonly steps: readonly (readonly Row[])[];
  /** In place of the families' cases. */
  readonly optimizer?: OptimizerSpec;
  readonly loss?: LossSpec;
}

export interface FamilyRun {
  readonly devices?: string;
  readonly dtype?: Dtype;
  readonly recompute?: Recompute;
  readonly microBatchSize?: number;
  readonly groups?: "auto" | "unfused" | number;
  readonly onEvent?: Parameters<typeof executePlan>[0]["onEvent"];
  readonly statesEverySteps?: number;
}

export interface FamilyResult extends ExecuteResult {
  readonly plan: Plan;
}

/** Trains jobs with AdamW, where they have none of their own as the cases do: rate 0.01, decay 0.01, no clipping. */
export async function runFamily(
  { digest }: Pick<FamilyCase, "digest">,
  model: BaseModel,
  given: readonly FamilyJob[],
  run: FamilyRun = {},
): Promise<FamilyResult> {
  const jobs = given.map(
    ({ adapter, steps, optimizer, loss }, index): Job =>
      jobSchema.parse({
        ...JOB_DEFAULTS,
        name: `job${index}`,
        data: { path: "rows.jsonl", format: "tokens" },
        adapter,
        batchSize: steps[0]!.length,
        microBatchSize: run.microBatchSize ?? 1,
        steps: steps.length,
        ...(loss === undefined ? {} : { loss, microBatchSize: run.microBatchSize ?? steps[0]!.length }),
        optimizer: optimizer ?? { ...JOB_DEFAULTS.optimizer, learningRate: 0.01, weightDecay: 0.01 },
      }),
  );
  const catalog = { kind: "catalog", version: 1, devices: { cpu: { kind: "cpu" } }, links: {} } as const;
  const cluster = clusterFromList(run.devices ?? "cpu:0");
  const devices = resolveDevices(cluster, catalog, {
    memoryBytes: 8 * 2 ** 30,
    cores: () => 2,
    cuda: () => nativeInfo().cuda,
    gpuFreeBytes,
  });
  const body = makePlan({
    architecture: model.architecture,
    dtype: run.dtype ?? "float32",
    modelDigest: digest,
    recompute: run.recompute ?? "none",
    jobs,
    rows: given.map(({ steps, loss }) => {
      const rows = steps.flat();
      let next = 0;
      return {
        ...(loss === undefined
          ? { tokens: rows.map(({ inputIds }) => inputIds.length), scored: rows.map(countScored) }
          : comparedSizes(loss, rows.map(comparedRow))),
        digest: "sha256:case",
        steps: steps.map((own) => own.map(() => next++)),
      };
    }),
    devices,
    links: resolveLinks(cluster, devices, catalog),
    calibration: constantCalibration(),
    schedule: "lorapp",
    maxInFlight: "auto",
    groups: run.groups ?? "auto",
  });
  const plan = sealPlan(body, { model: null, data: {}, init: {} });
  const result = await executePlan({
    plan,
    model,
    rows: given.map(({ steps }) => steps.flat()),
    start: given.map(({ start }) => start),
    versions: {},
    ...(run.onEvent === undefined ? {} : { onEvent: run.onEvent }),
    ...(run.statesEverySteps === undefined ? {} : { statesEverySteps: run.statesEverySteps }),
  });
  return { ...result, plan };
}

/** An adapter that changes nothing yet. */
export function emptyAdapter(arch: Architecture): FamilyAdapter {
  const spec: AdapterSpec = { rank: 1, alpha: 1, dropout: 0, targets: ["o_proj"] };
  return { spec, pairs: initialPairs({ adapter: spec, seed: 0 }, arch) };
}

/** Mean losses of rows, each by itself, under an adapter. */
export async function lossesOf(
  of: Pick<FamilyCase, "digest">,
  model: BaseModel,
  { spec, pairs }: FamilyAdapter,
  rows: readonly Row[],
  run: FamilyRun = {},
): Promise<readonly number[]> {
  const jobs = rows.map((row): FamilyJob => ({ adapter: spec, start: pairs, steps: [[row]] }));
  const { metrics } = await runFamily(of, model, jobs, run);
  return rows.map((_, index) => metrics.find(({ job }) => job === `job${index}`)!.loss);
}
