import { InvariantError } from "../../core/index.ts";
import type { Route } from "./max-min.ts";

/** One direction of a wire, or both of one of half duplex, shared by all flows over it at max-min fair rates. */
export interface TopologyLink {
  readonly name: string;
  readonly bytesPerSecond: number;
  /** Added to when a message arrives; the wire is free meanwhile. */
  readonly latencySeconds: number;
}

/** A machine: devices behind PCIe switches, which hang off one host bridge. */
export interface MachineTopology {
  readonly numDevices: number;
  readonly devicesPerSwitch: number;
  /** Of a device's slot, in one direction. */
  readonly slotBytesPerSecond: number;
  /** Of a switch towards the host bridge, in one direction. */
  readonly uplinkBytesPerSecond: number;
  /**
   * Of everything that crosses the host bridge together: between switches, and all traffic where devices cannot reach
   * each other.
   */
  readonly bridgeBytesPerSecond: number;
  /** Whether devices of one switch reach each other without the host (peer access). */
  readonly peerAccess: boolean;
  /** Of each device into a switched all-to-all fabric, in one direction; null where there is none. */
  readonly fabricBytesPerSecond: number | null;
  /** Of the machine to the network, in one direction. */
  readonly networkBytesPerSecond: number;
  /** Of slots and fabric, and of the way to the network: both directions share the rate of one; each has it if absent. */
  readonly deviceDuplex?: "half" | undefined;
  readonly networkDuplex?: "half" | undefined;
  readonly deviceLatencySeconds: number;
  readonly networkLatencySeconds: number;
  /** Host time of each message, in which nothing is sent. */
  readonly messageSeconds: number;
}

/** What a message between two devices crosses. */
export interface Path {
  readonly route: Route;
  readonly latencySeconds: number;
  readonly messageSeconds: number;
}

export interface Topology {
  readonly numDevices: number;
  readonly links: readonly TopologyLink[];
  /**
   * From one device to another, both numbered through all machines. @throws InvariantError for devices that are not
   * there.
   */
  path(from: number, to: number): Path;
}

/** The links of some machines on one network without a bottleneck of its own. */
export function createTopology(machines: readonly MachineTopology[]): Topology {
  const links: TopologyLink[] = [];
  const addLink = (name: string, bytesPerSecond: number, latencySeconds: number): number =>
    links.push({ name, bytesPerSecond, latencySeconds }) - 1;
  const pair = (name: string, rate: number, latency: number, duplex?: "half") => {
    const up = addLink(duplex === "half" ? name : `${name} up`, rate, latency);
    return { up, down: duplex === "half" ? up : addLink(`${name} down`, rate, latency) };
  };

  const places = machines.flatMap((machine, m) => {
    const bridge = addLink(`machine ${m} bridge`, machine.bridgeBytesPerSecond, 0);
    const { networkBytesPerSecond, networkLatencySeconds, networkDuplex, deviceDuplex } = machine;
    const network = pair(`machine ${m} network`, networkBytesPerSecond, networkLatencySeconds / 2, networkDuplex);
    const numSwitches = Math.ceil(machine.numDevices / machine.devicesPerSwitch);
    const uplinks = Array.from({ length: numSwitches }, (_, at) =>
      pair(`machine ${m} switch ${at}`, machine.uplinkBytesPerSecond, 0),
    );
    return Array.from({ length: machine.numDevices }, (_, device) => {
      const name = `machine ${m} device ${device}`;
      const latency = machine.deviceLatencySeconds / 2;
      const fabric = machine.fabricBytesPerSecond;
      return {
        machine,
        machineIndex: m,
        switchIndex: Math.floor(device / machine.devicesPerSwitch),
        bridge,
        network,
        uplink: uplinks[Math.floor(device / machine.devicesPerSwitch)]!,
        slot: pair(`${name} slot`, machine.slotBytesPerSecond, latency, deviceDuplex),
        fabric: fabric === null ? null : pair(`${name} fabric`, fabric, latency, deviceDuplex),
      };
    });
  });

  const routeOf = (from: number, to: number): Route => {
    const a = places[from];
    const b = places[to];
    if (a === undefined || b === undefined)
      throw new InvariantError({ expected: `devices 0 to ${places.length - 1}`, got: [from, to] });
    if (from === to) return [];
    if (a.machineIndex !== b.machineIndex)
      return [a.slot.up, a.uplink.up, a.network.up, b.network.down, b.uplink.down, b.slot.down];
    if (a.fabric !== null && b.fabric !== null) return [a.fabric.up, b.fabric.down];
    if (a.switchIndex === b.switchIndex && a.machine.peerAccess) return [a.slot.up, b.slot.down];
    return [a.slot.up, a.uplink.up, a.bridge, b.uplink.down, b.slot.down];
  };

  return {
    numDevices: places.length,
    links,
    path(from, to) {
      const route = routeOf(from, to);
      return {
        route,
        latencySeconds: route.reduce((total, link) => total + links[link]!.latencySeconds, 0),
        messageSeconds: from === to ? 0 : places[from]!.machine.messageSeconds,
      };
    },
  };
}

/** The rates of a topology's links, as `runTasks` takes them. */
export function linkRates({ links }: Topology): readonly number[] {
  return links.map(({ bytesPerSecond }) => bytesPerSecond);
}
