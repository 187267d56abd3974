import { describe, expect, test } from "vitest";
import { CATALOG, type Cluster, clusterFromList, type HostFacts, resolveDevices } from "../../plan/index.ts";

const MIB = 2 ** 20;

function memoryOf(cluster: Cluster | string, free: number) {
  const asked: number[] = [];
  const host: HostFacts = {
    memoryBytes: 1,
    cores: () => 1,
    cuda: () => ({ reason: "", devices: [{ name: "NVIDIA H100 80GB HBM3" }, { name: "NVIDIA H100 80GB HBM3" }] }),
    gpuFreeBytes: (index) => {
      asked.push(index);
      return free;
    },
  };
  const devices = resolveDevices(typeof cluster === "string" ? clusterFromList(cluster) : cluster, CATALOG, host);
  return { memory: devices.map(({ memoryBytes }) => memoryBytes), asked };
}

describe("a plan for this machine's GPUs", () => {
  test("may take what is free, but for what is loaded when it is needed, in whole steps", () => {
    expect(memoryOf("cuda:1", 1024 * MIB)).toEqual({ memory: [768 * MIB], asked: [1] });
    expect(memoryOf("cuda:0", 1024 * MIB + 63 * MIB).memory).toEqual([768 * MIB]);
    expect(memoryOf("cuda:0", 1024 * MIB + 64 * MIB).memory).toEqual([832 * MIB]);
  });

  test("divides it among the devices of one GPU", () => {
    const { memory } = memoryOf("cuda:0#0,cuda:0#1,cuda:1", 1024 * MIB);
    expect(memory).toEqual([384 * MIB, 384 * MIB, 768 * MIB]);
  });

  test("does not ask, and makes no context, where the cluster says it", () => {
    const devices = [{ name: "cuda:0", type: "cuda", memoryBytes: 5 }];
    const cluster: Cluster = { kind: "cluster", version: 1, machines: [{ name: "local", devices }] };
    expect(memoryOf(cluster, 1024 * MIB)).toEqual({ memory: [5], asked: [] });
  });

  test("is refused on a GPU that other programs fill", () => {
    expect(() => memoryOf("cuda:0", 300 * MIB)).toThrow(
      'Expected more than 256.00 MiB free on a GPU to plan for at cuda:0, got "300.00 MiB"',
    );
  });
});
