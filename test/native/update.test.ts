import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createRuntime, type Device, nativeInfo, type Runtime } from "../../native/index.ts";
import { SHARED } from "../shared-folder.ts";
import { useEmulatedAddon } from "./emulated-addon.ts";
import { normals } from "./tiny-llama.ts";

const [hidden, rank] = [10, 3];
const count = 2 * hidden * rank;
const hyper = { learningRate: 1e-2, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 };

useEmulatedAddon();

let runtime: Runtime;
afterEach(() => {
  runtime[Symbol.dispose]();
});

// PyTorch's AdamW after clip_grad_norm_, in float64.
function referenceSteps(
  start: ArrayLike<number>,
  gradients: readonly Float32Array[],
  maxGradNorm: number,
): Float64Array {
  const p = Float64Array.from(start);
  const m = new Float64Array(count);
  const v = new Float64Array(count);
  gradients.forEach((gradient, index) => {
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    const clip = maxGradNorm === 0 ? 1 : Math.min(1, maxGradNorm / (norm + 1e-6));
    const step = index + 1;
    gradient.forEach((raw, i) => {
      const g = raw * clip;
      p[i]! *= 1 - hyper.learningRate * hyper.weightDecay;
      m[i] = hyper.beta1 * m[i]! + (1 - hyper.beta1) * g;
      v[i] = hyper.beta2 * v[i]! + (1 - hyper.beta2) * g * g;
      const mean = m[i]! / (1 - hyper.beta1 ** step);
      p[i]! -= (hyper.learningRate * mean) / (Math.sqrt(v[i]! / (1 - hyper.beta2 ** step)) + hyper.eps);
    });
  });
  return p;
}

function createDevice(kind: "cpu" | "cuda"): Device {
  runtime = createRuntime();
  return kind === "cpu"
    ? runtime.createDevice({ name: "cpu:0", cores: nativeInfo().cores.slice(0, 1) })
    : runtime.createDevice({ kind, name: "cuda:0", index: 0 });
}

function createAdapter(device: Device): number {
  return device.createAdapter([{ target: 5, rank, inFeatures: hidden, outFeatures: hidden, scale: 1 }]);
}

/** A run without operators: it only takes sums of squares. */
function takeSums(
  device: Device,
  id: number,
  sumSquares: readonly { readonly adapter: number; readonly cell: number }[],
): void {
  const places = { stash: 0, work: 0, in: 0, out: 0 };
  const bindings = { rows: 1, sequences: Int32Array.of(0, 1), segments: [], sumSquares, ...places };
  device.enqueueRun({ id, program: device.createProgram([]), bindings, waits: [] });
}

const KINDS = [
  { kind: "cpu", stages: 1 },
  { kind: "cpu", stages: 2 },
  { kind: "cuda", stages: 1 },
  { kind: "cuda", stages: 2 },
] as const;

test.each(KINDS.flatMap((each) => [0, 0.5, 1e6].map((maxGradNorm) => ({ ...each, maxGradNorm }))))(
  "steps as PyTorch's AdamW does, with the gradient norm clipped: %o (0 = off)",
  async ({ kind, stages, maxGradNorm }) => {
    const device = createDevice(kind);
    const adapter = createAdapter(device);
    const start = normals("start", count, 1);
    const gradients = ["g1", "g2", "g3"].map((seed, index) => normals(seed, count, 10 ** -index));
    device.writeAdapter(adapter, "parameters", start);
    const cell = runtime.createNormCells(2);
    // The second cell stays 0, as that of a stage without this adapter.
    const normCells = [cell, cell + 1].slice(0, stages);
    for (const [index, gradient] of gradients.entries()) {
      device.writeAdapter(adapter, "gradients", gradient);
      takeSums(device, 2 * index, [{ adapter, cell }]);
      const items = [{ adapter, step: index + 1, ...hyper, maxGradNorm, normCells }];
      device.enqueueUpdate({ id: 2 * index + 1, items, waits: [] });
      await runtime.idle();
      expect(device.readAdapter(adapter, "gradients").every((value) => value === 0)).toBe(true);
    }
    const expected = referenceSteps(start, gradients, maxGradNorm);
    const got = device.readAdapter(adapter, "parameters");
    got.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6);
    });
    const waits = kind === "cuda" && stages > 1 && maxGradNorm > 0;
    expect(device.statistics().hostWaits).toBe(waits ? gradients.length : 0);
  },
);

/** Steps of PyTorch's AdamW on two tensors with given gradients, the numbers of each step with it. */
interface KnownSteps {
  readonly max_grad_norm: number | null;
  readonly steps: readonly {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly grads: { readonly a: readonly (readonly number[])[]; readonly b: readonly number[] };
    readonly norm_before_clip: number;
    readonly after: { readonly a: readonly (readonly number[])[]; readonly b: readonly number[] };
  }[];
}
const KNOWN = path.join(SHARED, "oracle/variants/optimizers.json");
const CASES = ["adamw", "adamw_clip", "adamw_changing_numbers"] as const;

describe.skipIf(!existsSync(KNOWN)).each(["cpu", "cuda"] as const)("on %s", (kind) => {
  test.each(CASES)("after each step the parameters are PyTorch's: %s", async (name) => {
    const { start, cases } = JSON.parse(readFileSync(KNOWN, "utf8")) as {
      readonly start: KnownSteps["steps"][number]["after"];
      readonly cases: Readonly<Record<string, KnownSteps>>;
    };
    const { max_grad_norm: most, steps } = cases[name]!;
    const flat = ({ a, b }: typeof start): Float32Array => Float32Array.from([...a.flat(), ...b]);
    const device = createDevice(kind);
    const { length } = start.b;
    const inFeatures = flat(start).length - length;
    const adapter = device.createAdapter([{ target: 0, rank: 1, inFeatures, outFeatures: length, scale: 1 }]);
    device.writeAdapter(adapter, "parameters", flat(start));
    const cell = runtime.createNormCells(1);
    for (const [index, { lr, betas, eps, weight_decay: weightDecay, grads, ...known }] of steps.entries()) {
      device.writeAdapter(adapter, "gradients", flat(grads));
      takeSums(device, 2 * index, [{ adapter, cell }]);
      const numbers = { learningRate: lr, beta1: betas[0], beta2: betas[1], eps, weightDecay };
      const items = [{ adapter, step: index + 1, ...numbers, maxGradNorm: most ?? 0, normCells: [cell] }];
      device.enqueueUpdate({ id: 2 * index + 1, items, waits: [] });
      await runtime.idle();
      const expected = flat(known.after);
      for (const [i, value] of device.readAdapter(adapter, "parameters").entries())
        expect(Math.abs(value - expected[i]!)).toBeLessThan(2.4e-7 * Math.max(1, Math.abs(expected[i]!)));
    }
  });
});

test.each(["cpu", "cuda"] as const)(
  "steps B at a learning rate of its own, clipped by the norm of both: %s",
  async (kind) => {
    const device = createDevice(kind);
    const sizes = [
      { target: 1, rank, inFeatures: hidden, outFeatures: 7, scale: 1 },
      { target: 4, rank: 5, inFeatures: 1000, outFeatures: 9, scale: 1 },
    ];
    const length = sizes.reduce((sum, own) => sum + own.rank * (own.inFeatures + own.outFeatures), 0);
    const isB = sizes.flatMap((own) => [
      ...Array.from({ length: own.rank * own.inFeatures }, () => false),
      ...Array.from({ length: own.rank * own.outFeatures }, () => true),
    ]);
    let id = 0;
    const stepped = async (learningRate: number, learningRateB: number | undefined): Promise<Float32Array> => {
      const adapter = device.createAdapter(sizes);
      device.writeAdapter(adapter, "parameters", normals("start", length, 1));
      const cell = runtime.createNormCells(1);
      for (const step of [1, 2]) {
        device.writeAdapter(adapter, "gradients", normals(`gradients ${step}`, length, 1));
        takeSums(device, id++, [{ adapter, cell }]);
        const items = [{ adapter, step, ...hyper, learningRate, learningRateB, maxGradNorm: 0.5, normCells: [cell] }];
        device.enqueueUpdate({ id: id++, items, waits: [] });
        await runtime.idle();
      }
      expect(device.readAdapter(adapter, "gradients").every((value) => value === 0)).toBe(true);
      return device.readAdapter(adapter, "parameters");
    };
    const [low, high, both] = [await stepped(0.01, undefined), await stepped(0.16, 0.16), await stepped(0.01, 0.16)];
    expect(both).toEqual(low.map((value, i) => (isB[i] === true ? high[i]! : value)));
  },
);

test("refuses clipping without norm cells, which would not clip", () => {
  const device = createDevice("cpu");
  const items = [{ adapter: createAdapter(device), step: 1, ...hyper, maxGradNorm: 1, normCells: [] }];
  expect(() => device.enqueueUpdate({ id: 1, items, waits: [] })).toThrow(/norm cell at items\[0\].normCells/);
});

describe("on a GPU", () => {
  test("one update steps adapters that clip by the GPU's norm, by the host's, and not at all, to the same bytes", async () => {
    const device = createDevice("cuda");
    let id = 0;
    const stepped = async (norms: readonly ("own" | "host" | "off")[]): Promise<readonly Float32Array[]> => {
      const adapters = norms.map(() => createAdapter(device));
      const cells = runtime.createNormCells(2 * adapters.length);
      adapters.forEach((adapter, i) => {
        device.writeAdapter(adapter, "parameters", normals(`start ${i}`, count, 1));
        device.writeAdapter(adapter, "gradients", normals(`gradients ${i}`, count, 1));
      });
      takeSums(
        device,
        id++,
        adapters.map((adapter, i) => ({ adapter, cell: cells + 2 * i })),
      );
      const items = norms.map((norm, i) => ({
        adapter: adapters[i]!,
        step: 1,
        ...hyper,
        eps: 1,
        maxGradNorm: norm === "off" ? 0 : 0.5 + i,
        normCells: norm === "host" ? [cells + 2 * i, cells + 2 * i + 1] : [cells + 2 * i],
      }));
      device.enqueueUpdate({ id: id++, items, waits: [] });
      await runtime.idle();
      return adapters.map((adapter) => device.readAdapter(adapter, "parameters"));
    };
    const mixed = await stepped(["host", "own", "off", "host", "own"]);
    expect(device.statistics().hostWaits).toBe(1);
    expect(mixed).toEqual(await stepped(["own", "host", "off", "own", "host"]));
    expect(device.statistics().hostWaits).toBe(2);
    expect(mixed).toEqual(await stepped(["own", "own", "off", "own", "own"]));
    expect(device.statistics().hostWaits).toBe(2);
    expect(mixed).not.toEqual(await stepped(["off", "off", "off", "off", "off"]));
  });

  test("a cell that the adapter's last run does not fill is read on the host", async () => {
    const device = createDevice("cuda");
    const cell = runtime.createNormCells(2);
    const [never, other] = [createAdapter(device), createAdapter(device)];
    const update = (id: number, adapter: number): void => {
      const items = [{ adapter, step: 1, ...hyper, maxGradNorm: 0.5, normCells: [cell] }];
      device.enqueueUpdate({ id, items, waits: [] });
    };
    takeSums(device, 0, [{ adapter: other, cell }]);
    update(1, never);
    takeSums(device, 2, [{ adapter: other, cell: cell + 1 }]);
    update(3, other);
    await runtime.idle();
    expect(device.statistics().hostWaits).toBe(2);
  });
});
