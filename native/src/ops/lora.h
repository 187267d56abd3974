// For the rows of each segment g and each projection:
//
//   lora           lora_xa   s = drop_g(x) A_g^T
//                  lora_sb   y[:, column + n] += scale_g (s B_g^T)[:, n]
//   lora_backward  lora_dyb  ds = scale_g dy B_g
//                  lora_dsa  dx += drop_g'(ds A_g)
//                  lora_dsx  dA_g += ds^T drop_g(x)
//                  lora_dys  dB_g += scale_g dy^T s
//
//   x, dx [T,K] strides ldx, lddx   y, dy [T, >= column + N] strides ldy, lddy
//   s [T, >= largest R] stride lds, kept for backward   A_g, dA_g [R_g,K]   B_g, dB_g [N,R_g]   scale_g of B A x
//   row major; y, dx, dA, dB are added to
//   The projections of one call share x and the tensor of y: x is read, and dx written, once for all of them.
//   Real: A, B, dA, dB and every accumulation. Store: x, s, dy; with Bf16, A, B and ds are rounded to it for their
//   products. Out: y, dx.
//   drop_g: src/ops/dropout.h, the same mask in both directions. Rows outside every segment, and segments without the
//   target, are left alone (s too). Segments may share an adapter: gradients are added in segment order.
//   A sum's order is fixed by the segment's own rows: neither threads nor neighbours change a bit of any result.
//   NMSE against the reference: 1e-11; with Bf16 2e-5 (Out is rounded once for every 64 ranks)
//   Source: Hu et al. 2021; PEFT's y = W x + b + scale B A drop(x)
// Throws std::invalid_argument when a segment has dropout and there are no rowKeys, when there are no or more than
// kLoraProjections projections, or when their segments differ in rows or dropout.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bf16.h"
#include "exec_context.h"
#include "segments.h"
#include "size.h"

namespace loratwin::ops {

constexpr std::int32_t kLoraProjections = 3;  // q, k and v
constexpr std::int32_t kLoraRowBlock = 128;   // rows of a segment whose part of dA and dB is summed before it is added

template <class Real, class Store = Real>
struct LoraProjectionT {
  LoraSegmentsT<Real> segments;
  std::int32_t column;       // its first column of y or dy
  std::int32_t outFeatures;  // N
  Store* s;                  // written by lora, read by lora_backward
  std::int64_t lds;
};
using LoraProjection = LoraProjectionT<float>;
using LoraProjectionBf16 = LoraProjectionT<float, Bf16>;

template <class Real, class Store = Real, class Out = Store>
struct LoraT {
  const LoraProjectionT<Real, Store>* projections;
  std::int32_t count;
  const Store* x;
  std::int64_t ldx;
  std::int32_t inFeatures;  // K
  Out* y;
  std::int64_t ldy;
};
using Lora = LoraT<float>;
using LoraBf16 = LoraT<float, Bf16>;
using LoraBf16F32 = LoraT<float, Bf16, float>;

template <class Real, class Store = Real, class Out = Store>
struct LoraBackwardT {
  const LoraProjectionT<Real, Store>* projections;
  std::int32_t count;
  const Store* dy;
  std::int64_t lddy;
  const Store* x;
  std::int64_t ldx;
  std::int32_t inFeatures;  // K
  Out* dx;                  // null: not wanted
  std::int64_t lddx;
  Store* scratch;  // loraBackwardScratchBytes(T, largest rank, count, dtype of Store)
};
using LoraBackward = LoraBackwardT<float>;
using LoraBackwardBf16 = LoraBackwardT<float, Bf16>;
using LoraBackwardBf16F32 = LoraBackwardT<float, Bf16, float>;

// ds of all projections side by side: [T, projections x R rounded up to 16]
constexpr std::size_t loraBackwardScratchBytes(std::size_t rows, std::size_t maxRank, std::size_t projections,
                                               DType store) {
  return (Size(maxRank).roundedUp(16) * rows * projections * sizeOf(store)).value();
}

void lora(ExecContext& context, const Lora& op);
void lora(ExecContext& context, const LoraBf16& op);
void lora(ExecContext& context, const LoraBf16F32& op);
void lora_backward(ExecContext& context, const LoraBackward& op);
void lora_backward(ExecContext& context, const LoraBackwardBf16& op);
void lora_backward(ExecContext& context, const LoraBackwardBf16F32& op);

namespace ref {
template <class Real>
void lora(const LoraT<Real>& op);
template <class Real>
void lora_backward(const LoraBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
