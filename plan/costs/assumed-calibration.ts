import { computeDtype } from "../actions/compute-dtype.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { Calibration, LayersCalibration } from "../documents/calibration.ts";
import type { Catalog } from "../documents/catalog.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import { constantCalibration } from "./constant-calibration.ts";
import { gpuCalibration } from "./device-calibration.ts";

/** What CPUs, and mixtures of them with GPUs, are assumed to do when nobody measured them. */
const UNMEASURED: Calibration = {
  kind: "calibration",
  version: 1,
  model: "roofline",
  computeEfficiency: 0.5,
  memoryEfficiency: 0.7,
  launchSeconds: 5e-6,
  transferEfficiency: 0.8,
  transferLatencySeconds: 1e-5,
};

/** The costs of devices of which nobody gives a calibration. */
export interface AssumedCalibration {
  readonly calibration: Calibration;
  /** Whether they are nominal figures alone: neither constant times nor those of the catalog. */
  readonly assumed: boolean;
}

/**
 * Of products of experts as single ones' times predict them: the mean of what others' times of such products were off,
 * evenly chosen experts and unevenly chosen ones alike (docs/reference/gpus.md).
 */
const EXPERTS_ERROR = 0.2;

/** Times of kernels say less of a model with experts. */
function withExperts(calibration: LayersCalibration): LayersCalibration {
  return {
    ...calibration,
    source: `${calibration.source}; experts as single products`,
    meanError: Math.hypot(calibration.meanError, EXPERTS_ERROR),
  };
}

/**
 * Constant times for abstract devices, the catalog's efficiencies for GPUs, nominal figures for all others; of a model.
 */
export function assumedCalibration(
  catalog: Catalog,
  devices: readonly ResolvedDevice[],
  dtype: Dtype,
  { experts }: Pick<Architecture, "experts">,
): AssumedCalibration {
  if (devices.every((device) => device.kind === "abstract"))
    return { calibration: constantCalibration(), assumed: false };
  const ofGpus = gpuCalibration(catalog, devices, computeDtype(dtype));
  if (ofGpus === undefined) return { calibration: UNMEASURED, assumed: true };
  return { calibration: experts === undefined ? ofGpus : withExperts(ofGpus), assumed: false };
}
