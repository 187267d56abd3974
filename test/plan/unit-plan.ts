import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import { JOB_DEFAULTS, jobSchema, type LengthData } from "../../plan/documents/workload.ts";
import type { Calibration, PlanBody, PlanRequest, ScheduleName } from "../../plan/index.ts";
import { lengthRows } from "../../plan/planner/job-rows.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { clusterFromList, resolveDevices, resolveLinks } from "../../plan/resolve-cluster.ts";

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

/** Fixed seconds: F 1, B 2 and nothing else unless the options say so. */
export function constantCalibration(
  options: Pick<UnitPlanOptions, "forward" | "backward" | "transfer" | "update" | "perTokens"> = {},
): Calibration {
  return {
    kind: "calibration",
    version: 1,
    model: "constant",
    seconds: {
      F: options.forward ?? 1,
      B: options.backward ?? 2,
      transfer: options.transfer ?? 0,
      update: options.update ?? 0,
    },
    ...(options.perTokens === undefined ? {} : { perTokens: options.perTokens }),
  };
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
    calibration: constantCalibration(options),
    schedule: options.schedule ?? "lorapp",
    maxInFlight: options.maxInFlight ?? "none",
    groups: options.groups ?? "auto",
  };
}

/** That plan. */
export function unitPlan(options: UnitPlanOptions): PlanBody {
  return makePlan(unitRequest(options));
}
