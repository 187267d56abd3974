import { expect, test } from "vitest";
import { type ScratchShape, scratchBytes } from "../../native/index.ts";
import type { ComputeDtype } from "../../plan/index.ts";
import {
  attentionScratchBytes,
  cachedAttentionScratchBytes,
  cudaAttentionScratchBytes,
  cudaHeadScratchBytes,
  cudaLoraScratchBytes,
  headLogitsPlaces,
  headScratchBytes,
  loraScratchBytes,
} from "../../plan/memory/scratch-bytes.ts";

const SEQUENCES = [1, 2, 31, 64, 255, 256, 257, 1000];
const HEAD_DIMS = [8, 20, 64, 127];

test("the planner's scratch of attention is the operators' own, and the backward's is the larger", () => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    for (const maxSequence of SEQUENCES) {
      for (const headDim of HEAD_DIMS) {
        for (const threads of [1, 3]) {
          const shape: ScratchShape = { threads, maxSequence, headDim, dtype };
          const [forward, backward] = [false, true].map((direction) =>
            attentionScratchBytes(threads, maxSequence, headDim, direction),
          );
          expect([forward, backward]).toEqual([
            scratchBytes("attention", shape),
            scratchBytes("attentionBackward", shape),
          ]);
          expect(backward).toBeGreaterThan(forward!);
        }
      }
    }
  }
});

test.each<ComputeDtype>(["float32", "bfloat16"])(
  "the planner's scratch of the head is the operator's own: %s",
  (dtype) => {
    for (const [tileRows, hidden, vocabulary] of [
      [1, 20, 97],
      [37, 64, 512],
      [256, 100, 301],
    ] as const) {
      expect(headScratchBytes(tileRows, hidden, vocabulary, dtype)).toBe(
        scratchBytes("headLoss", { tileRows, hidden, vocabulary, dtype }),
      );
    }
  },
);

test("the planner's scratch of LoRA's backward is the operator's own", () => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    for (const rows of [1, 7, 300]) {
      for (const maxRank of [1, 16, 17, 70]) {
        for (const projections of [1, 2, 3]) {
          expect(loraScratchBytes(rows, maxRank, projections, dtype)).toBe(
            scratchBytes("loraBackward", { rows, maxRank, projections, dtype }),
          );
        }
      }
    }
  }
});

test.each<ComputeDtype>(["float32", "bfloat16"])(
  "the planner's scratch of operators on a GPU is their own: %s",
  (dtype) => {
    for (const rows of [1, 37, 513, 1024]) {
      for (const [hidden, vocabulary] of [
        [20, 97],
        [64, 512],
      ] as const) {
        expect(cudaHeadScratchBytes(rows, hidden, vocabulary, dtype)).toBe(
          scratchBytes("cudaHeadLoss", { tileRows: rows, hidden, vocabulary, dtype }),
        );
      }
      expect(cudaAttentionScratchBytes(rows, 6)).toBe(scratchBytes("cudaAttentionBackward", { rows, heads: 6 }));
      for (const maxRank of [1, 9, 64]) {
        for (const projections of [1, 3]) {
          const each = { outFeatures: 52, lds: 16 };
          const all = Array.from({ length: projections }, () => each);
          expect(cudaLoraScratchBytes(rows, 3, maxRank, 44, all, dtype)).toBe(
            scratchBytes("cudaLoraBackward", {
              rows,
              segments: 3,
              maxRank,
              inFeatures: 44,
              projections,
              ...each,
              dtype,
            }),
          );
        }
      }
    }
  },
);

test("the planner's scratch of attention over a cache is the operator's own", () => {
  for (const threads of [1, 3])
    for (const [heads, kvHeads] of [
      [1, 1],
      [6, 2],
      [130, 1],
    ] as const)
      for (const headDim of HEAD_DIMS)
        expect(cachedAttentionScratchBytes(threads, heads, kvHeads, headDim)).toBe(
          scratchBytes("cachedAttention", { threads, heads, kvHeads, headDim }),
        );
});

test.each<ComputeDtype>(["float32", "bfloat16"])(
  "the planner's places of a run's logits are the operator's own, on a CPU and on a GPU: %s",
  (dtype) => {
    for (const rows of [1, 2, 37]) {
      for (const lds of [0, 8]) {
        const { bytes, logSums } = headLogitsPlaces(rows, 20, 97, dtype, lds);
        const shape = { rows, hidden: 20, vocabulary: 97, dtype };
        expect(bytes).toBe(scratchBytes("headLogits", lds === 0 ? shape : { ...shape, lds }));
        expect(logSums).toBeGreaterThanOrEqual(Math.max(2, rows) * 97 * 4);
      }
    }
  },
);
