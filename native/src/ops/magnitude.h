// For the rows of each segment that has magnitudes, of one projection (DoRA):
//
//   magnitude           u = y - added;  y = gain u + added
//   magnitude_backward  dMagnitude[n] += sum over rows of dy u / norm[n];  dy *= gain
//                       scaled: u is y as the forward left it, without added, and magnitude[n] is in place of norm[n];
//                       of a magnitude of 0 the gradient stays
//   gain[n] = magnitude[n] / norm[n]   added = bias + residual
//
//   y, dy [T, >= column + N] strides ldy, lddy, changed in place   u [T,N] stride ldu, kept; null: not kept
//   bias, residual [T, >= column + N]: f32, from `column` on, null: 0; a residual needs an f32 y
//   magnitude, norm, dMagnitude [N] f32; norm is constant for the gradient
//   Store: dy, u. Out: y. f32 in between. Rows outside every segment are left alone (u too).
//   A sum's order is fixed by the segment's own rows: neither threads nor neighbours change a bit of any result.
//   NMSE against the reference: 1e-12 (f32), 2e-5 (bfloat16, y rounded twice)
//   Source: Liu et al. 2024, sections 4.2 and 4.3, as PEFT
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

constexpr std::int32_t kMagnitudeRowBlock = 128;  // rows of a segment that are summed before they are added

template <class Real>
struct MagnitudeSegmentT {
  std::int32_t rowStart = 0;
  std::int32_t rowEnd = 0;
  const Real* magnitude = nullptr;
  const Real* norm = nullptr;
  Real* dMagnitude = nullptr;  // backward only
};
using MagnitudeSegment = MagnitudeSegmentT<float>;

template <class Real, class Store = Real, class Out = Store>
struct MagnitudeT {
  const MagnitudeSegmentT<Real>* segments;
  std::int32_t count;
  std::int32_t outFeatures;  // N
  std::int32_t column;
  Out* y;
  std::int64_t ldy;
  Store* u;
  std::int64_t ldu;
  const Real* bias;
  const Real* residual;
  std::int64_t ldr;
};
using Magnitude = MagnitudeT<float>;
using MagnitudeBf16 = MagnitudeT<float, Bf16>;
using MagnitudeBf16F32 = MagnitudeT<float, Bf16, float>;

template <class Real, class Store = Real>
struct MagnitudeBackwardT {
  const MagnitudeSegmentT<Real>* segments;
  std::int32_t count;
  std::int32_t outFeatures;
  std::int32_t column;
  Store* dy;
  std::int64_t lddy;
  const Store* u;
  std::int64_t ldu;
  bool scaled;
};
using MagnitudeBackward = MagnitudeBackwardT<float>;
using MagnitudeBackwardBf16 = MagnitudeBackwardT<float, Bf16>;

void magnitude(ExecContext& context, const Magnitude& op);
void magnitude(ExecContext& context, const MagnitudeBf16& op);
void magnitude(ExecContext& context, const MagnitudeBf16F32& op);
void magnitude_backward(ExecContext& context, const MagnitudeBackward& op);
void magnitude_backward(ExecContext& context, const MagnitudeBackwardBf16& op);

namespace ref {
template <class Real>
void magnitude(const MagnitudeT<Real>& op);
template <class Real>
void magnitude_backward(const MagnitudeBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
