import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { contentHash, InputError } from "../core/index.ts";
import { nativeInfo } from "../exec/index.ts";
import {
  type Calibration,
  type Catalog,
  type Cluster,
  calibrationSchema,
  catalogSchema,
  checkDocument,
  clusterFromList,
  clusterSchema,
  computeDtype,
  type Dtype,
  gpuCalibration,
  type HostFacts,
  mergeCatalogs,
  parseDocument,
  placeError,
  type ReadText,
  type ResolvedDevice,
  type ResolvedLink,
  readText,
  resolveDevices,
  resolveLinks,
} from "../plan/index.ts";
import { type Arguments, optionalText } from "./command.ts";
import { readInput } from "./files.ts";
import type { Io } from "./io.ts";
import type { Option } from "./option-table.ts";
import { note } from "./output.ts";

export const CATALOG_OPTION = {
  type: "string",
  describe: "a catalog of your own, in front of ours",
} as const satisfies Option;

/** Our catalog, with the entries of --catalog in front. */
export function loadCatalog(io: Io, args: Arguments): Catalog {
  const own = catalogSchema.parse(JSON.parse(readFileSync(new URL("../plan/catalog.json", import.meta.url), "utf8")));
  const file = optionalText(args, "catalog");
  if (file === undefined) return own;
  const input = readInput(io, file, "a catalog file");
  return mergeCatalogs(own, parseDocument(catalogSchema, input.text, input.file));
}

export interface LoadedCluster {
  readonly devices: readonly ResolvedDevice[];
  readonly links: readonly ResolvedLink[];
  /** Absent for a list of devices. */
  readonly source: ReadText | undefined;
}

/** What this machine has for the devices of machine `local`. */
export function thisMachine(): HostFacts {
  return { memoryBytes: totalmem(), cores: () => nativeInfo().cores.length, cuda: () => nativeInfo().cuda };
}

/** One device a core, as many as make stages; says so. */
function everyCore(io: Io, args: Arguments, numLayers: number): string {
  const numCores = thisMachine().cores();
  const names = Array.from({ length: Math.min(numCores, numLayers) }, (_, core) => `cpu:${core}`);
  const listed = names.length > 2 ? `${names[0]} to ${names.at(-1)}` : names.join(" and ");
  const which =
    names.length < numCores
      ? `of this machine's ${numCores} cores: each of the model's ${numLayers} layers makes at most one stage`
      : numCores === 1
        ? "the one core of this machine"
        : "all cores of this machine";
  note(io, args, `no devices given: ${listed}, ${which}; --devices or --cluster chooses others.`);
  return names.join();
}

/**
 * The devices of --cluster FILE or --devices LIST; without either, every core of this machine, at most one a layer.
 * @throws InputError, DeviceError
 */
export function loadCluster(io: Io, args: Arguments, numLayers = Number.POSITIVE_INFINITY): LoadedCluster {
  const file = optionalText(args, "cluster");
  const list = optionalText(args, "devices");
  if (file !== undefined && list !== undefined)
    throw new InputError({ expected: "either --cluster or --devices", got: "both" });
  const catalog = loadCatalog(io, args);
  const resolve = (cluster: Cluster, source: ReadText | undefined): LoadedCluster => {
    const devices = resolveDevices(cluster, catalog, thisMachine());
    return { devices, links: resolveLinks(cluster, devices, catalog), source };
  };
  if (file === undefined) {
    try {
      return resolve(clusterFromList(list ?? everyCore(io, args, numLayers)), undefined);
    } catch (error) {
      if (error instanceof InputError) throw new InputError({ ...error.facts, at: "--devices" });
      throw error;
    }
  }
  const input = readInput(io, file, "a cluster file");
  const source = readText(input.text, input.file);
  const cluster = checkDocument(clusterSchema, source.value, source);
  try {
    return resolve(cluster, source);
  } catch (error) {
    throw placeError(error, source);
  }
}

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

/** Abstract devices: a forward takes 1 s, a backward 2 s. */
const UNIT: Calibration = {
  kind: "calibration",
  version: 1,
  model: "constant",
  seconds: { F: 1, B: 2, transfer: 0, update: 0 },
};

export interface LoadedCalibration {
  readonly calibration: Calibration;
  /** Absent when nobody gave a file. */
  readonly source: ReadText | undefined;
}

export function readCalibration(io: Io, file: string): LoadedCalibration {
  const input = readInput(io, file, "a calibration file");
  const source = readText(input.text, input.file);
  return { calibration: checkDocument(calibrationSchema, source.value, source), source };
}

/** --calibration FILE, else an assumption that fits the devices. */
export function loadCalibration(
  io: Io,
  args: Arguments,
  devices: readonly ResolvedDevice[],
  dtype: Dtype,
): LoadedCalibration & { readonly assumed: boolean } {
  const file = optionalText(args, "calibration");
  if (file !== undefined) return { ...readCalibration(io, file), assumed: false };
  if (devices.every((device) => device.kind === "abstract"))
    return { calibration: UNIT, source: undefined, assumed: false };
  const ofGpus = gpuCalibration(loadCatalog(io, args), devices, computeDtype(dtype));
  return { calibration: ofGpus ?? UNMEASURED, source: undefined, assumed: ofGpus === undefined };
}

export function calibrationHash(calibration: Calibration): string {
  return contentHash(calibration);
}
