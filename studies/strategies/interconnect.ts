import { type CollectiveFigures, collectiveSeconds } from "../../plan/index.ts";
import {
  type Collective,
  type CollectiveCost,
  fastestCollective,
  linkRates,
  type MessageCost,
  type Topology,
} from "../../sim/index.ts";

/** What messages and collectives cost among the devices of a platform. */
export interface Interconnect {
  /** Of a message between two devices. */
  message(from: number, to: number, bytes: number): MessageCost;
  /** Of a collective of all devices over a buffer of these bytes. */
  collective(bytes: number, collective: Collective): CollectiveCost;
  /** Rates of the links that messages name; none where messages do not share any. */
  readonly linkBytesPerSecond: readonly number[];
}

export interface FixedRates {
  readonly numDevices: number;
  /** Of one message beside its bytes: until it has arrived. */
  readonly hopSeconds: number;
  readonly hopBytesPerSecond: number;
  /** What a device sends into a ring of all devices, while all do. */
  readonly ringBytesPerSecond: number;
}

/** Messages that take no notice of each other, and rings of a known rate. */
export function fixedInterconnect(rates: FixedRates): Interconnect {
  const { numDevices, hopSeconds, hopBytesPerSecond, ringBytesPerSecond } = rates;
  return {
    message: (_from, _to, bytes) => ({ seconds: bytes / hopBytesPerSecond, flows: [], latencySeconds: hopSeconds }),
    collective: (bytes, collective) => ({
      seconds: ((collective === "all-reduce" ? 2 : 1) * (numDevices - 1) * bytes) / numDevices / ringBytesPerSecond,
      flows: [],
    }),
    linkBytesPerSecond: [],
  };
}

/** Messages and collectives as flows over shared links. */
export function topologyInterconnect(topology: Topology): Interconnect {
  const ranks = Array.from({ length: topology.numDevices }, (_, rank) => rank);
  const known = new Map<string, CollectiveCost>();
  return {
    message(from, to, bytes) {
      const { route, latencySeconds, messageSeconds } = topology.path(from, to);
      return { seconds: messageSeconds, flows: [{ route, bytes }], latencySeconds };
    },
    collective(bytes, collective) {
      const key = `${collective} ${bytes}`;
      const cost = known.get(key) ?? fastestCollective(topology, ranks, bytes, collective).cost;
      known.set(key, cost);
      return cost;
    },
    linkBytesPerSecond: linkRates(topology),
  };
}

/** The same with collectives that were timed over the fast link of a machine. */
export function timedCollectives(base: Interconnect, numDevices: number, figures: CollectiveFigures): Interconnect {
  return {
    ...base,
    collective: (bytes, collective) => ({
      seconds: collectiveSeconds(figures, collective, numDevices, bytes),
      flows: [],
    }),
  };
}

/**
 * Seconds from a message's start to its arrival with the links to itself, and for how long it keeps others from
 * leaving.
 */
export function messageSeconds({ linkBytesPerSecond }: Interconnect, cost: MessageCost) {
  const moving = cost.flows.map(({ route, bytes }) =>
    bytes === 0 ? 0 : bytes / Math.min(...route.map((link) => linkBytesPerSecond[link]!)),
  );
  const occupied = cost.seconds + Math.max(0, ...moving);
  return { arrival: occupied + cost.latencySeconds, occupied };
}
