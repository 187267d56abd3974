import { expect, it } from "vitest";
import { DeviceError, InputError } from "../../core/index.ts";
import { assignDevices, nativeInfo, simulatedOnly } from "../../exec/index.ts";
import type { PlanBody, ResolvedDevice, ResolvedLink } from "../../plan/index.ts";

const CPU: ResolvedDevice = {
  name: "cpu:0",
  machine: "local",
  kind: "cpu",
  type: "cpu",
  threads: 1,
  memoryBytes: 2 ** 30,
  peakFlopsPerSecond: null,
  memoryBytesPerSecond: null,
};
const LINK: ResolvedLink = { id: "a-b", type: "host", shared: false, bandwidthBytesPerSecond: null, latencySeconds: 0 };
const NOTHING = { weights: 0, adapters: 0, optimizer: 0, activations: 0, buffers: 0, workspace: 0 };

type Asked = Pick<PlanBody, "devices" | "links" | "stages" | "memory">;

function plan(devices: readonly Partial<ResolvedDevice>[], link: Partial<ResolvedLink> = {}, total = 1): Asked {
  return {
    devices: devices.map((device) => ({ ...CPU, ...device })),
    links: devices.slice(1).map(() => ({ ...LINK, ...link })),
    stages: devices.map((_, device) => ({
      index: device,
      device,
      firstLayer: device,
      endLayer: device + 1,
      embedding: device === 0,
      head: device === devices.length - 1,
      recomputedLayers: 0,
    })),
    memory: devices.map(() => ({ ...NOTHING, total })),
  };
}

it("a CPU device runs on the core that its name says", () => {
  const { cores } = nativeInfo();
  const last = cores.length - 1;
  expect(assignDevices(plan([{ name: `cpu:${last}` }]))).toEqual([{ name: `cpu:${last}`, cores: [cores[last]] }]);
});

it.each([
  [
    "another machine",
    plan([{}, { name: "b0", machine: "other" }]),
    DeviceError,
    /this one, which a cluster file calls local, at b0, got "machine other"/,
  ],
  [
    "a CPU of the catalog",
    plan([{ type: "Xeon 8480" }]),
    DeviceError,
    /this machine's CPU \(type cpu\) at cpu:0, got "Xeon 8480"/,
  ],
  [
    "an abstract device",
    plan([{ kind: "abstract", type: "unit" }]),
    DeviceError,
    /a CPU or CUDA device at cpu:0, got "unit"/,
  ],
  [
    "a GPU of another name",
    plan([{ name: "a0", kind: "cuda", type: "RTX A6000" }]),
    DeviceError,
    /a GPU named cuda:0.* at a0, got "RTX A6000"/,
  ],
  [
    "a GPU that is not there",
    plan([{ name: "cuda:99", kind: "cuda", type: "cuda" }]),
    DeviceError,
    /a CUDA device at cuda:99, got/,
  ],
  ["a core that is not there", plan([{ name: "cpu:4096" }]), DeviceError, /core.* of this machine.*, got "cpu:4096"/],
  [
    "blocking transfers",
    plan([{}, { name: "b" }], { transfers: "blocking" }),
    InputError,
    /transfers that do not block their receiver between cpu:0 and b, got "blocking"/,
  ],
  [
    "more memory than there is",
    plan([{}], {}, 2 ** 50),
    DeviceError,
    /fits into this machine's memory \(.*\), got "1024.00 TiB"/,
  ],
])("%s is refused, with what runs", (_, asked, kind, says) => {
  expect(() => assignDevices(asked)).toThrow(kind);
  expect(() => assignDevices(asked)).toThrow(says);
  expect(() => assignDevices(asked)).toThrow(/\nHint: /);
});

it("what is said of links decides predictions only, and that is said of links of which something was", () => {
  expect(simulatedOnly(plan([{}, { name: "b" }]))).toEqual([]);
  for (const said of [
    { shared: true },
    { latencySeconds: 1e-5 },
    { bandwidthBytesPerSecond: 1e9 },
    { type: "nvlink4" },
  ])
    expect(simulatedOnly(plan([{}, { name: "b" }], said))).toEqual([
      expect.stringMatching(/links \(a-b\) decides predicted times only/),
    ]);
});
