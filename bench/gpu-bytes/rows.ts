import { sum } from "../../core/index.ts";
import { multipliedParameters } from "../workload.ts";
import { type CountedStep, countsOf, type KernelCounts } from "./counted-step.ts";
import { leastBytes } from "./least-bytes.ts";
import { extentOf } from "./loops.ts";

/** NVIDIA's data sheet of the H100 SXM: memory, and bfloat16 on tensor cores without sparsity. */
const BYTES_PER_SECOND = 3.35e12;
const FLOPS_PER_SECOND = 989e12;
/** Operations of an m16n8k16. */
const FLOPS_OF_MMA = 2 * 16 * 8 * 16;

/** What `least-bytes.ts` takes together. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  attention_backward: ["attention_delta", "attention_dq", "attention_dkv"],
};

/** A line of the table; bytes are those read and those written. */
export interface KernelRow {
  readonly kernel: string;
  readonly launches: number;
  readonly readBytes: number;
  readonly firstReadBytes: number;
  readonly writtenBytes: number;
  readonly firstWrittenBytes: number;
  readonly leastBytes: number;
  readonly sharedCycles: number;
  readonly sharedConflicts: number;
  readonly flops: number;
}

export function kernelRows(step: CountedStep, counts: KernelCounts): readonly KernelRow[] {
  return Object.entries(leastBytes(step)).map(([kernel, least]) => {
    const parts = PARTS[kernel] ?? [kernel];
    const { mma, ...total } = countsOf((count) => sum(parts.map((part) => counts[part]?.[count] ?? 0)));
    return { kernel, ...total, leastBytes: least.read + least.written, flops: mma * FLOPS_OF_MMA };
  });
}

/** Ways to count a kernel's bytes: all that its warps ask for, each sector once a launch, each value once. */
export const BYTES = {
  "all that warps ask for": (row: KernelRow) => row.readBytes + row.writtenBytes,
  "each sector once a launch": (row: KernelRow) => row.firstReadBytes + row.firstWrittenBytes,
  least: (row: KernelRow) => row.leastBytes,
} as const;

/** The longer of moving so many bytes and of the kernel's own products. */
export function kernelSeconds(row: KernelRow, bytes: number): number {
  return Math.max(bytes / BYTES_PER_SECOND, row.flops / FLOPS_PER_SECOND);
}

/** The products with frozen weights, both directions and the head, at the peak. */
export function productSeconds(step: CountedStep): number {
  const { model } = step;
  const { hidden, heads, kvHeads, vocabulary, headDim = hidden / heads } = model;
  const { tokens, scored } = extentOf(step);
  const head = hidden * vocabulary;
  // The first layer needs no gradient of what q, k and v read.
  const spared = hidden * (heads + 2 * kvHeads) * headDim;
  const layers = multipliedParameters(model) - head;
  return (4 * tokens * layers - 2 * tokens * spared + 4 * scored * head) / FLOPS_PER_SECOND;
}
