// lora:           for the rows of each segment g:  s = drop_g(x) A_g^T;  y[:, yColumn + n] += scale_g (s B_g^T)[:, n]
// lora_backward:  ds = scale_g dy B_g    dx += drop_g'(ds A_g)    dA_g += ds^T drop_g(x)    dB_g += scale_g dy^T s
//
//   x, dx [T,K] strides ldx, lddx   y, dy [T, >= column + N] strides ldy, lddy
//   s [T, >= largest R] stride lds, kept for backward   A_g, dA_g [R_g,K]   B_g, dB_g [N,R_g]   scale_g = alpha / rank
//   row major, f32 storage and accumulation; y, dx, dA, dB are added to
//   drop_g: src/ops/dropout.h, the same mask in both directions. Rows outside every segment, and segments without the
//   target, are left alone (s too). Segments may share an adapter: gradients are added in segment order.
//   A sum's order is fixed by the segment's own rows: neither threads nor neighbours change a bit of any result.
//   NMSE against the reference: 1e-11
//   Source: Hu et al. 2021; PEFT's y = W x + b + scale B A drop(x)
// Throws std::invalid_argument when a segment has dropout and there are no rowKeys.
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec_context.h"
#include "segments.h"

namespace loratwin::ops {

template <class Real>
struct LoraT {
  LoraSegmentsT<Real> segments;
  const Real* x;
  std::int64_t ldx;
  std::int32_t inFeatures;  // K
  Real* y;
  std::int64_t ldy;
  std::int32_t yColumn;
  std::int32_t outFeatures;  // N
  Real* s;
  std::int64_t lds;
};
using Lora = LoraT<float>;

template <class Real>
struct LoraBackwardT {
  LoraSegmentsT<Real> segments;
  const Real* dy;
  std::int64_t lddy;
  std::int32_t dyColumn;
  std::int32_t outFeatures;  // N
  const Real* x;
  std::int64_t ldx;
  std::int32_t inFeatures;  // K
  const Real* s;
  std::int64_t lds;
  Real* dx;  // null: not wanted
  std::int64_t lddx;
  Real* scratch;  // loraBackwardScratchBytes(T, largest rank)
};
using LoraBackward = LoraBackwardT<float>;

// ds [T, R rounded up to 16]
constexpr std::size_t loraBackwardScratchBytes(std::size_t rows, std::size_t maxRank) {
  return rows * ((maxRank + 15) / 16 * 16) * sizeof(float);
}

void lora(ExecContext& context, const Lora& op);
void lora_backward(ExecContext& context, const LoraBackward& op);

namespace ref {
template <class Real>
void lora(const LoraT<Real>& op);
template <class Real>
void lora_backward(const LoraBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
