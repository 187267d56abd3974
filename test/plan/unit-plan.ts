import { lengthRows } from "../../plan/actions/job-rows.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import { JOB_DEFAULTS, jobSchema } from "../../plan/documents/workload.ts";
import {
  type Calibration,
  constantCalibration,
  type PlanBody,
  type PlanRequest,
  type ScheduleName,
} from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";

export interface UnitPlanOptions {
  readonly numDevices: number;
  readonly numJobs: number;
  readonly parts: number;
  readonly steps: number;
  readonly schedule?: ScheduleName;
  readonly forward?: number;
  readonly backward?: number;
  readonly transfer?: number;
  readonly update?: number;
  readonly maxInFlight?: "auto" | "none" | number;
  readonly groups?: "auto" | "unfused" | number;
  readonly maxGradNorm?: number;
  readonly lengths?: LengthData["lengths"];
  readonly perTokens?: number;
}

const catalog = { kind: "catalog", version: 1, devices: {}, links: {} } as const;

/** The fixed times of the options. */
export function unitCalibration(
  options: Pick<UnitPlanOptions, "forward" | "backward" | "transfer" | "update" | "perTokens"> = {},
): Calibration {
  const { forward: F = 1, backward: B = 2, transfer = 0, update = 0, perTokens } = options;
  return constantCalibration({ F, B, transfer, update, ...(perTokens === undefined ? {} : { perTokens }) });
}

/** What a plan for abstract devices is asked for whose actions take fixed times. */
export function unitRequest(options: UnitPlanOptions): PlanRequest {
  const jobs = Array.from({ length: options.numJobs }, (_, i) =>
    jobSchema.parse({
      ...JOB_DEFAULTS,
      optimizer: {
        ...JOB_DEFAULTS.optimizer,
        ...(options.maxGradNorm === undefined ? {} : { maxGradNorm: options.maxGradNorm }),
      },
      name: `job${i + 1}`,
      data: { lengths: options.lengths ?? 16, samples: 64 },
      batchSize: options.parts,
      microBatchSize: 1,
      steps: options.steps,
    }),
  );
  const cluster = clusterFromList(`unit*${options.numDevices}`);
  const devices = resolveDevices(cluster, catalog, { memoryBytes: 1, cores: () => 1 });
  return {
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"])),
    dtype: "float32",
    modelDigest: null,
    recompute: "none",
    jobs,
    rows: jobs.map((job) => lengthRows(job, job.data as LengthData)),
    devices,
    links: resolveLinks(cluster, devices, catalog),
    calibration: unitCalibration(options),
    schedule: options.schedule ?? "lorapp",
    maxInFlight: options.maxInFlight ?? "none",
    groups: options.groups ?? "auto",
  };
}

/** That plan. */
export function unitPlan(options: UnitPlanOptions): PlanBody {
  return makePlan(unitRequest(options));
}
