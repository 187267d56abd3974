import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createRuntime, type Device, type Runtime } from "../../native/index.ts";
import { build, buildTargets } from "./cuda-table.ts";
import { normals } from "./tiny-llama.ts";

const [hidden, rank] = [10, 3];
const count = 2 * hidden * rank;
const hyper = { learningRate: 1e-2, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 };

beforeAll(async () => {
  await buildTargets("loratwin_emulated");
  process.env["LORATWIN_ADDON"] = join(build, "loratwin_emulated.node");
}, 900_000);

let runtime: Runtime;
let device: Device;
let nextId = 0;
beforeEach(() => {
  runtime = createRuntime();
  device = runtime.createDevice({ kind: "cuda", name: "cuda:0", index: 0 });
});
afterEach(() => {
  runtime[Symbol.dispose]();
});

function createAdapter(seed: string): number {
  const adapter = device.createAdapter([{ target: 5, rank, inFeatures: hidden, outFeatures: hidden, scale: 1 }]);
  device.writeAdapter(adapter, "parameters", normals(seed, count, 1));
  return adapter;
}

/** A run that only takes sums of squares. */
function takeSums(sumSquares: readonly { readonly adapter: number; readonly cell: number }[]): void {
  const places = { stash: 0, work: 0, in: 0, out: 0 };
  const bindings = { rows: 1, sequences: Int32Array.of(0, 1), segments: [], sumSquares, ...places };
  device.enqueueRun({ id: nextId++, program: device.createProgram([]), bindings, waits: [] });
}

interface Clipped {
  readonly adapter: number;
  readonly maxGradNorm: number;
  readonly normCells: readonly number[];
}

function update(...items: readonly Clipped[]): void {
  device.enqueueUpdate({ id: nextId++, items: items.map((item) => ({ ...item, ...hyper, step: 1 })), waits: [] });
}

test("an update whose norm is its own follows the run at once, and steps as one that waits for the host", async () => {
  const gradients = normals("gradients", count, 1);
  const cell = runtime.createNormCells(2);
  const stepped = [];
  // The second cell stays 0, as that of a stage without this adapter.
  for (const normCells of [[cell], [cell, cell + 1]]) {
    const adapter = createAdapter("start");
    device.writeAdapter(adapter, "gradients", gradients);
    takeSums([{ adapter, cell }]);
    update({ adapter, maxGradNorm: 0.5, normCells });
    await runtime.idle();
    stepped.push(device.readAdapter(adapter, "parameters"));
    expect(device.statistics().hostWaits).toBe(normCells.length - 1);
  }
  expect(stepped[0]).toEqual(stepped[1]);
  expect(stepped[0]).not.toEqual(normals("start", count, 1));
});

test("one update steps adapters whose norms are its own, come from the host, and clip nothing", async () => {
  const clipped = async (kinds: readonly ("own" | "host" | "free")[]): Promise<readonly Float32Array[]> => {
    const adapters = kinds.map((_, i) => createAdapter(`start ${i}`));
    const cells = runtime.createNormCells(2 * adapters.length);
    adapters.forEach((adapter, i) => {
      device.writeAdapter(adapter, "gradients", normals(`gradients ${i}`, count, 1));
    });
    takeSums(adapters.map((adapter, i) => ({ adapter, cell: cells + 2 * i })));
    update(
      ...kinds.map((kind, i) => ({
        adapter: adapters[i]!,
        maxGradNorm: kind === "free" ? 0 : 0.5 + i,
        normCells: kind === "host" ? [cells + 2 * i, cells + 2 * i + 1] : [cells + 2 * i],
      })),
    );
    await runtime.idle();
    return adapters.map((adapter) => device.readAdapter(adapter, "parameters"));
  };
  const mixed = await clipped(["host", "own", "free", "host", "own"]);
  expect(device.statistics().hostWaits).toBe(1);
  expect(mixed).toEqual(await clipped(["own", "own", "free", "own", "own"]));
  expect(device.statistics().hostWaits).toBe(1);
});

test("a cell that no run of the adapter on this device fills is read on the host", async () => {
  const cell = runtime.createNormCells(2);
  const [adapter, other] = [createAdapter("start"), createAdapter("other")];
  for (const one of [adapter, other]) device.writeAdapter(one, "gradients", normals("gradients", count, 1));
  takeSums([{ adapter: other, cell }]);
  update({ adapter, maxGradNorm: 0.5, normCells: [cell] });
  takeSums([{ adapter: other, cell: cell + 1 }]);
  update({ adapter: other, maxGradNorm: 0.5, normCells: [cell] });
  expect(device.statistics().hostWaits).toBeLessThanOrEqual(2);
  await runtime.idle();
  expect(device.statistics().hostWaits).toBe(2);
});
