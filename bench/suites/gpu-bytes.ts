import { sum } from "../../core/index.ts";
import { countShape } from "../gpu-bytes/count-shape.ts";
import { type CountedStep, countStep, type KernelCounts } from "../gpu-bytes/counted-step.ts";
import {
  firstBytes,
  type KernelRow,
  kernelRows,
  memorySeconds,
  movedBytes,
  productSeconds,
  sharedSeconds,
  tensorSeconds,
  VIEWS,
} from "../gpu-bytes/rows.ts";
import { SHAPES } from "../gpu-bytes/sizes.ts";
import type { Bench, Case, Suite } from "../suite.ts";

/** Counted as it is. */
const SMALL: CountedStep = {
  model: { hidden: 512, layers: 2, heads: 4, kvHeads: 1, intermediate: 512, vocabulary: 512 },
  rank: 16,
  rowsOfJobs: [1, 1],
  length: 64,
};

/** Numbers of a table, which are counted and do not vary. */
function record(
  bench: Bench,
  parameters: Readonly<Record<string, string>>,
  values: readonly [string, number, string][],
) {
  for (const [name, value, unit] of values) {
    bench.record({ name, parameters, value, unit, repetitions: 1, spread: null });
  }
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** To the kilobyte. */
const gigabytes = (bytes: number): number => Math.round(bytes / 1e3) / 1e6;

function recordKernels(bench: Bench, shape: string, rows: readonly KernelRow[]): void {
  for (const row of rows) {
    record(bench, { [`${shape}, bytes`]: row.kernel }, [
      ["launches", row.launches, "launches"],
      ["read", gigabytes(row.readBytes), "GB"],
      ["again", share(row.readBytes - row.firstReadBytes, row.readBytes), "share"],
      ["written", gigabytes(row.writtenBytes), "GB"],
      ["of it again", share(row.writtenBytes - row.firstWrittenBytes, row.writtenBytes), "share"],
      ["least", gigabytes(row.leastBytes), "GB"],
      ["all", movedBytes(row) / row.leastBytes, "ratio"],
      ["once", firstBytes(row) / row.leastBytes, "ratio"],
    ]);
  }
  for (const row of rows) {
    record(bench, { [`${shape}, times`]: row.kernel }, [
      ["all in", memorySeconds(movedBytes(row)), "s"],
      ["once in", memorySeconds(firstBytes(row)), "s"],
    ]);
    if (row.sharedCycles === 0) continue;
    record(bench, { [`${shape}, times`]: row.kernel }, [
      ["mma in", tensorSeconds(row), "s"],
      ["shared in", sharedSeconds(row), "s"],
      ["shared", row.sharedCycles / 1e6, "Mcycles"],
      ["conflicts", share(row.sharedConflicts, row.sharedCycles), "share"],
    ]);
  }
}

function recordSums(
  bench: Bench,
  shape: string,
  step: CountedStep,
  rows: readonly KernelRow[],
  layer: readonly KernelRow[],
) {
  const products = productSeconds(step);
  for (const [name, { bytes, seconds }] of Object.entries(VIEWS)) {
    const kernels = sum(rows.map(seconds));
    record(bench, { shape, kernels: name }, [
      ["a layer", sum(layer.map(bytes)) / 1e9, "GB"],
      ["the step", sum(rows.map(bytes)) / 1e9, "GB"],
      ["in", kernels, "s"],
      ["products", products, "s"],
      ["of the products' peak", products / (products + kernels), "share"],
    ]);
  }
}

/** The least bytes of one layer more. */
function layerRows(step: CountedStep, counts: KernelCounts): readonly KernelRow[] {
  const { model } = step;
  const without = kernelRows({ ...step, model: { ...model, layers: model.layers - 1 } }, {});
  return kernelRows(step, counts).map((row, index) => ({
    ...row,
    leastBytes: row.leastBytes - without[index]!.leastBytes,
  }));
}

function shapeCase(name: string, step: CountedStep): Case {
  return {
    name,
    seconds: 160,
    async run(bench) {
      const { step: counts, layer, heldOutError } = await countShape(step);
      const rows = kernelRows(step, counts);
      recordKernels(bench, name, rows);
      recordSums(bench, name, step, rows, layerRows(step, layer));
      record(bench, { "extrapolated to": name }, [["largest error at sizes not fitted", heldOutError, "share"]]);
    },
  };
}

const smallCase: Case = {
  name: "small",
  seconds: 10,
  async run(bench) {
    recordKernels(bench, "small", kernelRows(SMALL, await countStep(SMALL)));
  },
};

export const gpuBytes: Suite = {
  describe: "bytes that the CUDA kernels move in a step, counted in the emulation, beside the least",
  cases: ({ scale }) =>
    scale === "full" || scale === "default"
      ? Object.entries(SHAPES).map(([name, step]) => shapeCase(name, step))
      : [smallCase],
};
