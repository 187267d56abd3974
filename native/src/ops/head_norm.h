// head_norm:           y.q = x.q * rstd * w,  rstd = 1 / sqrt(mean x.q^2 + eps);  k likewise by its own weights;  y.v =
// x.v head_norm_backward:  dx.q = rstd * (w dy - x rstd^2 mean(w dy x));  k likewise;  dx.v = dy.v      w is frozen: no
// dw
//
//   A norm is of one head of one row, D values; with `whole` of all q of a row, N D values, and of all k, M D values.
//   x, y, dy, dx [T, >= all columns below] stride ld, float32 or all bfloat16: q = columns qColumn .. + N D,
//   k = kColumn .. + M D, v = vColumn .. + M D; other columns of y and dx are left as they are
//   qWeight [D], with `whole` [N D]   kWeight [D], with `whole` [M D]   f32; null: 1 everywhere
//   y is not x; dx may be dy. The backward makes rstd again from x. Arithmetic f32, sums in 16 lanes, fixed order. NMSE
//   against the reference: 1e-12 (f32), 6e-6 (bfloat16) Source: Henry et al. 2020, as in Qwen3 (by heads), OLMo 2
//   (whole) and Llama 4 (without weights)
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"
#include "normed_heads.h"

namespace loratwin::ops {

template <class Real, class Store = Real>
struct HeadNormT {
  const Store* x;
  Store* y;
  std::int64_t ld;
  std::int32_t rows;  // T
  NormedHeads columns;
  HeadNormWeights<Real> weights;
};
using HeadNorm = HeadNormT<float>;
using HeadNormBf16 = HeadNormT<float, Bf16>;

template <class Real, class Store = Real>
struct HeadNormBackwardT {
  const Store* dy;
  const Store* x;
  Store* dx;
  std::int64_t ld;
  std::int32_t rows;
  NormedHeads columns;
  HeadNormWeights<Real> weights;
};
using HeadNormBackward = HeadNormBackwardT<float>;
using HeadNormBackwardBf16 = HeadNormBackwardT<float, Bf16>;

void head_norm(ExecContext& context, const HeadNorm& op);
void head_norm(ExecContext& context, const HeadNormBf16& op);
void head_norm_backward(ExecContext& context, const HeadNormBackward& op);
void head_norm_backward(ExecContext& context, const HeadNormBackwardBf16& op);

namespace ref {
template <class Real>
void head_norm(const HeadNormT<Real>& op);
template <class Real>
void head_norm_backward(const HeadNormBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
