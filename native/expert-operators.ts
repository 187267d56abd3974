// Operators of mixtures of experts. T = rows of the run, k = experts of a row, E = experts, P = T k places; the rest as in
// operators.ts. Formulas, accumulation and tolerances: src/ops/route.h, expert_rows.h, expert_matmul.h.
import type { Dtype, Handle, Tensor, Typed } from "./tensors.ts";

/**
 * Where each pair (row t of the run, its j-th expert) stands: pair t k + j at one of P = T k places, which are ordered by
 * expert, then by row. Tensors of P rows have one a place. `route` makes the three tensors, int32; within a stash, each
 * has room in 16 rows as any other, `starts` too.
 */
export interface Places {
  /** E. */
  readonly experts: number;
  /** k, 1 .. E: experts of a row. */
  readonly perRow: number;
  /** [P] the pair at each place. */
  readonly order: Tensor;
  /** [P] the place of each pair. */
  readonly places: Tensor;
  /** [E + 1] the first place of each expert, then P. */
  readonly starts: Tensor;
}

/**
 * chosen[T,k] = experts of the k largest of logits[T,E], largest first, the lower index of equal ones; weights[T,k] =
 * softmax of the chosen logits (`normalized`), or the softmax of all E at the chosen. The places of the pairs.
 */
export interface RouteOperator extends Places {
  readonly op: "route";
  readonly logits: Tensor;
  /** True: a row's weights add up to 1 (Qwen3-MoE with norm_topk_prob, Mixtral, gpt-oss). */
  readonly normalized: boolean;
  /** int32. */
  readonly chosen: Tensor;
  readonly weights: Tensor;
}

/** dlogits[T,E], overwritten, from dweights[T,k]; which experts were chosen counts as constant. */
export interface RouteBackwardOperator extends Pick<Places, "experts" | "perRow"> {
  readonly op: "routeBackward";
  readonly dweights: Tensor;
  readonly logits: Tensor;
  readonly normalized: boolean;
  readonly chosen: Tensor;
  readonly weights: Tensor;
  readonly dlogits: Tensor;
}

/** y[place] = x[its row]: y[P,columns] of x[T,columns]; C: both. Its backward is `combine` without weights. */
export interface GatherRowsOperator extends Typed, Pick<Places, "perRow" | "order"> {
  readonly op: "gatherRows";
  readonly x: Tensor;
  readonly y: Tensor;
  readonly columns: number;
}

/**
 * y[t] = sum over j of weights[t,j] x[place of (t,j)] (+ residual[t]): y[T,columns] of x[P,columns], j in order. C: x, and
 * y unless `yType`; a residual, which may be y itself, needs a float32 y.
 */
export interface CombineOperator extends Typed, Pick<Places, "perRow" | "places"> {
  readonly op: "combine";
  readonly x: Tensor;
  /** [T,k]; all 1 when absent. */
  readonly weights?: Tensor;
  readonly y: Tensor;
  readonly yType?: Dtype;
  readonly residual?: Tensor;
  readonly columns: number;
}

/** dx[place] = weights[t,j] dy[t] and dweights[t,j] = <dy[t], x[place]>, both overwritten. C: dy, x, dx, which may be x. */
export interface CombineBackwardOperator extends Typed, Pick<Places, "perRow" | "places"> {
  readonly op: "combineBackward";
  readonly dy: Tensor;
  readonly x: Tensor;
  readonly weights: Tensor;
  readonly dx: Tensor;
  readonly dweights: Tensor;
  readonly columns: number;
}

/**
 * y[place,out] = x[place,in] W[e]^T (+ bias[e]), e being the place's expert; y[P,out] of x[P,in]. C: x, weight, y. The
 * weight was loaded with `experts`.
 */
export interface ExpertMatmulOperator extends Typed, Pick<Places, "perRow" | "starts"> {
  readonly op: "expertMatmul";
  readonly x: Tensor;
  readonly ldx: number;
  readonly weight: Handle;
  readonly y: Tensor;
  readonly ldy: number;
  /** A vector [E out]. */
  readonly bias?: Handle;
  /** In `work`; bytes: scratchBytes("expertMatmul"), none on a GPU. */
  readonly scratch: Tensor;
}

/** dx[place,in] = dy[place,out] W[e]; the weight was loaded with `backward: true`. C: all. */
export interface ExpertMatmulBackwardOperator extends Typed, Pick<Places, "perRow" | "starts"> {
  readonly op: "expertMatmulBackward";
  readonly dy: Tensor;
  readonly lddy: number;
  readonly weight: Handle;
  readonly dx: Tensor;
  readonly lddx: number;
  /** As expertMatmul's. */
  readonly scratch: Tensor;
}

/**
 * Of `lora` and `loraBackward` over places: all rows (x, s, y and their gradients) are P places, and a place's A and B
 * are those of its row's adapter for its expert: the adapter's entry has as many `experts`. All four or none; with them
 * no dropout.
 */
export type LoraPlaces = Partial<Pick<Places, "experts" | "perRow" | "order" | "starts">>;
