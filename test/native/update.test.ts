import { afterEach, expect, test } from "vitest";
import { createRuntime, type Device, nativeInfo, type Runtime } from "../../native/index.ts";
import { normals } from "./tiny-llama.ts";

const [hidden, rank] = [10, 3];
const count = 2 * hidden * rank;
const hyper = { learningRate: 1e-2, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 };

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

function createAdapter(device: Device): number {
  return device.createAdapter([{ target: 5, rank, inFeatures: hidden, outFeatures: hidden, scale: 1 }]);
}

test.each([0, 0.5, 1e6])(
  "steps as PyTorch's AdamW does, with the gradient norm clipped at %f (0 = off)",
  async (maxGradNorm) => {
    runtime = createRuntime();
    const device = runtime.createDevice({ name: "cpu:0", cores: nativeInfo().cores.slice(0, 1) });
    const adapter = createAdapter(device);
    const start = normals("start", count, 1);
    const gradients = ["g1", "g2", "g3"].map((seed, index) => normals(seed, count, 10 ** -index));
    device.writeAdapter(adapter, "parameters", start);
    const cell = runtime.createNormCells(2);
    // A program without operators: the run only takes the sum of squares.
    const program = device.createProgram([]);
    const segments = [{ adapter, rowStart: 0, rowEnd: 1, lossScale: 1, dropout: 0, dropoutSeed: [0, 0] as const }];
    const places = { stash: 0, work: 0, in: 0, out: 0 };
    const bindings = { rows: 1, sequences: Int32Array.of(0, 1), segments, sumSquares: [{ adapter, cell }], ...places };
    for (const [index, gradient] of gradients.entries()) {
      device.writeAdapter(adapter, "gradients", gradient);
      device.enqueueRun({ id: 2 * index, program, bindings, waits: [] });
      // The second cell stays 0, as that of a stage without this adapter.
      const items = [{ adapter, step: index + 1, ...hyper, maxGradNorm, normCells: [cell, cell + 1] }];
      device.enqueueUpdate({ id: 2 * index + 1, items, waits: [] });
      await runtime.idle();
      expect(device.readAdapter(adapter, "gradients").every((value) => value === 0)).toBe(true);
    }
    const expected = referenceSteps(start, gradients, maxGradNorm);
    const got = device.readAdapter(adapter, "parameters");
    got.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6);
    });
  },
);

test("refuses clipping without norm cells, which would not clip", () => {
  runtime = createRuntime();
  const device = runtime.createDevice({ name: "cpu:0", cores: nativeInfo().cores.slice(0, 1) });
  const items = [{ adapter: createAdapter(device), step: 1, ...hyper, maxGradNorm: 1, normCells: [] }];
  expect(() => device.enqueueUpdate({ id: 1, items, waits: [] })).toThrow(/norm cell at items\[0\].normCells/);
});
