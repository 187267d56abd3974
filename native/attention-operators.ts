// Attention within sequences. Formulas, accumulation and tolerances: src/ops/attention.h, src/ops/attention_kind.h.
import type { Handle, Tensor, Typed } from "./tensors.ts";

/** The q, k and v columns of one packed projection, and the heads they hold. */
export interface HeadLayout {
  readonly qColumn: number;
  readonly kColumn: number;
  readonly vColumn: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What attention computes otherwise than softmax(Q K^T / sqrt(headDim)) over all keys up to the query's. */
export interface AttentionKind {
  /** In place of 1 / sqrt(headDim). */
  readonly scale?: number;
  /** c: scores become c tanh(score / c) before the softmax. */
  readonly softcap?: number;
  /** A query sees so many keys, its own included. */
  readonly window?: number;
  /** A query at t sees keys from chunk floor(t / chunk) on. Not beside a window. */
  readonly chunk?: number;
}

/** Causal attention within each sequence; lse[T,heads] is kept for backward. C: qkv, out. */
export interface AttentionOperator extends HeadLayout, AttentionKind, Typed {
  readonly op: "attention";
  readonly qkv: Tensor;
  readonly ld: number;
  readonly out: Tensor;
  readonly ldo: number;
  readonly lse: Tensor;
  readonly scratch: Tensor;
  /** A vector [heads]: one more score of each row of a head, whose value is 0. */
  readonly sinks?: Handle;
}

/** dqkv at the q, k and v columns, overwritten; it has the column layout of qkv. C: all but lse. */
export interface AttentionBackwardOperator extends HeadLayout, AttentionKind, Typed {
  readonly op: "attentionBackward";
  readonly qkv: Tensor;
  readonly ld: number;
  readonly out: Tensor;
  readonly ldo: number;
  readonly dout: Tensor;
  readonly lddo: number;
  readonly lse: Tensor;
  readonly dqkv: Tensor;
  readonly ldd: number;
  readonly scratch: Tensor;
}
