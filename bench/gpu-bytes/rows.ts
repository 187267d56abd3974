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
/**
 * Of all multiprocessors, at the clock of that peak: four tensor cores of 512 fused multiply-adds a cycle (NVIDIA H100
 * white paper), which are the operations of an m16n8k16.
 */
const CYCLES_PER_SECOND = FLOPS_PER_SECOND / (4 * 512 * 2);

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

export const movedBytes = (row: KernelRow): number => row.readBytes + row.writtenBytes;
export const firstBytes = (row: KernelRow): number => row.firstReadBytes + row.firstWrittenBytes;

export const memorySeconds = (bytes: number): number => bytes / BYTES_PER_SECOND;
/** Of the kernel's own products at the peak of tensor cores, and of shared memory that serves a warp in each cycle. */
export const tensorSeconds = ({ flops }: KernelRow): number => flops / FLOPS_PER_SECOND;
export const sharedSeconds = ({ sharedCycles }: KernelRow): number => sharedCycles / CYCLES_PER_SECOND;

interface View {
  bytes(row: KernelRow): number;
  /** What takes longest. */
  seconds(row: KernelRow): number;
}

/** Ways to look at kernels: as if no cache held anything, as if it held all that a launch moved, and at their best. */
export const VIEWS: Readonly<Record<string, View>> = {
  "all that warps ask for": {
    bytes: movedBytes,
    seconds: (row) => Math.max(memorySeconds(movedBytes(row)), tensorSeconds(row), sharedSeconds(row)),
  },
  "each sector once a launch": {
    bytes: firstBytes,
    seconds: (row) => Math.max(memorySeconds(firstBytes(row)), tensorSeconds(row), sharedSeconds(row)),
  },
  "least, shared memory not counted": {
    bytes: (row) => row.leastBytes,
    seconds: (row) => Math.max(memorySeconds(row.leastBytes), tensorSeconds(row)),
  },
};

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
