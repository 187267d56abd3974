import { hostname } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import { askForFaults } from "../../../files/index.ts";
import { clusterFromList } from "../../../plan/cluster/listed-devices.ts";
import { type Cluster, linkSchema } from "../../../plan/documents/cluster.ts";
import { useEmulatedAddon } from "../../native/emulated-addon.ts";
import { adapterBytes, runSmall, type SmallResult, type SmallRun, smallCase, TWO_JOBS } from "../small-run.ts";
import { localRanks, machines, runOnRanks } from "./local-ranks.ts";

useEmulatedAddon();
afterEach(() => {
  vi.unstubAllEnvs();
  askForFaults(undefined);
});

const GIVEN = smallCase([...TWO_JOBS, { rank: 3, targets: ["up_proj", "o_proj"], steps: 5, microBatchSize: 1 }]);

const FROM_GPU_TO_GPU = "messages between m0 and m1, m2 and m3 go from GPU to GPU (emulated NCCL 1.0.0)";

type OnMachines = SmallRun & { readonly devices: Cluster };

/** Of a run, all but its times. */
function outcomeOf({ adapters, metrics, trace }: SmallResult) {
  const key = ({ job, step }: { readonly job: string; readonly step: number }): string => `${job} ${step}`;
  return {
    adapters: adapters.map(adapterBytes),
    metrics: metrics.map(({ seconds: _, ...row }) => row).sort((a, b) => key(a).localeCompare(key(b))),
    events: trace.events.map(({ action, stream }) => `${stream} ${action}`).sort(),
  };
}

/** Actions that began before what their device had sent last had arrived, on the clock of both machines. */
function tooEarly({ trace }: SmallResult, arrived: "receive" | "send"): readonly string[] {
  const ends = new Map(
    trace.events.flatMap(({ action, stream, startNs, durationNs }) =>
      stream === arrived ? [[action, startNs + durationNs]] : [],
    ),
  );
  const computed = trace.events.filter(({ stream }) => stream === "compute").sort((a, b) => a.startNs - b.startNs);
  const last = new Map<number, string>();
  return computed.flatMap(({ action, device, startNs }) => {
    const before = ends.get(last.get(device) ?? "") ?? 0;
    last.set(device, action);
    return startNs < before ? [action] : [];
  });
}

describe("a plan over several machines", () => {
  test("gives the bytes, metrics and events of one process", async () => {
    const far = await runOnRanks(GIVEN, { devices: machines([1, 1]) });
    const near = await runSmall(GIVEN, { devices: "cpu:0,cpu:1" });
    expect(outcomeOf(far)).toEqual(outcomeOf(near));
  }, 60_000);

  test.each([
    ["through the host's memory", "0", []],
    ["from GPU to GPU", "", [FROM_GPU_TO_GPU]],
  ])("gives the bytes of one process on GPUs, %s", { tags: ["slow"], timeout: 120_000 }, async (_, nccl, told) => {
    vi.stubEnv("LORATWIN_NCCL", nccl);
    const notes: string[] = [];
    const devices = machines([1, 1, 1, 1], "cuda");
    const far = await runOnRanks(GIVEN, { devices, pipelines: 2 }, (text) => notes.push(text));
    const near = await runSmall(GIVEN, { devices: "cuda:0#0,cuda:0#1,cuda:0#2,cuda:0#3", pipelines: 2 });
    expect(outcomeOf(far)).toEqual(outcomeOf(near));
    expect(notes).toEqual(told);
  });

  test("on GPUs ends with the error of a device, and frees who waits for its messages", async () => {
    vi.stubEnv("LORATWIN_NCCL", "");
    const devices = machines([1, 1, 1, 1], "cuda");
    const notes: string[] = [];
    const ranks = localRanks(GIVEN.model, devices.machines.length, (text) => notes.push(text));
    askForFaults("action:30:error");
    await expect(runSmall(GIVEN, { devices, pipelines: 2, hooks: { host: ranks.host } })).rejects.toThrow(
      "an error of an unknown kind",
    );
    await expect(ranks.end()).rejects.toThrow("Expected rank 0 to go on");
    expect(notes).toEqual([FROM_GPU_TO_GPU]);
  }, 60_000);

  test("gives the bytes of one process with messages that are rounded for the transfer, and half their bytes", async () => {
    const transferDtype = "bfloat16" as const;
    const { network, ...apart } = machines([1, 1]);
    const far = await runOnRanks(GIVEN, { devices: { ...apart, network: { ...network!, transferDtype } } });
    const [local] = clusterFromList("cpu:0,cpu:1").machines;
    const link = { ...linkSchema.parse({}), transferDtype };
    const near = await runSmall(GIVEN, { devices: { ...apart, machines: [{ ...local!, link }] } });
    expect(outcomeOf(far)).toEqual(outcomeOf(near));
    const bytesOf = ({ trace }: SmallResult) => trace.events.map(({ bytes = 0 }) => bytes).sort((a, b) => a - b);
    expect(bytesOf(far)).toEqual(bytesOf(near));
    const wide = await runOnRanks(GIVEN, { devices: machines([1, 1]) });
    expect(bytesOf(far)).toEqual(bytesOf(wide).map((bytes) => bytes / 2));
  }, 60_000);

  test("gives the bytes of one process where senders wait for arrivals, which none begins before", async () => {
    const transfers = "synchronous" as const;
    const { network, ...apart } = machines([1, 1]);
    const far = await runOnRanks(GIVEN, { devices: { ...apart, network: { ...network!, transfers } } });
    const [local] = clusterFromList("cpu:0,cpu:1").machines;
    const near = await runSmall(GIVEN, {
      devices: { ...apart, machines: [{ ...local!, link: { ...linkSchema.parse({}), transfers } }] },
    });
    const overlapped = await runOnRanks(GIVEN, { devices: machines([1, 1]) });
    expect(outcomeOf(far)).toEqual(outcomeOf(near));
    expect(far.adapters.map(adapterBytes)).toEqual(overlapped.adapters.map(adapterBytes));
    // Within a process the message is the sender's event alone.
    expect(tooEarly(far, "receive")).toEqual([]);
    expect(tooEarly(near, "send")).toEqual([]);
    expect(tooEarly(overlapped, "receive").length).toBeGreaterThan(0);
  }, 60_000);

  test("says which machines are of another kind", async () => {
    const notes: string[] = [];
    const devices = machines([1, 1, 1]);
    const ranks = localRanks(GIVEN.model, 3, (text) => notes.push(text), ["avx512", "avx2"]);
    await runSmall(GIVEN, { devices, hooks: { host: ranks.host } });
    await ranks.end();
    expect(notes).toEqual([
      `machine m2 (${hostname()}) has isa avx2 instead of avx512: adapters may differ in bytes from those of machines of one kind`,
    ]);
  }, 60_000);

  // What a rank was told of must not come back to rank 0 before the end that told it, which is a matter of microseconds.
  test("comes to its end time after time", { tags: ["slow"], timeout: 120_000 }, async () => {
    for (let run = 0; run < 30; run += 1) await runOnRanks(GIVEN, { devices: machines([2, 1]) });
  });

  // One process has no more devices than there are cores: stages of one machine are the reference here.
  test.each([
    ["three stages on as many machines, and on two", { devices: machines([1, 1, 1]) }, { devices: machines([2, 1]) }],
    [
      "two pipelines on four machines, and each on one",
      { devices: machines([1, 1, 1, 1]), pipelines: 2 },
      { devices: machines([2, 2]), pipelines: 2 },
    ],
  ] satisfies readonly (readonly [string, OnMachines, OnMachines])[])(
    "%s give the same",
    async (_, far, near) => {
      expect(outcomeOf(await runOnRanks(GIVEN, far))).toEqual(outcomeOf(await runOnRanks(GIVEN, near)));
    },
    60_000,
  );
});
