import { InputError, mean } from "../core/index.ts";
import {
  computeDtype,
  type Dtype,
  deviceCalibration,
  gpuCalibration,
  type Job,
  type LayersCalibration,
  type ResolvedDevice,
} from "../plan/index.ts";
import { clusterTopology } from "../sim/index.ts";
import { loraParameters, type Platform, type Training, topologyInterconnect } from "../studies/index.ts";
import { type Arguments, optionalText } from "./command.ts";
import type { Io } from "./io.ts";
import { type LoadedCluster, loadCatalog, loadCluster, readCalibration } from "./load-cluster.ts";
import type { LoadedWorkload } from "./load-workload.ts";

const WEIGHT_BYTES: Readonly<Record<Dtype, number>> = { float32: 4, bfloat16: 2, int8: 1, nf4: 0.5 };
/** Assumptions of memory: context and libraries of a process, and reserved over allocated memory (loratwin paper). */
const CONTEXT_BYTES = 0.6e9;
const ALLOCATOR_FACTOR = 1.115;

function calibrationOf(io: Io, args: Arguments, device: ResolvedDevice, dtype: Dtype): LayersCalibration {
  const file = optionalText(args, "calibration");
  if (file === undefined) {
    const catalog = loadCatalog(io, args);
    const known = computeDtype(dtype);
    return gpuCalibration(catalog, [device], known) ?? deviceCalibration(catalog, device.type, known);
  }
  const { calibration } = readCalibration(io, file);
  if (calibration.model !== "layers")
    throw new InputError({
      expected: "a layers calibration",
      at: "--calibration",
      got: calibration.model,
      hint: "`loratwin catalog NAME --calibration FILE` writes one.",
    });
  return calibration;
}

/** One kind of device for all: the model is of equal devices. */
function equalDevice(devices: readonly ResolvedDevice[]): ResolvedDevice {
  const first = devices[0]!;
  const other = devices.find(({ type }) => type !== first.type);
  if (other !== undefined)
    throw new InputError({ expected: `devices that are all ${first.type}`, at: "--cluster", got: other.type });
  return first;
}

/** Equal devices with their links, and the calibration that says how near software comes to their peaks. */
export interface ComparisonPlatform extends Platform {
  readonly calibration: LayersCalibration;
  readonly cluster: LoadedCluster;
}

/** @throws InputError for devices that are not equal, or of which nobody knows peaks and memory. */
export function comparisonPlatform(io: Io, args: Arguments, dtype: Dtype): ComparisonPlatform {
  const cluster = loadCluster(io, args);
  const { devices, links } = cluster;
  const device = equalDevice(devices);
  const { peakFlopsPerSecond, memoryBytesPerSecond, memoryBytes } = device;
  if (peakFlopsPerSecond === null || memoryBytesPerSecond === null || memoryBytes === null)
    throw new InputError({
      expected: "devices with peaks and memory, such as GPUs of the catalog",
      at: "--cluster",
      got: device.type,
    });
  const calibration = calibrationOf(io, args, device, dtype);
  const { float32, bfloat16 } = peakFlopsPerSecond;
  const { transferEfficiency, transferLatencySeconds } = calibration;
  const topology = clusterTopology(devices, links, {
    efficiency: transferEfficiency,
    messageSeconds: transferLatencySeconds,
  });
  return {
    numDevices: devices.length,
    peaks: {
      flopsPerSecond: dtype === "float32" ? float32 : (bfloat16 ?? float32),
      bytesPerSecond: memoryBytesPerSecond,
    },
    memoryBytes,
    efficiency: calibration,
    headBytes: calibration.headBytes,
    interconnect: topologyInterconnect(topology),
    contextBytes: CONTEXT_BYTES,
    allocatorFactor: ALLOCATOR_FACTOR,
    calibration,
    cluster,
  };
}

/** What of a model decides times and memory, beside its adapters. */
export function trainedModel({ architecture, workload }: LoadedWorkload, dtype: Dtype, full: boolean) {
  return {
    arch: architecture,
    activationBytes: dtype === "float32" ? 4 : 2,
    weightBytes: WEIGHT_BYTES[dtype],
    full,
    recompute: workload.recompute === "layer",
  };
}

export function adapterParameters({ architecture }: LoadedWorkload, { adapter }: Job): number {
  return loraParameters(architecture, adapter.rank, adapter.targets);
}

/** The first job stands for all: its batch, micro-batches and adapter, and rows of the mean length of all jobs. */
export function meanTraining(loaded: LoadedWorkload, dtype: Dtype, full: boolean): Training {
  const job = loaded.workload.jobs[0]!;
  return {
    ...trainedModel(loaded, dtype, full),
    sequences: job.batchSize,
    sequenceLength: Math.round(mean(loaded.rows.flatMap(({ tokens }) => Array.from(tokens)))),
    microBatches: job.batchSize / (job.microBatchSize ?? job.batchSize),
    adapterParameters: adapterParameters(loaded, job),
  };
}
