import { readFileSync } from "node:fs";
import path from "node:path";
import { countScored, type Row } from "../../datasets/index.ts";
import {
  type AdapterPair,
  type ExecuteResult,
  executePlan,
  gpuFreeBytes,
  type ModelFolder,
  nativeInfo,
  openModelFolder,
  readPeftFolder,
} from "../../exec/index.ts";
import type { JobRows } from "../../plan/actions/job-rows.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import { JOB_DEFAULTS, type Job, jobSchema } from "../../plan/documents/workload.ts";
import {
  type ComputeDtype,
  constantCalibration,
  type Plan,
  type Recompute,
  type ScheduleName,
} from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { sealPlan } from "../../plan/validate/plan-hash.ts";
import { SHARED } from "../shared-folder.ts";
import { type StageChoice, withStages } from "./with-stages.ts";

const FOLDER = path.join(SHARED, "oracle/cases/two-adapters");

interface CaseFile {
  readonly jobs: readonly {
    readonly name: string;
    readonly rank: number;
    readonly alpha: number;
    readonly target_modules: Job["adapter"]["targets"];
    readonly lr: number;
    readonly weight_decay?: number;
    readonly max_grad_norm?: number;
    readonly steps: readonly (readonly {
      readonly input_ids: readonly number[];
      readonly labels: readonly number[];
    }[])[];
  }[];
}

export interface OracleCase {
  readonly model: ModelFolder;
  readonly jobs: readonly Job[];
  readonly data: readonly (readonly Row[])[];
  readonly start: readonly (readonly AdapterPair[])[];
  readonly expected: readonly {
    readonly history: readonly { loss: number; grad_norm: number; tokens: number }[];
    readonly adapter: readonly AdapterPair[];
  }[];
}

/** The checked case of the PyTorch reference: two jobs, eight steps. */
export function readOracleCase(options: { readonly microBatchSize?: number } = {}): OracleCase {
  const file = JSON.parse(readFileSync(path.join(FOLDER, "case.json"), "utf8")) as CaseFile;
  const history = JSON.parse(readFileSync(path.join(FOLDER, "expected/history.json"), "utf8")) as Record<
    string,
    OracleCase["expected"][number]
  >;
  const model = openModelFolder(path.join(SHARED, "models/tinystories-260k"));
  const jobs = file.jobs.map((job) =>
    jobSchema.parse({
      ...JOB_DEFAULTS,
      name: job.name,
      data: { path: "case.jsonl", format: "tokens" },
      adapter: { rank: job.rank, alpha: job.alpha, dropout: 0, targets: job.target_modules },
      batchSize: job.steps[0]!.length,
      microBatchSize: options.microBatchSize ?? 2,
      steps: job.steps.length,
      optimizer: {
        ...JOB_DEFAULTS.optimizer,
        learningRate: job.lr,
        weightDecay: job.weight_decay ?? 0,
        ...(job.max_grad_norm === undefined ? {} : { maxGradNorm: job.max_grad_norm }),
      },
    }),
  );
  return {
    model,
    jobs,
    data: file.jobs.map((job) =>
      job.steps
        .flat()
        .map((row) => ({ inputIds: Int32Array.from(row.input_ids), labels: Int32Array.from(row.labels) })),
    ),
    start: jobs.map((job) => readPeftFolder(path.join(FOLDER, "init", job.name), job.adapter, model.architecture)),
    expected: jobs.map((job) => ({
      history: history[job.name]!.history,
      adapter: readPeftFolder(path.join(FOLDER, "expected", job.name), job.adapter, model.architecture),
    })),
  };
}

export interface CaseRun extends StageChoice {
  readonly devices: string;
  readonly groups: "auto" | "unfused" | number;
  readonly schedule?: ScheduleName;
  readonly dtype?: ComputeDtype;
  readonly recompute?: Recompute;
}

export function planCase(oracle: OracleCase, run: CaseRun, only?: number): Plan {
  const chosen = oracle.jobs.map((_, i) => i).filter((i) => only === undefined || i === only);
  const jobs = chosen.map((i) => oracle.jobs[i]!);
  const catalog = { kind: "catalog", version: 1, devices: { cpu: { kind: "cpu" } }, links: {} } as const;
  const cluster = clusterFromList(run.devices);
  const devices = resolveDevices(cluster, catalog, {
    memoryBytes: 8 * 2 ** 30,
    cores: () => 2,
    cuda: () => nativeInfo().cuda,
    gpuFreeBytes,
  });
  const rows = chosen.map((i): JobRows => {
    const data = oracle.data[i]!;
    const { batchSize } = oracle.jobs[i]!;
    return {
      tokens: data.map((row) => row.inputIds.length),
      scored: data.map(countScored),
      digest: "sha256:case",
      steps: Array.from({ length: data.length / batchSize }, (_, step) =>
        Array.from({ length: batchSize }, (_, k) => step * batchSize + k),
      ),
    };
  });
  const body = makePlan({
    architecture: oracle.model.architecture,
    dtype: run.dtype ?? "float32",
    modelDigest: oracle.model.digest,
    recompute: run.recompute ?? "none",
    jobs,
    rows,
    devices,
    links: resolveLinks(cluster, devices, catalog),
    calibration: constantCalibration(),
    schedule: run.schedule ?? "lorapp",
    maxInFlight: "auto",
    groups: run.groups,
  });
  return sealPlan(withStages(body, run), { model: null, data: {}, init: {} });
}

export function runCase(oracle: OracleCase, plan: Plan): Promise<ExecuteResult> {
  const index = (name: string): number => oracle.jobs.findIndex((job) => job.name === name);
  return executePlan({
    plan,
    model: oracle.model,
    rows: plan.jobs.map((job) => oracle.data[index(job.name)]!),
    start: plan.jobs.map((job) => oracle.start[index(job.name)]!),
    versions: {},
  });
}

/** Norm of the difference over the norm, over all of an adapter's numbers. */
export function relativeDistance(a: readonly AdapterPair[], b: readonly AdapterPair[]): number {
  let difference = 0;
  let norm = 0;
  a.forEach((pair, i) => {
    for (const key of ["a", "b", "magnitudes"] as const) {
      const other = b[i]![key] ?? new Float32Array();
      pair[key]?.forEach((value, k) => {
        difference += (value - other[k]!) ** 2;
        norm += other[k]! ** 2;
      });
    }
  });
  return Math.sqrt(difference / norm);
}
