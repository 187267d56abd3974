import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { DeviceError, InputError } from "../../core/index.ts";
import { optionsOfDevices } from "../../exec/assign-devices.ts";
import { assignDevices, simulatedOnly } from "../../exec/index.ts";
import { buildFile, claimCore } from "../../native/index.ts";
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

/** Cores 4 to 7, of which others have some. */
const coresBeside = (taken: readonly number[]) => ({
  present: () => [4, 5, 6, 7],
  claim: (core: number) => !taken.includes(core),
});

it.each([
  ["on the cores that their names say", [], [5, 4]],
  ["on others where another process has those", [5], [6, 4]],
  ["on those all the same where all are taken", [4, 5, 6, 7], [5, 4]],
  ["on the one that is left", [4, 5, 6], [7, 4]],
] as const)("CPU devices run %s", (_, taken, cores) => {
  const { devices } = plan([{ name: "cpu:1" }, { name: "cpu:0" }]);
  expect(optionsOfDevices(devices, coresBeside(taken))).toEqual([
    { name: "cpu:1", cores: [cores[0]] },
    { name: "cpu:0", cores: [cores[1]] },
  ]);
});

it("a core is one process's until that ends", () => {
  // Beyond any machine's.
  const core = 100_000 + process.pid;
  const addon = buildFile("loratwin.node");
  const claimed = () =>
    spawnSync(process.execPath, ["-p", `require(${JSON.stringify(addon)}).claimCore(${core})`], { encoding: "utf8" });
  expect(claimed().stdout).toBe("true\n");
  expect([claimCore(core), claimCore(core)]).toEqual([true, true]);
  expect(claimed().stdout).toBe("false\n");
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
