// Operators of runs whose sequences are in a cache. Formulas, accumulation and tolerances: src/ops/cached_attention.h,
// src/ops/head_logits.h.
import type { AttentionKind, HeadLayout } from "./attention-operators.ts";
import type { Handle, Tensor, Typed } from "./tensors.ts";

/**
 * Attention of rows whose sequences have their earlier keys and values in a cache, into which those of the rows are put
 * first.
 */
export interface CachedAttentionOperator extends HeadLayout, AttentionKind, Typed {
  readonly op: "cachedAttention";
  readonly qkv: Tensor;
  readonly ld: number;
  /** C [stashRows, kvHeads headDim keys, then as many values], in `stash`. */
  readonly cache: Tensor;
  readonly ldc: number;
  readonly out: Tensor;
  readonly ldo: number;
  /** Bytes: scratchBytes("cachedAttention"). */
  readonly scratch: Tensor;
  /** As of `attention`. */
  readonly sinks?: Handle;
}

/** Logits of the rows in `logitRows`, in order, and of each the log of the sum of their exponentials. */
export interface HeadLogitsOperator extends Typed {
  readonly op: "headLogits";
  readonly x: Tensor;
  readonly weight: Handle;
  readonly hidden: number;
  readonly vocabulary: number;
  /**
   * fp32 [rows, vocabulary], and at the next multiple of 64 bytes after `mostRows` of them fp32 [rows]; bytes, with what the
   * operator needs beside: scratchBytes("headLogits").
   */
  readonly logits: Tensor;
  /** That a run may want; at least two. */
  readonly mostRows: number;
  /** As of `headLoss`. */
  readonly scale?: number;
  readonly softcap?: number;
  readonly target?: number;
  readonly lds?: number;
  readonly tokens?: number;
  readonly tokenColumns?: number;
}
