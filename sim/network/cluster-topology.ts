import type { ResolvedDevice, ResolvedLink } from "../../plan/index.ts";
import { createTopology, type MachineTopology, type Topology } from "./topology.ts";

const UNLIMITED = Number.MAX_SAFE_INTEGER;

function rateOf(link: ResolvedLink | undefined, efficiency: number): number {
  return link?.bandwidthBytesPerSecond === null || link === undefined
    ? UNLIMITED
    : link.bandwidthBytesPerSecond * efficiency;
}

/**
 * The topology that a cluster's devices and the links between neighbours stand for: an NVLink is a fabric of its
 * machine, a link that is not shared lets devices reach each other through one switch, and a shared one is the
 * machine's bridge, which every message crosses. `efficiency` is the share of a link's rate that messages reach,
 * `messageSeconds` what each costs beside.
 */
export function clusterTopology(
  devices: readonly ResolvedDevice[],
  links: readonly ResolvedLink[],
  { efficiency, messageSeconds }: { readonly efficiency: number; readonly messageSeconds: number },
): Topology {
  const names = [...new Set(devices.map(({ machine }) => machine))];
  const network = links.find(({ type }) => type === "network");
  const machines = names.map((name): MachineTopology => {
    const own = devices.flatMap((device, index) => (device.machine === name ? [index] : []));
    const inside = own.length > 1 ? links[own[0]!] : undefined;
    const rate = rateOf(inside, efficiency);
    const isFabric = inside?.type.startsWith("nvlink") === true;
    return {
      numDevices: own.length,
      devicesPerSwitch: own.length,
      slotBytesPerSecond: isFabric ? UNLIMITED : rate,
      uplinkBytesPerSecond: UNLIMITED,
      bridgeBytesPerSecond: inside?.shared === true ? rate : UNLIMITED,
      peerAccess: inside?.shared !== true,
      fabricBytesPerSecond: isFabric ? rate : null,
      networkBytesPerSecond: rateOf(network, efficiency),
      deviceDuplex: inside?.duplex,
      networkDuplex: network?.duplex,
      deviceLatencySeconds: inside?.latencySeconds ?? 0,
      networkLatencySeconds: network?.latencySeconds ?? 0,
      messageSeconds,
    };
  });
  return createTopology(machines);
}
