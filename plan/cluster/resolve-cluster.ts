import { DeviceError, formatBytes, InputError, ownValue } from "../../core/index.ts";
import type { Catalog } from "../documents/catalog.ts";
import { deviceHint, devicesNamed } from "../documents/catalog-names.ts";
import type { Cluster, ResolvedDevice, ResolvedLink } from "../documents/cluster.ts";
import { assignCores, THIS_MACHINE } from "./assign-cores.ts";
import { gpuOfName } from "./device-names.ts";

/** What the machine that plans knows of itself: `local` in a cluster. */
export interface HostFacts {
  readonly memoryBytes: number;
  /** Cores that this process may use; asked for once a cluster names one. */
  readonly cores: () => number;
  /** Its GPUs, by index; asked for once a cluster names one. Why there are none. */
  readonly cuda?: () => {
    readonly reason: string;
    readonly devices: readonly { readonly name: string }[];
  };
  /** What is free of a GPU beside a context of a run's process; asked for where a cluster gives no memory. */
  readonly gpuFreeBytes?: (index: number) => number;
}

/**
 * What a plan leaves of a GPU's free memory for what CUDA loads when it is needed first: our kernels, some 2 MB for one
 * kind of GPU, and those that cuBLASLt chooses. All libraries of PyTorch took 380 MB more with every kernel loaded
 * (pytorch/pytorch pull request 86509).
 */
const LAZILY_LOADED_BYTES = 256 * 2 ** 20;

/** Free memory is told in steps, so that a few bytes more in another program give no other plan. */
const FREE_STEP_BYTES = 64 * 2 ** 20;

interface Gpu {
  readonly index: number;
  /** Of the catalog, or CUDA's own name. */
  readonly type: string;
}

/** The catalog's entry whose every word the GPU's name has; the longest, if several. */
function catalogType(name: string, catalog: Catalog): string | undefined {
  const words = new Set(name.split(/[\s-]+/));
  const fitting = Object.entries(catalog.devices)
    .filter(([type, { kind }]) => kind === "cuda" && type.split(" ").every((word) => word === "SXM" || words.has(word)))
    .map(([type]) => type);
  return fitting.sort((a, b) => b.length - a.length)[0];
}

function thisGpu(name: string, host: HostFacts, catalog: Catalog): Gpu {
  const index = gpuOfName(name);
  if (index === undefined) {
    throw new InputError({ expected: "a name such as cuda:0 or cuda:0#1 for a device of type cuda", got: name });
  }
  const { reason, devices } = host.cuda?.() ?? { reason: "nobody asked this machine", devices: [] };
  const found = devices[index];
  if (found === undefined) {
    throw new DeviceError({
      expected: "a CUDA device",
      at: name,
      got: devices.length === 0 ? `none: ${reason}` : `${devices.length} GPUs`,
      hint: "Plan with cpu:0, or name a GPU of the catalog as the type to simulate.",
    });
  }
  return { index, type: catalogType(found.name, catalog) ?? "cuda" };
}

/** What a plan may take of a GPU that so many devices share. */
function usableBytes(index: number, sharers: number, { gpuFreeBytes }: HostFacts): number | null {
  if (gpuFreeBytes === undefined) return null;
  const free = gpuFreeBytes(index);
  const steps = Math.floor((free - LAZILY_LOADED_BYTES) / FREE_STEP_BYTES);
  if (steps <= 0) {
    throw new DeviceError({
      expected: `more than ${formatBytes(LAZILY_LOADED_BYTES)} free on a GPU to plan for`,
      at: `cuda:${index}`,
      got: formatBytes(free),
      hint: "Other programs may have taken the rest: `nvidia-smi` lists them.",
    });
  }
  return Math.floor((steps * FREE_STEP_BYTES) / sharers);
}

/** Kinds that need no figures: their times come from a constant or a measured calibration. */
export const ABSTRACT = "unit";

function deviceKind(type: string, catalog: Catalog): ResolvedDevice["kind"] {
  return type === ABSTRACT ? "abstract" : (ownValue(catalog.devices, type)?.kind ?? "cuda");
}

/** The catalog's name of a type. @throws InputError for one that is none */
function catalogName(catalog: Catalog, type: string, at: string): string {
  if (type === ABSTRACT) return type;
  const found = devicesNamed(catalog, type);
  if (found.length === 1) return found[0]!;
  throw new InputError({
    expected: `${found.length > 1 ? "one" : "a"} device type of the catalog`,
    at,
    got: type,
    hint: `${deviceHint(catalog, type, found)} Others need memoryBytes, peakFlopsPerSecond and memoryBytesPerSecond in place of a type, or --catalog FILE.`,
  });
}

/** Devices of the cluster that share the GPU of `name`. */
function sharersOf(name: string, cluster: Cluster): number {
  const index = gpuOfName(name);
  return cluster.machines
    .flatMap(({ devices }) => devices)
    .filter((device) => device.type === "cuda" && gpuOfName(device.name) === index).length;
}

/**
 * All devices of a cluster in order, with figures from the file, else the catalog.
 * @throws InputError for an unknown type or a repeated name; DeviceError for more of this machine's cores or GPUs than
 * there are.
 */
export function resolveDevices(cluster: Cluster, catalog: Catalog, host: HostFacts): readonly ResolvedDevice[] {
  const seen = new Set<string>();
  const resolved = cluster.machines.flatMap((machine, m) => {
    const numCpus = machine.devices.filter((device) => device.type === "cpu").length;
    return machine.devices.map((device, d): ResolvedDevice => {
      const at = `machines[${m}].devices[${d}]`;
      if (seen.has(device.name))
        throw new InputError({ expected: "device names that are all different", at: `${at}.name`, got: device.name });
      seen.add(device.name);
      if (device.type === "cuda" && machine.name !== THIS_MACHINE)
        throw new InputError({
          expected: `machine ${THIS_MACHINE} for a GPU of type cuda, which is one of the machine where the command runs`,
          at: `machines[${m}].name`,
          got: machine.name,
          hint: "Name a GPU of the catalog as the type to simulate.",
        });
      const gpu = device.type === "cuda" ? thisGpu(device.name, host, catalog) : undefined;
      const named =
        gpu?.type ?? (device.type === undefined ? undefined : catalogName(catalog, device.type, `${at}.type`));
      const entry = named === undefined ? undefined : ownValue(catalog.devices, named);
      if (
        device.type === undefined &&
        (device.peakFlopsPerSecond === undefined ||
          device.memoryBytesPerSecond === undefined ||
          device.memoryBytes === undefined)
      ) {
        throw new InputError({
          expected: "a type, or memoryBytes, peakFlopsPerSecond and memoryBytesPerSecond",
          at,
          got: device.name,
        });
      }
      const type = named ?? "custom";
      const kind = deviceKind(type, catalog);
      // The catalog's figures of a CPU are those of one core.
      const units = kind === "cpu" ? (device.threads ?? 1) : 1;
      const scaled = (figure: { readonly value: number } | undefined): number | undefined =>
        figure === undefined ? undefined : figure.value * units;
      const float32 = scaled(entry?.float32FlopsPerSecond);
      const bfloat16 = scaled(entry?.bfloat16FlopsPerSecond);
      const peaks =
        device.peakFlopsPerSecond ??
        (float32 === undefined ? null : { float32, ...(bfloat16 === undefined ? {} : { bfloat16 }) });
      return {
        name: device.name,
        machine: machine.name,
        kind,
        type,
        threads: device.threads ?? 1,
        memoryBytes:
          device.memoryBytes ??
          (gpu === undefined ? undefined : usableBytes(gpu.index, sharersOf(device.name, cluster), host)) ??
          entry?.memoryBytes?.value ??
          (kind === "cpu" ? Math.floor(host.memoryBytes / numCpus) : null),
        peakFlopsPerSecond: peaks,
        memoryBytesPerSecond: device.memoryBytesPerSecond ?? scaled(entry?.memoryBytesPerSecond) ?? null,
        ...(cluster.currency === undefined
          ? {}
          : { price: { perHour: device.pricePerHour!, currency: cluster.currency } }),
      };
    });
  });
  const own = resolved.filter(({ machine, type }) => machine === THIS_MACHINE && type === "cpu");
  if (own.length > 0) assignCores(own, host.cores());
  return resolved;
}

/** What a cluster file may say of how messages travel. */
type Manner = Partial<Pick<NonNullable<Cluster["network"]>, "transfers" | "duplex" | "shared" | "transferDtype">>;

/** Nothing for what is so anyway, so that plans of such links have the same hash with and without the words. */
function mannerOf({
  transfers,
  duplex,
  shared = false,
  transferDtype,
}: Manner): Pick<ResolvedLink, "transfers" | "duplex" | "transferDtype"> {
  return {
    ...(transfers === undefined || transfers === "overlapped" ? {} : { transfers }),
    ...(duplex === "half" && !shared ? { duplex } : {}),
    ...(transferDtype === undefined ? {} : { transferDtype }),
  };
}

/**
 * The link between neighbours of the pipeline. @throws InputError for an unknown link type, or machines without a
 * network.
 */
export function resolveLinks(
  cluster: Cluster,
  devices: readonly ResolvedDevice[],
  catalog: Catalog,
): readonly ResolvedLink[] {
  return devices.slice(1).map((to, i): ResolvedLink => {
    const from = devices[i]!;
    if (from.machine !== to.machine) {
      if (cluster.network === undefined)
        throw new InputError({
          expected: "a network between machines",
          at: "network",
          got: undefined,
          hint: `${from.name} and ${to.name} are in different machines.`,
        });
      const { bandwidthBytesPerSecond, latencySeconds, shared } = cluster.network;
      return {
        id: shared ? "network" : `network ${from.name}-${to.name}`,
        type: "network",
        shared,
        bandwidthBytesPerSecond,
        latencySeconds,
        ...mannerOf(cluster.network),
      };
    }
    const m = cluster.machines.findIndex((machine) => machine.name === from.machine);
    const link = cluster.machines[m]!.link;
    const type = link?.type ?? (from.kind === "cpu" ? "host" : from.kind === "abstract" ? "unit" : "pcie");
    const entry = ownValue(catalog.links, type);
    if (link?.type !== undefined && entry === undefined && link.bandwidthBytesPerSecond === undefined) {
      throw new InputError({
        expected: `a link type of the catalog (${Object.keys(catalog.links).join(", ")})`,
        at: `machines[${m}].link.type`,
        got: link.type,
      });
    }
    const rates = [from, to].map(
      (device) => ownValue(catalog.devices, device.type)?.hostLinkBytesPerSecond?.value ?? Number.POSITIVE_INFINITY,
    );
    const slowest = Math.min(...rates);
    // GPUs of which no link is known are assumed to sit in PCIe 4.0 slots.
    const unnamedLink =
      from.kind === "cuda" ? (catalog.links["pcie4x16"]?.bandwidthBytesPerSecond?.value ?? null) : null;
    return {
      id: link?.shared === true ? from.machine : `${from.name}-${to.name}`,
      type,
      shared: link?.shared ?? false,
      bandwidthBytesPerSecond:
        link?.bandwidthBytesPerSecond ??
        entry?.bandwidthBytesPerSecond?.value ??
        (Number.isFinite(slowest) ? slowest : unnamedLink),
      latencySeconds: link?.latencySeconds ?? entry?.latencySeconds?.value ?? 0,
      ...mannerOf(link ?? {}),
    };
  });
}
