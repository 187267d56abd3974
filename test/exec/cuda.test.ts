// @module-tag slow
import { describe, expect, test } from "vitest";
import { DeviceError } from "../../core/index.ts";
import type { ExecuteResult } from "../../exec/index.ts";
import { createRuntime, gpuFreeBytes, nativeInfo } from "../../native/index.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { type Cluster, linkSchema } from "../../plan/documents/cluster.ts";
import { printed } from "../cli/run-cli.ts";
import { someOf } from "../level.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type CaseRun, planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";
import { dequantizedModel } from "./quantized-model.ts";
import { adapterBytes, planSmall, runSmall, SMALL, type SmallResult, smallCase, TWO_JOBS } from "./small-run.ts";

// The same addon has CPU devices and, over the emulation, four GPUs: nothing else in this file differs between the two.
useEmulatedAddon();

const minutes = (count: number) => count * 60_000;

describe.skipIf(!HAS_SHARED)("the PyTorch reference case on emulated GPUs, in float32", () => {
  const check = async (run: CaseRun): Promise<readonly string[]> => {
    const oracle = readOracleCase();
    const result = await runCase(oracle, planCase(oracle, run));
    oracle.jobs.forEach((job, i) => {
      const { history, adapter } = oracle.expected[i]!;
      const steps = result.metrics.filter((row) => row.job === job.name);
      expect(steps.length).toBe(history.length);
      steps.forEach((row, step) => {
        expect(Math.abs(row.loss / history[step]!.loss - 1)).toBeLessThan(1e-4);
        expect(Math.abs(row.gradNorm / history[step]!.grad_norm - 1)).toBeLessThan(1e-3);
        expect(row.tokens).toBe(history[step]!.tokens);
      });
      expect(relativeDistance(result.adapters[i]!, adapter)).toBeLessThan(1e-3);
    });
    return result.adapters.map(adapterBytes);
  };

  test("has the reference's losses, gradient norms and adapters on one", {
    tags: ["nightly"],
    timeout: minutes(5),
  }, async () => {
    await check({ devices: "cuda:0", groups: 1 });
  });

  test("has them on two, and the same bytes twice", { tags: ["nightly"], timeout: minutes(5) }, async () => {
    const run = { devices: "cuda:0,cuda:1", groups: "unfused" } as const;
    expect(await check(run)).toEqual(await check(run));
  });
});

/** Largest relative differences of losses, gradient norms and adapters. */
function differences(a: SmallResult, b: SmallResult) {
  const most = (pick: (row: SmallResult["metrics"][number]) => number): number =>
    Math.max(...a.metrics.map((row, i) => Math.abs(pick(row) / pick(b.metrics[i]!) - 1)));
  return {
    loss: most(({ loss }) => loss),
    gradNorm: most(({ gradNorm }) => gradNorm),
    adapter: Math.max(...a.adapters.map((adapter, i) => relativeDistance(adapter, b.adapters[i]!))),
  };
}

describe("a small model on emulated GPUs trains as on a CPU device", () => {
  test.each([
    { devices: "cuda:0", recompute: "none", groups: "auto" },
    { devices: "cuda:0#0,cuda:0#1", recompute: "layer", groups: "auto" },
    { devices: "cpu:0,cuda:0", recompute: "none", groups: "unfused" },
    { devices: "cuda:0,cpu:0", recompute: "none", groups: "unfused" },
    // Three stages: a layer is divided between the first two, another one between the last two.
    { devices: "cpu:0,cuda:0,cpu:1", recompute: "none", groups: "auto", cuts: [3, 5], recomputedLayers: [1, 1, 0] },
  ] as const)(
    "in float32: %o",
    async ({ devices, ...run }) => {
      // The first job has ranks of its own in a layer.
      const jobs = TWO_JOBS.map((job, index) =>
        index === 0 ? { ...job, rankPattern: { "layers.1.*": 7 }, dora: run.recompute === "layer" } : job,
      );
      const given = smallCase(jobs, "cuts" in run ? { ...SMALL, numLayers: 4 } : SMALL);
      const { recompute, groups } = run;
      const cpu = await runSmall(given, { devices: "cpu:0", recompute, groups });
      const gpu = await runSmall(given, { devices, ...run });
      const { loss, gradNorm, adapter } = differences(gpu, cpu);
      expect(loss).toBeLessThan(1e-5);
      expect(gradNorm).toBeLessThan(1e-4);
      expect(adapter).toBeLessThan(1e-4);
    },
    minutes(3),
  );

  // bfloat16 has 8 bits of precision: two orders of the same sums round activations apart in the third digit, which
  // AdamW, dividing by the gradient's size, carries into the adapters.
  test.each(["bfloat16"] as const)(
    "in %s, to what rounding allows, with the same bytes twice",
    async (dtype) => {
      const given = smallCase(TWO_JOBS);
      const cpu = await runSmall(given, { devices: "cpu:0", dtype });
      const gpu = await runSmall(given, { devices: "cuda:0,cuda:1", dtype });
      const { loss, gradNorm, adapter } = differences(gpu, cpu);
      expect(loss).toBeLessThan(3e-3);
      expect(gradNorm).toBeLessThan(5e-2);
      expect(adapter).toBeLessThan(5e-2);
      const again = await runSmall(given, { devices: "cuda:0,cuda:1", dtype });
      expect(again.adapters.map(adapterBytes)).toEqual(gpu.adapters.map(adapterBytes));
    },
    minutes(3),
  );

  test.each(someOf(["cuda:0,cuda:1", "cuda:0,cpu:0", "cpu:0,cuda:0"], { quick: 1, all: 1 }))(
    "in float32 with messages in bfloat16, to what rounding allows, with the same bytes twice: %s",
    async (names) => {
      const given = smallCase(TWO_JOBS);
      const between = (devices: string): Cluster => {
        const [machine] = clusterFromList(devices).machines;
        const link = { ...linkSchema.parse({}), transferDtype: "bfloat16" as const };
        return { kind: "cluster", version: 1, machines: [{ ...machine!, link }] };
      };
      const cpu = await runSmall(given, { devices: between("cpu:0,cpu:1") });
      const gpu = await runSmall(given, { devices: between(names) });
      const { loss, gradNorm, adapter } = differences(gpu, cpu);
      // Sums in another order round single elements of a message another way, by 2^-8 at most.
      expect(loss).toBeLessThan(1e-3);
      expect(gradNorm).toBeLessThan(1e-2);
      expect(adapter).toBeLessThan(1e-2);
      const again = await runSmall(given, { devices: between(names) });
      expect(again.adapters.map(adapterBytes)).toEqual(gpu.adapters.map(adapterBytes));
      gpu.statistics.forEach(({ memory }, stage) => {
        expect(memory.peakBytes).toBeLessThanOrEqual(gpu.plan.memory[stage]!.total);
      });
    },
    minutes(3),
  );

  test.each(someOf(["float32", "bfloat16", "int8"] as const, { quick: 1, all: 1 }))(
    "in the memory that is planned: %s",
    async (dtype) => {
      const { plan, statistics } = await runSmall(smallCase(TWO_JOBS), { devices: "cuda:0,cuda:1", dtype });
      statistics.forEach(({ memory }, stage) => {
        const { total, graphs } = plan.memory[stage]!;
        expect(graphs).toBeGreaterThan(0);
        expect(memory.peakBytes).toBeLessThanOrEqual(total);
        expect(memory.peakBytes / total).toBeGreaterThan(0.99);
      });
    },
    minutes(3),
  );
});

describe("pipelines on emulated GPUs", () => {
  const given = smallCase([...TWO_JOBS, { rank: 3, targets: ["up_proj"], steps: 2 }]);

  test("of two GPUs each train the bytes that each job trains on one pipeline", {
    tags: ["nightly"],
    timeout: minutes(3),
  }, async () => {
    const all = await runSmall(given, {
      devices: "cuda:0,cuda:1,cuda:2,cuda:3",
      pipelines: 2,
      groups: "unfused",
      dtype: "bfloat16",
    });
    const one = await runSmall(given, { devices: "cuda:0,cuda:1", groups: "unfused", dtype: "bfloat16" });
    expect(all.adapters.map(adapterBytes)).toEqual(one.adapters.map(adapterBytes));
  });

  test.each(["nf4", "bfloat16"] as const)(
    "of two shares of each GPU hold its weights once, and train the same bytes: %s",
    { tags: ["nightly"], timeout: minutes(3) },
    async (dtype) => {
      const devices = { shares: "cuda:0#0,cuda:1#0,cuda:0#1,cuda:1#1", whole: "cuda:0,cuda:1,cuda:2,cuda:3" } as const;
      const shared = await runSmall(given, { devices: devices.shares, pipelines: 2, groups: "unfused", dtype });
      const apart = await runSmall(given, { devices: devices.whole, pipelines: 2, groups: "unfused", dtype });
      expect(shared.adapters.map(adapterBytes)).toEqual(apart.adapters.map(adapterBytes));
      const planned = shared.plan.memory.map(({ weights }) => weights);
      expect(shared.statistics.map(({ memory }) => memory.weightsBytes)).toEqual(planned);
      expect(planned.slice(2)).toEqual([64, 64]);
      expect(apart.statistics.map(({ memory }) => memory.weightsBytes)).toEqual(
        apart.plan.memory.map(({ weights }) => weights),
      );
    },
  );
});

const FORMATS = someOf(["int8", "nf4"] as const, { quick: 1, all: 1 });

describe.each(FORMATS)("a model in %s on emulated GPUs", (dtype) => {
  const broken = smallCase(
    [
      { rank: 8, targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] },
      { rank: 3, targets: ["v_proj", "down_proj"] },
    ],
    // Widths of whole and of broken blocks.
    { ...SMALL, hiddenSize: 64, headDim: 16, intermediateSize: 104, qkvBias: true },
  );
  // Gate and up are 8200 columns, of which 8192 are dequantized at once.
  const wide = smallCase([{ rank: 2, steps: 1, batchSize: 1, microBatchSize: 1, length: 5 }], {
    ...SMALL,
    numLayers: 2,
    intermediateSize: 4100,
  });
  const lossesOf = (result: ExecuteResult): readonly number[] => result.metrics.map(({ loss }) => loss);

  const cases = [
    ["cuda:0", "broken blocks", broken],
    ["cuda:0,cuda:1", "broken blocks", broken],
    ["cuda:0", "more columns than one part", wide],
  ] as const;

  test.each(someOf(cases, { quick: 1, all: 1 }))(
    "trains what bfloat16 does on the weights that the format keeps, on %s: %s",
    async (devices, _, small) => {
      const quantized = await runSmall(small, { devices, groups: 1, dtype });
      const model = dequantizedModel(small.model, dtype);
      const kept = await runSmall({ ...small, model }, { devices, groups: 1, dtype: "bfloat16" });
      expect(lossesOf(quantized)).toEqual(lossesOf(kept));
      expect(quantized.adapters.map(adapterBytes)).toEqual(kept.adapters.map(adapterBytes));
      quantized.plan.memory.forEach((planned, stage) => {
        const { memory } = quantized.statistics[stage]!;
        expect(planned.weights).toBe(memory.weightsBytes);
        expect(planned.activations + planned.buffers + planned.workspace).toBe(memory.arenaBytes + memory.otherBytes);
      });
    },
    900_000,
  );
});

describe("what is free of an emulated GPU", () => {
  test("is what it has without the context and what devices hold, and more than a plan may take", () => {
    const { memoryBytes } = nativeInfo().cuda.devices[3]!;
    const free = gpuFreeBytes(3);
    expect(memoryBytes - free).toBe(64 * 2 ** 20);
    using runtime = createRuntime();
    const device = runtime.createDevice({ kind: "cuda", name: "cuda:3", index: 3 });
    device.reserveArena(2 ** 20);
    const { arenaBytes, otherBytes } = device.statistics().memory;
    expect(arenaBytes).toBe(2 ** 20);
    expect(gpuFreeBytes(3)).toBe(free - arenaBytes - otherBytes);
    const plan = planSmall(smallCase(TWO_JOBS), { devices: "cuda:2" });
    expect(plan.devices[0]!.memoryBytes).toBe(gpuFreeBytes(2) - 256 * 2 ** 20);
  });

  test("is told beside all that it has", async () => {
    const shown = await printed(["devices"], ".");
    expect(shown).toContain("cuda:1: emulated GPU, 1.00 GiB, 960.00 MiB free, compute capability 8.0");
    const { gpus } = JSON.parse(await printed(["devices", "--json"], ".")) as { gpus: readonly unknown[] };
    expect(gpus[1]).toMatchObject({ device: "cuda:1", memoryBytes: 2 ** 30, freeBytes: 960 * 2 ** 20 });
  });

  test("is not told of one that is not there", () => {
    expect(() => gpuFreeBytes(4)).toThrow('Expected a GPU of index 4 at cuda:4, got "4 GPUs"');
  });
});

describe("an emulated GPU refuses", () => {
  test("an index that is not there", () => {
    using runtime = createRuntime();
    expect(() => runtime.createDevice({ kind: "cuda", name: "cuda:9", index: 9 })).toThrow(
      'Expected a GPU of index 9 at cuda:9, got "4 GPUs"',
    );
  });

  test("more memory than it has, saying what it holds", () => {
    using runtime = createRuntime();
    const device = runtime.createDevice({ kind: "cuda", name: "cuda:0", index: 0 });
    device.loadVector(new Float32Array(1024));
    const refusal = (): void => device.reserveArena(2 ** 31);
    expect(refusal).toThrow(DeviceError);
    expect(refusal).toThrow(
      /Expected 2147483648 bytes more of GPU memory at cuda:0, got "\d+ bytes free; it holds 4096 of weights/,
    );
  });

  test("token ids beyond the table, with the operator", () => {
    using runtime = createRuntime();
    const device = runtime.createDevice({ kind: "cuda", name: "cuda:0", index: 0 });
    const table = device.loadTable({ rows: 4, columns: 8, data: new Float32Array(32) });
    const program = device.createProgram([{ op: "embed", table, out: { space: "work", offset: 0 }, hidden: 8 }]);
    device.reserveArena(1024);
    const bindings = {
      rows: 1,
      ids: Int32Array.of(4),
      sequences: Int32Array.of(0, 1),
      segments: [],
      stash: 0,
      work: 0,
      in: 0,
      out: 0,
    };
    expect(() => device.enqueueRun({ id: 0, program, bindings, waits: [] })).toThrow(
      'Expected token ids below 4 at operators[0] (embed).ids, got "4"',
    );
  });
});
