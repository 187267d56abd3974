// @module-tag slow
import { afterEach, describe, expect, test } from "vitest";
import type { ExecuteResult } from "../../exec/index.ts";
import { createRuntime, type Device, type DeviceStatistics } from "../../native/index.ts";
import { launchesOf } from "../../plan/memory/graph-room.ts";
import { someOf } from "../level.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type OracleCase, planCase, readOracleCase, runCase } from "./oracle-case.ts";
import { adapterBytes, runSmall, SMALL, type SmallJob, smallCase, TWO_JOBS } from "./small-run.ts";

useEmulatedAddon();

afterEach(() => {
  delete process.env["LORATWIN_CUDA_GRAPHS"];
  delete process.env["LORATWIN_EMULATED_GRAPHS"];
});

const minutes = (count: number) => count * 60_000;

function withGraphs<T>(mode: string, run: () => Promise<T>): Promise<T> {
  process.env["LORATWIN_CUDA_GRAPHS"] = mode;
  return run();
}

/** Everything that training leaves but its times. */
function outcome({ adapters, metrics }: ExecuteResult) {
  return {
    adapters: adapters.map(adapterBytes),
    metrics: metrics.map(({ job, step, loss, gradNorm }) => ({ job, step, loss, gradNorm })),
  };
}

type Graphs = DeviceStatistics["graphs"];
const countsOf = ({ captured, launched, kept, refused }: Graphs) => ({ captured, launched, kept, refused });
const graphsOf = ({ statistics }: ExecuteResult) => statistics.map(({ graphs }) => countsOf(graphs));
const NONE = { captured: 0, launched: 0, kept: 0, refused: 0 };

/** The case's first steps, over and over: what comes again can become a graph. */
function repeated(oracle: OracleCase, steps: number, times: number): OracleCase {
  return {
    ...oracle,
    jobs: oracle.jobs.map((job) => ({ ...job, steps: steps * times })),
    data: oracle.data.map((rows, i) => {
      const first = rows.slice(0, steps * oracle.jobs[i]!.batchSize);
      return Array.from({ length: times }, () => first).flat();
    }),
  };
}

test.runIf(HAS_SHARED)(
  "the PyTorch reference case gives the same bytes with graphs and without",
  { tags: ["nightly"], timeout: minutes(5) },
  async () => {
    const oracle = repeated(readOracleCase(), 1, 3);
    const plan = planCase(oracle, { devices: "cuda:0", groups: 1 });
    const plain = await withGraphs("off", () => runCase(oracle, plan));
    const graphed = await withGraphs("on", () => runCase(oracle, plan));
    expect(outcome(graphed)).toEqual(outcome(plain));
    expect(graphsOf(plain)).toEqual([NONE]);
    // Two micro-batches a step, forward and backward, are captured in the second step and launched from then on.
    expect(plan.microBatches.length).toBe(6);
    expect(graphsOf(graphed)).toEqual([{ captured: 4, launched: 8, kept: 4, refused: 0 }]);
  },
);

const EQUAL: readonly SmallJob[] = TWO_JOBS.map((job) => ({ ...job, steps: 5, spread: 1 }));

describe("on emulated GPUs", () => {
  const runs = [
    { devices: "cuda:0", dtype: "float32", recompute: "none" },
    { devices: "cuda:0,cuda:1", dtype: "bfloat16", recompute: "layer" },
    { devices: "cuda:0#0,cuda:0#1", dtype: "nf4", recompute: "none" },
    { devices: "cpu:0,cuda:0", dtype: "bfloat16", recompute: "none" },
  ] as const;

  test.each(someOf(runs, { quick: 1, all: 1 }))(
    "graphs change no byte: %o",
    async (run) => {
      const given = smallCase(EQUAL);
      const plain = await withGraphs("off", () => runSmall(given, run));
      const graphed = await withGraphs("on", () => runSmall(given, run));
      expect(outcome(graphed)).toEqual(outcome(plain));
      graphed.plan.stages.forEach(({ device }, stage) => {
        const { captured, launched, kept, refused } = graphed.statistics[stage]!.graphs;
        expect(refused).toBe(0);
        expect(kept).toBe(captured);
        const isCpu = graphed.plan.devices[device]!.kind === "cpu";
        if (isCpu) expect(launched).toBe(0);
        else expect(launched).toBeGreaterThan(2 * captured);
      });
    },
    minutes(3),
  );

  test(
    "actions become graphs by themselves where giving their launches takes as long as doing them",
    async () => {
      // Reports may be some actions behind, so a graph can take a few steps to come.
      const given = smallCase(EQUAL.map((job) => ({ ...job, steps: 15 })));
      const plain = await withGraphs("off", () => runSmall(given, { devices: "cuda:0" }));
      const automatic = await withGraphs("", () => runSmall(given, { devices: "cuda:0" }));
      expect(outcome(automatic)).toEqual(outcome(plain));
      expect(graphsOf(automatic)[0]!.launched).toBeGreaterThan(0);
    },
    minutes(3),
  );

  test(
    "micro-batches of other lengths are not taken for those that a graph is of",
    async () => {
      // Lengths 20, 21 and 22: layouts come in turn.
      const given = smallCase([{ rank: 4, steps: 9, batchSize: 2, microBatchSize: 1, spread: 3 }]);
      const plain = await withGraphs("off", () => runSmall(given, { devices: "cuda:0" }));
      const graphed = await withGraphs("on", () => runSmall(given, { devices: "cuda:0" }));
      expect(outcome(graphed)).toEqual(outcome(plain));
      const lengths = new Set(given.data[0]!.map(({ inputIds }) => inputIds.length));
      expect(lengths.size).toBe(3);
      const { captured, launched } = graphsOf(graphed)[0]!;
      expect(captured).toBeGreaterThanOrEqual(2 * lengths.size);
      expect(launched).toBeGreaterThan(captured);
    },
    minutes(3),
  );

  test(
    "with layouts that never come again nothing is captured",
    async () => {
      const given = smallCase([{ rank: 4, steps: 4, batchSize: 1, microBatchSize: 1 }]);
      const result = await withGraphs("on", () => runSmall(given, { devices: "cuda:0" }));
      expect(graphsOf(result)).toEqual([NONE]);
    },
    minutes(3),
  );

  test(
    "what cannot be captured is launched one by one, and not tried twice",
    async () => {
      process.env["LORATWIN_EMULATED_GRAPHS"] = "10";
      const given = smallCase(EQUAL);
      const plain = await withGraphs("off", () => runSmall(given, { devices: "cuda:0" }));
      const refused = await withGraphs("on", () => runSmall(given, { devices: "cuda:0" }));
      expect(outcome(refused)).toEqual(outcome(plain));
      const [counts] = graphsOf(refused);
      expect(counts).toEqual({ ...NONE, refused: expect.any(Number) });
      expect(counts!.refused).toBeGreaterThan(0);
      expect(counts!.refused).toBeLessThan(refused.plan.microBatches.length);
    },
    minutes(3),
  );

  test(
    "a profile has the time of every operator, without graphs",
    async () => {
      process.env["LORATWIN_CUDA_GRAPHS"] = "on";
      const { device, runs } = copier({ profile: true });
      await runs([1, 1, 1, 1]);
      expect(countsOf(device.statistics().graphs)).toEqual(NONE);
    },
    minutes(1),
  );

  test("another value of LORATWIN_CUDA_GRAPHS is refused", () => {
    process.env["LORATWIN_CUDA_GRAPHS"] = "yes";
    using runtime = createRuntime();
    expect(() => runtime.createDevice({ kind: "cuda", name: "cuda:0", index: 0 })).toThrow(
      'Expected on, off, auto at LORATWIN_CUDA_GRAPHS, got "yes"',
    );
  });
});

/** A device whose program copies rows; each run has as many rows as its number says. */
function copier({ profile = false, graphRoomBytes = 2 ** 20 } = {}) {
  const runtime = createRuntime();
  const device: Device = runtime.createDevice({ kind: "cuda", name: "cuda:0", index: 0, graphRoomBytes });
  const program = device.createProgram([
    { op: "copy", x: { space: "in", offset: 0 }, y: { space: "out", offset: 0 }, columns: 1 },
  ]);
  device.reserveArena(4096);
  let id = 0;
  return {
    device,
    async runs(rows: readonly number[]) {
      for (const count of rows) {
        const bindings = {
          rows: count,
          sequences: Int32Array.of(0, count),
          segments: [],
          stash: 0,
          work: 0,
          in: 0,
          out: 2048,
          profile,
        };
        device.enqueueRun({ id: id++, program, bindings, waits: [] });
        await runtime.idle();
      }
      return countsOf(device.statistics().graphs);
    },
  };
}

describe("what is planned for graphs", () => {
  const targets = TWO_JOBS[0]!.targets!;
  const one: SmallJob = { rank: 4, steps: 5, batchSize: 2, microBatchSize: 2, spread: 1 };

  test.each([
    ["float32, attention alone", { devices: "cuda:0" }, smallCase([one])],
    [
      "bfloat16, all projections, recomputed on two GPUs",
      { devices: "cuda:0,cuda:1", dtype: "bfloat16", recompute: "layer" },
      smallCase([{ ...one, targets }]),
    ],
    [
      "two projections, one layer in two GPUs, with biases",
      { devices: "cuda:0,cuda:1", dtype: "bfloat16", cuts: [3] },
      smallCase([{ ...one, targets: ["k_proj", "gate_proj"] }], { ...SMALL, qkvBias: true }),
    ],
    [
      "nf4, gate and up in two parts",
      { devices: "cuda:0", dtype: "nf4" },
      smallCase([{ ...one, length: 6, targets }], { ...SMALL, numLayers: 2, intermediateSize: 4100 }),
    ],
    [
      "bfloat16, magnitudes, recomputed on two GPUs",
      { devices: "cuda:0,cuda:1", dtype: "bfloat16", recompute: "layer" },
      smallCase([{ ...one, targets, dora: true }], { ...SMALL, outputBias: true, qkvBias: true }),
    ],
    [
      "nf4, magnitudes on one of a group",
      { devices: "cuda:0", dtype: "nf4" },
      smallCase([{ ...one, targets: ["k_proj", "up_proj"], dora: true }]),
    ],
    [
      "magnitudes between norms",
      { devices: "cuda:0" },
      smallCase([{ ...one, targets, dora: true }], {
        ...{ ...SMALL, norms: "both", layerNames: { attentionOutNorm: "attention_out", mlpOutNorm: "mlp_out" } },
      }),
    ],
  ] as const)(
    "has as many launches as a graph has nodes: %s",
    async (_, run, given) => {
      const { plan, statistics } = await withGraphs("on", () => runSmall(given, run));
      statistics.forEach(({ graphs, memory }, stage) => {
        const { F, B } = launchesOf(plan, stage);
        expect(graphs.kept).toBeGreaterThan(0);
        expect(graphs.kept % 2).toBe(0);
        expect(graphs.nodes).toBe((graphs.kept / 2) * (F + B));
        expect(memory.peakBytes).toBe(plan.memory[stage]!.total);
      });
    },
    minutes(3),
  );

  test("is what the driver takes when it is told, not when a graph is launched first", async () => {
    process.env["LORATWIN_CUDA_GRAPHS"] = "on";
    // The emulated driver takes 1 KiB for each node, and a graph of one copy has one.
    const { device, runs } = copier({ graphRoomBytes: 1023 });
    expect(await runs([1, 1, 1])).toEqual({ captured: 1, launched: 1, kept: 0, refused: 1 });
    expect(device.statistics().graphs).toMatchObject({ nodes: 0, bytes: 0 });
    const roomy = copier({ graphRoomBytes: 1024 });
    expect(await roomy.runs([1, 1, 1])).toEqual({ captured: 1, launched: 2, kept: 1, refused: 0 });
    expect(roomy.device.statistics().graphs).toMatchObject({ nodes: 1, bytes: 1024 });
  });

  test("is nothing to capture into where the plan has no room", async () => {
    process.env["LORATWIN_CUDA_GRAPHS"] = "on";
    const { runs } = copier({ graphRoomBytes: 0 });
    expect(await runs([1, 1, 1])).toEqual(NONE);
  });
});

describe("a device keeps", () => {
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

  test("64 graphs, and does not throw out what is in use", async () => {
    process.env["LORATWIN_CUDA_GRAPHS"] = "on";
    const { runs } = copier();
    const cycle = range(1, 100);
    // Seen, captured as far as there is room, launched: 64 of 100 in every turn.
    expect(await runs([...cycle, ...cycle])).toEqual({ captured: 64, launched: 64, kept: 64, refused: 0 });
    expect(await runs(cycle)).toEqual({ captured: 64, launched: 128, kept: 64, refused: 0 });
  });

  test("those in use when others have been idle for 256 runs", async () => {
    process.env["LORATWIN_CUDA_GRAPHS"] = "on";
    const { runs } = copier();
    const old = range(1, 64);
    await runs([...old, ...old]);
    const fresh = range(201, 8);
    const turns = Array.from({ length: 50 }, () => fresh).flat();
    const { captured, kept, launched } = await runs(turns);
    expect({ captured, kept }).toEqual({ captured: 72, kept: 64 });
    expect(launched).toBeGreaterThan(64 + 8 * 10);
  });
});
