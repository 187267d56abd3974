import { afterEach, describe, expect, test } from "vitest";
import { createRng } from "../../core/index.ts";
import {
  type Completion,
  createRuntime,
  type Device,
  type Handle,
  nativeInfo,
  type Runtime,
} from "../../native/index.ts";
import { type AdapterShape, adapterCount, loadModel, lossOf, normals, projections, shape } from "./tiny-llama.ts";

const adapters: readonly AdapterShape[] = [
  { rank: 3, scale: 0.7, targets: [0, 1, 2, 3, 4, 5, 6] },
  { rank: 16, scale: 1.5, targets: [6, 2, 0] },
  { rank: 1, scale: 2, targets: [4, 3] },
];
const parameters = adapters.map((adapter, index) => normals(`adapter ${index}`, adapterCount(adapter), 0.2));
const lossScales = [0.125, 0.5, 1];
// Sequences of each adapter; the third has none.
const lengths: readonly (readonly number[])[] = [[5, 1], [3, 9, 2], []];
const rng = createRng("tokens");
const data = lengths.map((list) =>
  list.map((length) => {
    const ids = Array.from({ length }, () => rng.nextInt(shape.vocabulary));
    const targets = ids.map((_, t) => (t === 0 && length > 2 ? -1 : rng.nextInt(shape.vocabulary)));
    return { ids, targets };
  }),
);

const runtimes: Runtime[] = [];
afterEach(() => {
  for (const runtime of runtimes.splice(0)) runtime[Symbol.dispose]();
});

interface Step {
  readonly losses: Float64Array;
  readonly sumSquares: Float64Array;
  readonly gradients: readonly Float32Array[];
  readonly device: Device;
}

async function step(cores: readonly number[], groups: readonly number[], dropout = 0): Promise<Step> {
  const runtime = createRuntime();
  runtimes.push(runtime);
  const done: Completion[] = [];
  runtime.onComplete((batch) => done.push(...batch));
  const device = runtime.createDevice({ name: "cpu:0", cores });
  const model = loadModel(device);
  const handles: Handle[] = groups.map((group) => {
    const { rank, scale, targets } = adapters[group]!;
    const handle = device.createAdapter(
      targets.map((target) => {
        const [outFeatures, inFeatures] = projections[target]!;
        return { target, rank, inFeatures, outFeatures, scale };
      }),
    );
    device.writeAdapter(handle, "parameters", parameters[group]!);
    return handle;
  });
  const sequences = groups.flatMap((group) => data[group]!);
  const ids = Int32Array.from(sequences.flatMap((sequence) => sequence.ids));
  const targets = Int32Array.from(sequences.flatMap((sequence) => sequence.targets));
  const offsets = [0];
  for (const sequence of sequences) offsets.push(offsets.at(-1)! + sequence.ids.length);
  let row = 0;
  const segments = groups.map((group, index) => {
    const rowStart = row;
    row += lengths[group]!.reduce((sum, length) => sum + length, 0);
    const seeds = [11, 22 + group] as const;
    return {
      adapter: handles[index]!,
      rowStart,
      rowEnd: row,
      lossScale: lossScales[group]!,
      dropout,
      dropoutSeed: seeds,
    };
  });
  const rowKeys = Int32Array.from({ length: row }, (_, key) => key);
  const cells = runtime.createNormCells(groups.length);
  const bindings = { rows: row, ids, targets, sequences: Int32Array.from(offsets), segments, rowKeys, ...model.bases };
  const sumSquares = handles.map((adapter, index) => ({ adapter, cell: cells + index }));
  device.enqueueRun({ id: 1, program: model.forward, bindings, waits: [] });
  device.enqueueRun({ id: 2, program: model.backward, bindings: { ...bindings, sumSquares }, waits: [] });
  await runtime.idle();
  const gradients = handles.map((handle) => device.readAdapter(handle, "gradients"));
  return { losses: done[0]!.losses!, sumSquares: done[1]!.sumSquares!, gradients, device };
}

function segmentLoss(group: number, point: ArrayLike<number>): number {
  return data[group]!.reduce((sum, { ids, targets }) => sum + lossOf(ids, targets, adapters[group]!, point), 0);
}

const [firstCore = 0] = nativeInfo().cores;

describe("a one-layer Llama with three adapters in one batch", () => {
  test("has the losses of plain loops in float64", async () => {
    const { losses } = await step([firstCore], [0, 1, 2]);
    expect(losses.length).toBe(3);
    for (const group of [0, 1]) {
      const expected = segmentLoss(group, parameters[group]!);
      expect(Math.abs(losses[group]! / expected - 1)).toBeLessThan(1e-6);
    }
    expect(losses[2]).toBe(0);
  });

  test("has adapter gradients that match central differences of the loss, in A and B of every projection", async () => {
    const { gradients } = await step([firstCore], [0, 1, 2]);
    for (const group of [0, 1]) {
      const { rank, targets } = adapters[group]!;
      let offset = 0;
      for (const target of targets) {
        for (const size of [rank * projections[target]![1], rank * projections[target]![0]]) {
          const direction = normals(`direction ${group} ${offset}`, size, 1);
          const at = (h: number): number => {
            const point = Float64Array.from(parameters[group]!);
            direction.forEach((value, i) => {
              point[offset + i]! += h * value;
            });
            return segmentLoss(group, point);
          };
          const difference = (lossScales[group]! * (at(1e-4) - at(-1e-4))) / 2e-4;
          const block = gradients[group]!.subarray(offset, offset + size);
          const slope = block.reduce((sum, value, i) => sum + value * direction[i]!, 0);
          const scale = Math.sqrt(block.reduce((sum, value) => sum + value * value, 0) * size);
          expect(scale).toBeGreaterThan(0);
          expect(Math.abs(slope - difference) / scale, `adapter ${group}, target ${target}`).toBeLessThan(2e-6);
          offset += size;
        }
      }
      expect(offset).toBe(gradients[group]!.length);
    }
    expect(gradients[2]!.every((value) => value === 0)).toBe(true);
  });

  test("reports the sum of squares of each adapter's gradients", async () => {
    const { gradients, sumSquares } = await step([firstCore], [0, 1, 2]);
    gradients.forEach((gradient, group) => {
      const expected = gradient.reduce((sum, value) => sum + value * value, 0);
      expect(Math.abs(sumSquares[group]! - expected)).toBeLessThanOrEqual(1e-12 * expected);
    });
  });

  test("gives an adapter the same gradients alone as in the batch, to float32 rounding", async () => {
    const together = await step([firstCore], [0, 1, 2]);
    const alone = await step([firstCore], [1]);
    const [a, b] = [together.gradients[1]!, alone.gradients[0]!];
    const difference = Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));
    const size = Math.sqrt(b.reduce((sum, value) => sum + value * value, 0));
    expect(difference / size).toBeLessThan(1e-6);
  });

  test.each([0, 0.25])("gives the same bytes twice with dropout %f", async (dropout) => {
    const cores = nativeInfo().cores.slice(0, 2);
    const first = await step(cores, [0, 1, 2], dropout);
    const second = await step(cores, [0, 1, 2], dropout);
    expect(first.losses).toEqual(second.losses);
    expect(first.gradients).toEqual(second.gradients);
  });
});
