// @module-tag slow
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type CountedStep, countStep, type KernelCounts } from "../../bench/gpu-bytes/counted-step.ts";
import { fitTerms } from "../../bench/gpu-bytes/extrapolate.ts";
import { leastBytes } from "../../bench/gpu-bytes/least-bytes.ts";
import { type Extent, extentOf, HEAD_LOOPS, LAUNCH_TERMS, LOOPS } from "../../bench/gpu-bytes/loops.ts";
import { kernelRows, productSeconds } from "../../bench/gpu-bytes/rows.ts";
import { headSizes, SHAPES, widthSizes } from "../../bench/gpu-bytes/sizes.ts";
import { buildTargets } from "../native/cuda-table.ts";

/** Two layers, grouped queries, four adapters. */
const STEP: CountedStep = {
  model: { hidden: 512, layers: 2, heads: 8, kvHeads: 2, intermediate: 768, vocabulary: 512 },
  rank: 16,
  rowsOfJobs: [1, 1, 1, 1],
  length: 64,
};

// What counts every access of a step is built anew, from all kernels.
describe("a step whose accesses are counted", { tags: ["nightly"] }, () => {
  let counts: KernelCounts;
  beforeAll(async () => {
    await buildTargets("loratwin_checked");
    counts = await countStep(STEP);
  }, 900_000);

  test("every kernel of a step has its loops and its least bytes", () => {
    const kernels = Object.keys(counts).sort();
    expect(Object.keys({ ...LOOPS, ...HEAD_LOOPS }).sort()).toEqual(kernels);
    const rows = kernelRows(STEP, counts);
    expect(rows.every(({ launches }) => launches > 0)).toBe(true);
    expect(rows.reduce((total, { launches }) => total + launches, 0)).toBe(
      kernels.reduce((total, kernel) => total + counts[kernel]!.launches, 0),
    );
  });

  test.each(["rmsnorm", "rmsnorm_backward", "swiglu", "swiglu_backward", "embed", "rope", "adamw"])(
    "%s touches each sector that it has to, and no other but its tables",
    (kernel) => {
      const { read, written } = leastBytes(STEP)[kernel]!;
      const { firstReadBytes, firstWrittenBytes } = counts[kernel]!;
      expect(firstWrittenBytes).toBe(written);
      expect(firstReadBytes - read).toBeGreaterThanOrEqual(0);
      // Tables of rows, adapters and chunks, which may end within a sector.
      expect(firstReadBytes - read).toBeLessThanOrEqual(kernel === "adamw" ? 1024 : 128);
    },
  );

  test("swiglu asks for nothing twice, RMSNorm for each row in two passes of two half sectors a lane", () => {
    expect(counts["swiglu"]!.readBytes).toBe(counts["swiglu"]!.firstReadBytes);
    const { layers, tokens, hidden } = extentOf(STEP);
    // And for its weight, four rows at once, in the second pass.
    expect(counts["rmsnorm"]!.readBytes).toBe((4 * layers + 1) * tokens * hidden * 4 * (2 * 2 + 2));
  });

  test("LoRA's kernels touch what they have to, and the parts of their sums", () => {
    const least = leastBytes(STEP);
    for (const kernel of ["lora_xa", "lora_sb", "lora_dyb", "lora_dsa"]) {
      const { firstReadBytes, firstWrittenBytes } = counts[kernel]!;
      expect(firstWrittenBytes, kernel).toBe(least[kernel]!.written);
      // Tables of segments and tiles.
      expect(firstReadBytes / least[kernel]!.read, kernel).toBeCloseTo(1, 2);
    }
    const { firstReadBytes, firstWrittenBytes } = counts["lora_dsx_dys"]!;
    const parts = firstWrittenBytes - least["lora_dsx_dys"]!.written;
    // Four adapters of one part each: as much as the gradients themselves.
    expect(parts).toBe(least["lora_dsx_dys"]!.written);
    expect((firstReadBytes - parts) / least["lora_dsx_dys"]!.read).toBeCloseTo(1, 2);
  });
});

test("the floors in the docs are the least bytes of a launch", () => {
  const docs = readFileSync(path.join(import.meta.dirname, "../../docs/internals/kernels.md"), "utf8");
  // Llama-3-8B, 4096 tokens in 8 rows, the shape of the docs' table.
  const shape: CountedStep = { ...SHAPES["Llama-3-8B"], length: 512 };
  const { layers } = shape.model;
  const least = leastBytes(shape);
  const launches = { rmsnorm: 4 * layers + 1, rope: 2 * layers, swiglu: 2 * layers, swiglu_backward: layers };
  const others = { attention: layers, embed: 1, cross_entropy_tile: 1, cross_entropy_gradient: 1 };
  // For one of four adapters; and 14 of rmsnorm_backward's 18 bytes for the one without a residual.
  const shares = { adamw: 4, sum_squares: 4, rmsnorm_backward: 2 * layers - 4 / 18 };
  for (const [kernel, count] of Object.entries({ ...launches, ...others, ...shares })) {
    const row = new RegExp(`^\\| [^|]*\`${kernel}\`[^|]*\\|[^|]*?([0-9]+) MB`, "m").exec(docs);
    const { read, written } = least[kernel]!;
    const share = (read + written) / count / 1e6 / Number(row?.[1]);
    expect(Math.abs(share - 1), kernel).toBeLessThan(0.015);
  }
});

function predicted(terms: readonly string[], fitted: readonly [Extent, number][], wanted: Extent): number {
  return fitTerms(
    terms,
    fitted.map(([extent, value]) => ({ extent, value })),
    "test",
  )(wanted);
}

test("a fit goes through samples of its terms exactly, and tells when they leave one open", () => {
  const at = (tokens: number, hidden: number): Extent => ({ ...extentOf(STEP), tokens, hidden });
  const value = (tokens: number, hidden: number): number => 7 * tokens * hidden + 3 * tokens - 5;
  const sizes = [at(64, 512), at(128, 512), at(192, 1024), at(320, 512)];
  const samples = sizes.map((each): [Extent, number] => [each, value(each.tokens, each.hidden)]);
  const large = at(16384, 8192);
  expect(predicted(["tokens hidden", "tokens", "1"], samples, large)).toBe(value(16384, 8192));
  expect(() => predicted(["tokens", "layers tokens"], samples, large)).toThrow("sizes that tell all terms apart");
});

test.each(["Llama-3.2-1B"] as const)(
  "sizes that are emulated predict one that was not fitted: %s",
  { tags: ["nightly"], timeout: 900_000 },
  async (name) => {
    for (const [loops, launches, { fitted, heldOut }] of [
      [HEAD_LOOPS, ["layers"], headSizes(SHAPES[name])],
      [LOOPS, LAUNCH_TERMS, widthSizes(SHAPES[name])],
    ] as const) {
      const counted: KernelCounts[] = [];
      for (const step of fitted) counted.push(await countStep(step));
      const actual = await countStep(heldOut);
      for (const [kernel, terms] of Object.entries(loops)) {
        // What a loop over tokens reads and writes is exact; tables may end within a sector.
        const exact = ["readBytes", "writtenBytes", "sharedCycles", "sharedConflicts", "mma", "launches"] as const;
        for (const count of exact) {
          const samples = fitted.map((step, i): [Extent, number] => [
            extentOf(step),
            counted[i]![kernel]?.[count] ?? 0,
          ]);
          const value = predicted(count === "launches" ? launches : terms, samples, extentOf(heldOut));
          const isTable = kernel === "cross_entropy_losses" || kernel === "sum_squares";
          expect(Math.abs(value - actual[kernel]![count]), `${kernel} ${count}`).toBeLessThanOrEqual(isTable ? 256 : 0);
        }
      }
    }
  },
);

test("the frozen products of a step take what their operations take at the peak", () => {
  // 2 x 2 operations a token and weight, less the first layer's gradient of what q, k and v read.
  const { model } = STEP;
  const layer = 512 * 512 * 2 + 512 * 128 * 2 + 3 * 512 * 768;
  const flops = 4 * 256 * model.layers * layer - 2 * 256 * 512 * (512 + 2 * 128) + 4 * 252 * 512 * 512;
  expect(productSeconds(STEP)).toBeCloseTo(flops / 989e12, 15);
});
