import { ownValue } from "../../core/index.ts";
import type { Catalog } from "../documents/catalog.ts";
import type { Cluster, ResolvedDevice } from "../documents/cluster.ts";
import type { StatesRoom } from "../documents/setting.ts";
import { THIS_MACHINE } from "./assign-cores.ts";
import type { HostFacts } from "./resolve-cluster.ts";

/** Of this machine's memory, what states of jobs may take where nobody says: devices of it have the rest. */
const SHARE = 0.5;

/** Assumed where the cluster file gives none; nobody has measured it. */
const DISK_BYTES_PER_SECOND = 1e9;

/** The same of a CPU device, which copies a state from memory to memory, on one thread. */
const CPU_BYTES_PER_SECOND = 1e9;

/** The rate between a device and its host: of the file, else of the catalog, else of a PCIe 4.0 slot. */
function linkRate({ machines }: Cluster, { machine, kind, type }: ResolvedDevice, catalog: Catalog): number | null {
  const given = machines.find(({ name }) => name === machine)?.host?.linkBytesPerSecond;
  if (given !== undefined || kind === "abstract") return given ?? null;
  if (kind === "cpu") return CPU_BYTES_PER_SECOND;
  const known = ownValue(catalog.devices, type)?.hostLinkBytesPerSecond;
  return (known ?? catalog.links["pcie4x16"]?.bandwidthBytesPerSecond)?.value ?? null;
}

/**
 * Where states of jobs on no device are kept: in the memory of the first machine, which decides, and beyond that on its
 * disk. `given`: bytes of that memory, over what the cluster file says.
 */
export function resolveStates(
  cluster: Cluster,
  devices: readonly ResolvedDevice[],
  { catalog, host, given }: { readonly catalog: Catalog; readonly host: HostFacts; readonly given: number | undefined },
): StatesRoom {
  const [first] = cluster.machines;
  const own = first!.name === THIS_MACHINE ? Math.floor(SHARE * host.memoryBytes) : null;
  return {
    hostBytes: given ?? first!.host?.memoryBytes ?? own,
    linkBytesPerSecond: devices.map((device) => linkRate(cluster, device, catalog)),
    diskBytesPerSecond:
      first!.host?.diskBytesPerSecond ??
      (devices.every(({ kind }) => kind === "abstract") ? null : DISK_BYTES_PER_SECOND),
  };
}
