import { totalmem } from "node:os";
import { contentHash, InputError } from "../../core/index.ts";
import { gpuFreeBytes, nativeInfo } from "../../exec/index.ts";
import { type Context, type FileOrDocument, type Place, readInput } from "../../files/index.ts";
import {
  type Architecture,
  assumedCalibration,
  CATALOG,
  type Calibration,
  type Catalog,
  type Cluster,
  calibrationSchema,
  catalogSchema,
  checkDocument,
  clusterFromList,
  clusterSchema,
  coreNames,
  type Dtype,
  type HostFacts,
  idleCoresText,
  mergeCatalogs,
  parseDocument,
  placeError,
  type ReadText,
  type ResolvedDevice,
  type ResolvedLink,
  readText,
  resolveDevices,
  resolveLinks,
  resolveStates,
  type StatesRoom,
  THIS_MACHINE,
} from "../../plan/index.ts";

/** Our catalog, with the entries of a file in front where one is given. */
export function loadCatalog(place: Place, file?: FileOrDocument): Catalog {
  if (file === undefined) return CATALOG;
  const input = readInput(place, file, "a catalog file");
  return mergeCatalogs(CATALOG, parseDocument(catalogSchema, input.text, input.file));
}

/** Where a plan is to run: a cluster file or a list of devices, as `--cluster` and `--devices` have them. */
export interface DeviceChoice {
  readonly cluster?: FileOrDocument | undefined;
  readonly devices?: string | undefined;
  /** GPUs of the catalog, in place of both, as `--gpu` has them. */
  readonly gpu?: string | undefined;
  /** A catalog file in front of ours. */
  readonly catalog?: FileOrDocument | undefined;
  /** Names of devices that are left out, since they have stopped. */
  readonly without?: readonly string[];
  /** Bytes of memory for states of jobs on no device. */
  readonly hostMemory?: number | undefined;
}

export interface LoadedCluster {
  readonly devices: readonly ResolvedDevice[];
  readonly links: readonly ResolvedLink[];
  readonly states: StatesRoom;
  /** Absent for a list of devices. */
  readonly source: ReadText | undefined;
}

/** What this machine has for the devices of machine `local`. */
export function thisMachine(): HostFacts {
  return {
    memoryBytes: totalmem(),
    cores: () => nativeInfo().cores.length,
    cuda: () => nativeInfo().cuda,
    gpuFreeBytes,
  };
}

/** All of this machine's CPU, as a list of devices has it. */
const WHOLE_CPU = "cpu";

/** One device a core, as many as make stages; says so. `why`: nobody chose devices, or all of this machine. */
function everyCore(context: Context, numLayers: number, why: string, others: string): string {
  const numCores = thisMachine().cores();
  const names = Array.from({ length: Math.min(numCores, numLayers) }, (_, core) => `cpu:${core}`);
  const listed = coreNames(names.map((_, core) => core));
  const which =
    names.length < numCores
      ? `of this machine's ${numCores} cores: each of the model's ${numLayers} layers makes at most one stage`
      : numCores === 1
        ? "the one core of this machine"
        : "all cores of this machine";
  context.note(`${why}: ${listed}, ${which}${others}`);
  return names.join();
}

/** The list of devices that was given, or that is meant where none was, or `cpu`. */
function deviceList(context: Context, given: string | undefined, numLayers: number): string {
  if (given === undefined)
    return everyCore(context, numLayers, "no devices given", "; --devices or --cluster chooses others.");
  return given === WHOLE_CPU ? everyCore(context, numLayers, `--devices ${WHOLE_CPU}`, ".") : given;
}

/** What --gpu stands for: GPUs of the catalog alone. @throws InputError for devices of this machine */
function gpuCluster(gpu: string, catalog: Catalog): Cluster {
  const cluster = gpu === WHOLE_CPU ? undefined : clusterFromList(gpu, catalog);
  if (cluster !== undefined && cluster.machines[0]!.name !== THIS_MACHINE) return cluster;
  throw new InputError({
    expected: "GPUs of the catalog such as 'H100 SXM' or 'H100 SXM*4'",
    got: gpu,
    hint: "--devices takes devices of this machine. `loratwin catalog` lists GPUs.",
  });
}

/** Says which cores of this machine idle where devices were chosen that are not all of it. */
export function noteIdleCores(context: Pick<Context, "note">, devices: readonly ResolvedDevice[]): void {
  const text = idleCoresText(devices, thisMachine().cores);
  if (text !== undefined) context.note(`${text}: \`--devices ${WHOLE_CPU}\` takes every core.`);
}

/** Says of GPUs over PCIe that their link's rate is a sheet's, where nobody gave one. */
function noteSheetRate(context: Pick<Context, "note">, { machines }: Cluster, links: readonly ResolvedLink[]): void {
  const pcie = links.find(({ type }) => type.startsWith("pcie"));
  if (pcie === undefined || machines.every(({ link }) => link?.bandwidthBytesPerSecond !== undefined)) return;
  const { bandwidthBytesPerSecond: bandwidth } = pcie;
  const rate = bandwidth === null ? "" : `, ${(bandwidth / 1e9).toFixed(1)} GB/s`;
  const whose = links.length === 1 ? "" : pcie.shared ? ", which all pairs share" : " for each pair";
  context.note(
    `PCIe between GPUs is taken at its sheet's rate${rate}${whose}; 1.4 to 21 GB/s were seen: ` +
      "`link` of a machine in a cluster file takes a measured one.",
  );
}

/**
 * The devices of --cluster FILE or --devices LIST; without either, and for the list `cpu`, every core of this machine, at
 * most one a layer.
 * @throws InputError, DeviceError
 */
export function loadCluster(
  context: Context,
  { cluster: file, devices: listed, gpu, catalog: catalogFile, without = [], hostMemory: given }: DeviceChoice,
  numLayers = Number.POSITIVE_INFINITY,
): LoadedCluster {
  const list = gpu ?? listed;
  if (file !== undefined && list !== undefined)
    throw new InputError({ expected: "either --cluster or --devices", got: "both" });
  const catalog = loadCatalog(context, catalogFile);
  const resolve = (cluster: Cluster, source: ReadText | undefined): LoadedCluster => {
    const host = thisMachine();
    const devices = resolveDevices(cluster, catalog, host).filter(({ name }) => !without.includes(name));
    if (file !== undefined || (list !== undefined && list !== WHOLE_CPU)) noteIdleCores(context, devices);
    const links = resolveLinks(cluster, devices, catalog);
    noteSheetRate(context, cluster, links);
    return { devices, links, states: resolveStates(cluster, devices, { catalog, host, given }), source };
  };
  if (file === undefined) {
    try {
      const cluster =
        gpu === undefined ? clusterFromList(deviceList(context, listed, numLayers), catalog) : gpuCluster(gpu, catalog);
      return resolve(cluster, undefined);
    } catch (error) {
      if (error instanceof InputError)
        throw new InputError({ ...error.facts, at: gpu === undefined ? "--devices" : "--gpu" });
      throw error;
    }
  }
  const input = readInput(context, file, "a cluster file");
  const source = readText(input.text, input.file);
  const cluster = checkDocument(clusterSchema, source.value, source);
  try {
    return resolve(cluster, source);
  } catch (error) {
    throw placeError(error, source);
  }
}

export interface LoadedCalibration {
  readonly calibration: Calibration;
  /** Absent when nobody gave a file. */
  readonly source: ReadText | undefined;
}

export function readCalibration(place: Place, file: FileOrDocument): LoadedCalibration {
  const input = readInput(place, file, "a calibration file");
  const source = readText(input.text, input.file);
  return { calibration: checkDocument(calibrationSchema, source.value, source), source };
}

/** Kernels of one type stand for all devices, which is said where they are others. */
function noteOtherKernels(
  context: Pick<Context, "warn">,
  calibration: Calibration,
  devices: readonly ResolvedDevice[],
) {
  const known = calibration.model === "layers" ? Object.keys(calibration.kernels ?? {}) : [];
  const other = devices.find(({ type }) => known.length > 0 && !known.includes(type));
  if (other !== undefined)
    context.warn(
      `the calibration has kernels of ${known.join(", ")}, and none of ${other.type}: it may be another GPU's`,
    );
}

/** A calibration file, else an assumption that fits the devices. */
export function loadCalibration(
  context: Context,
  {
    calibration: file,
    catalog,
  }: { readonly calibration?: FileOrDocument | undefined; readonly catalog?: FileOrDocument | undefined },
  devices: readonly ResolvedDevice[],
  { dtype, architecture }: { readonly dtype: Dtype; readonly architecture: Pick<Architecture, "experts"> },
): LoadedCalibration & { readonly assumed: boolean } {
  if (file === undefined)
    return { ...assumedCalibration(loadCatalog(context, catalog), devices, dtype, architecture), source: undefined };
  const read = readCalibration(context, file);
  noteOtherKernels(context, read.calibration, devices);
  return { ...read, assumed: false };
}

export function calibrationHash(calibration: Calibration): string {
  return contentHash(calibration);
}
