import fc from "fast-check";
import { expect, test } from "vitest";
import {
  collectiveCost,
  collectiveSeconds,
  createTopology,
  linkRates,
  type MachineTopology,
  runTasks,
  type Topology,
} from "../../sim/index.ts";
import { maxMinRates } from "../../sim/network/max-min.ts";

const MACHINE: MachineTopology = {
  numDevices: 4,
  devicesPerSwitch: 2,
  slotBytesPerSecond: 30,
  uplinkBytesPerSecond: 30,
  bridgeBytesPerSecond: 40,
  peerAccess: true,
  fabricBytesPerSecond: null,
  networkBytesPerSecond: 3,
  deviceLatencySeconds: 0.5,
  networkLatencySeconds: 2,
  messageSeconds: 0.25,
};

function names(topology: Topology, from: number, to: number): readonly string[] {
  return topology.path(from, to).route.map((link) => topology.links[link]!.name.replace("machine 0 ", ""));
}

/** Seconds until the last of these messages, all sent at once, is there. */
function sendAll(topology: Topology, pairs: readonly (readonly [number, number])[], bytes: number): number {
  const tasks = pairs.map(([from, to], index) => ({
    name: `${index}`,
    streams: [index],
    after: [],
    seconds: 0,
    flows: [{ route: topology.path(from, to).route, bytes }],
  }));
  return runTasks({ tasks, orders: tasks.map((_, index) => [index]) }, linkRates(topology)).makespanNs / 1e9;
}

test("neighbours of a switch do not touch the bridge, others do, and a fabric goes round both", () => {
  const topology = createTopology([MACHINE]);
  expect(names(topology, 0, 1)).toEqual(["device 0 slot up", "device 1 slot down"]);
  expect(names(topology, 1, 2)).toEqual([
    "device 1 slot up",
    "switch 0 up",
    "bridge",
    "switch 1 down",
    "device 2 slot down",
  ]);
  expect(names(createTopology([{ ...MACHINE, peerAccess: false }]), 0, 1)).toContain("bridge");
  expect(names(createTopology([{ ...MACHINE, fabricBytesPerSecond: 300 }]), 1, 2)).toEqual([
    "device 1 fabric up",
    "device 2 fabric down",
  ]);
});

test("latency, cost of a message and rate are apart", () => {
  const topology = createTopology([MACHINE, MACHINE]);
  expect(topology.path(0, 1)).toMatchObject({ latencySeconds: 0.5, messageSeconds: 0.25 });
  expect(topology.path(0, 4)).toMatchObject({ latencySeconds: 2.5, messageSeconds: 0.25 });
  expect(topology.path(2, 2)).toEqual({ route: [], latencySeconds: 0, messageSeconds: 0 });
  expect(sendAll(topology, [[0, 4]], 30)).toBeCloseTo(10, 6);
});

test("both directions of a link of half duplex share its rate, of others each has it", () => {
  const both = (machine: Partial<MachineTopology>, from: number, to: number): number =>
    sendAll(
      createTopology([
        { ...MACHINE, ...machine },
        { ...MACHINE, ...machine },
      ]),
      [
        [from, to],
        [to, from],
      ],
      30,
    );
  expect(both({}, 0, 4)).toBeCloseTo(10, 6);
  expect(both({ networkDuplex: "half" }, 0, 4)).toBeCloseTo(20, 6);
  expect(both({}, 0, 1)).toBeCloseTo(1, 6);
  expect(both({ deviceDuplex: "half" }, 0, 1)).toBeCloseTo(2, 6);
  expect(both({ fabricBytesPerSecond: 300, deviceDuplex: "half" }, 0, 1)).toBeCloseTo(0.2, 6);
});

test("messages share what they both cross: a switch's uplink, the bridge, a machine's network", () => {
  const topology = createTopology([MACHINE, MACHINE]);
  // One alone takes 1 s; two from one switch halve the uplink; both directions meet on the bridge (40 for both).
  expect(sendAll(topology, [[0, 2]], 30)).toBeCloseTo(1, 6);
  expect(
    sendAll(
      topology,
      [
        [0, 2],
        [1, 3],
      ],
      30,
    ),
  ).toBeCloseTo(2, 6);
  expect(
    sendAll(
      topology,
      [
        [0, 2],
        [2, 0],
      ],
      30,
    ),
  ).toBeCloseTo(1.5, 6);
  expect(
    sendAll(
      topology,
      [
        [0, 4],
        [1, 5],
        [2, 6],
      ],
      3,
    ),
  ).toBeCloseTo(3, 6);
});

test("a ring all-reduce moves 2 (n - 1) / n of the bytes of each rank at the rate of the slowest link", () => {
  const fabric = createTopology([
    { ...MACHINE, fabricBytesPerSecond: 300, deviceLatencySeconds: 0, messageSeconds: 0 },
  ]);
  expect(collectiveSeconds(fabric, [0, 1, 2, 3], 1200, "all-reduce")).toBeCloseTo((2 * 3 * 300) / 300, 6);
  expect(collectiveSeconds(fabric, [0, 1, 2, 3], 1200, "all-gather")).toBeCloseTo((3 * 300) / 300, 6);
  expect(collectiveSeconds(fabric, [2], 1200, "all-reduce")).toBe(0);
});

test("a tree has fewer rounds than a ring, so small buffers are reduced sooner and large ones later", () => {
  const topology = createTopology([{ ...MACHINE, numDevices: 8, devicesPerSwitch: 8, fabricBytesPerSecond: 300 }]);
  const ranks = [0, 1, 2, 3, 4, 5, 6, 7];
  const seconds = (bytes: number, algorithm: "ring" | "tree"): number =>
    collectiveCost(topology, ranks, bytes, "all-reduce", algorithm).seconds;
  expect(seconds(1, "tree")).toBeLessThan(seconds(1, "ring"));
  const large = collectiveSeconds(topology, ranks, 1e6, "all-reduce");
  expect(large).toBeCloseTo(seconds(1e6, "ring") + (2 * 7 * 1e6) / 8 / 300, 3);
});

test("max-min rates fill no link beyond its rate, and nobody could get more without taking from a poorer flow", () => {
  const arbitrary = fc.record({
    rates: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
    routes: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 6,
    }),
  });
  fc.assert(
    fc.property(arbitrary, ({ rates, routes }) => {
      const used = routes.map((route) => [...new Set(route.map((link) => link % rates.length))]);
      const found = maxMinRates(used, rates);
      const load = rates.map((_, link) =>
        used.reduce((total, route, flow) => total + (route.includes(link) ? found[flow]! : 0), 0),
      );
      load.forEach((each, link) => {
        expect(each).toBeLessThanOrEqual(rates[link]! * (1 + 1e-9));
      });
      used.forEach((route, flow) => {
        const hasBottleneck = route.some(
          (link) =>
            load[link]! >= rates[link]! * (1 - 1e-9) &&
            used.every((other, index) => !other.includes(link) || found[index]! <= found[flow]! * (1 + 1e-9)),
        );
        expect(hasBottleneck).toBe(true);
      });
    }),
  );
});

test("more bandwidth on every link never makes independent messages later", () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 })), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(pairs, fc.integer({ min: 1, max: 3 }), (messages, factor) => {
      const faster = {
        ...MACHINE,
        slotBytesPerSecond: 30 * factor,
        uplinkBytesPerSecond: 30 * factor,
        bridgeBytesPerSecond: 40 * factor,
        networkBytesPerSecond: 3 * factor,
      };
      const before = sendAll(createTopology([MACHINE, MACHINE]), messages, 100);
      expect(sendAll(createTopology([faster, faster]), messages, 100)).toBeLessThanOrEqual(before + 1e-6);
    }),
    { numRuns: 50 },
  );
});
