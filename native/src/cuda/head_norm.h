// head_norm:           y.q = x.q * rstd * w,  rstd = 1 / sqrt(mean x.q^2 + eps);  k likewise by its own weights;  y.v =
// x.v head_norm_backward:  dx.q = rstd * (w dy - x rstd^2 mean(w dy x));  k likewise;  dx.v = dy.v      w is frozen: no
// dw
//
//   A norm is of one head of one row, D values; with `whole` of all q of a row, N D values, and of all k, M D values.
//   x, y, dy, dx [T, >= all columns below] stride ld, float32 or all bfloat16: q = columns qColumn .. + N D,
//   k = kColumn .. + M D, v = vColumn .. + M D; other columns of y and dx are left as they are
//   qWeight [D], with `whole` [N D]   kWeight [D], with `whole` [M D]   f32; null: 1 everywhere
//   y is not x; dx may be dy. The backward makes rstd again from x. 1 to 32 lanes a norm, f32 sums in a fixed order.
//   NMSE against the reference: 1e-12 (f32), 6e-6 (bfloat16). Source: see ops/head_norm.h
#pragma once

#include <cstdint>

#include "ops/bf16.h"
#include "ops/normed_heads.h"

namespace loratwin::cuda {

template <class Store>
struct HeadNormT {
  const Store* x;
  Store* y;
  std::int64_t ld;
  std::int32_t rows;  // T
  ops::NormedHeads columns;
  ops::HeadNormWeights<float> weights;
};
using HeadNorm = HeadNormT<float>;
using HeadNormBf16 = HeadNormT<ops::Bf16>;

template <class Store>
struct HeadNormBackwardT {
  const Store* dy;
  const Store* x;
  Store* dx;
  std::int64_t ld;
  std::int32_t rows;
  ops::NormedHeads columns;
  ops::HeadNormWeights<float> weights;
};
using HeadNormBackward = HeadNormBackwardT<float>;
using HeadNormBackwardBf16 = HeadNormBackwardT<ops::Bf16>;

void head_norm(const HeadNorm& op, void* stream);
void head_norm(const HeadNormBf16& op, void* stream);
void head_norm_backward(const HeadNormBackward& op, void* stream);
void head_norm_backward(const HeadNormBackwardBf16& op, void* stream);

}  // namespace loratwin::cuda
