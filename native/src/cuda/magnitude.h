// For the rows of each segment that has magnitudes, of one projection (DoRA):
//
//   magnitude           u = y - added;  y = gain u + added
//   magnitude_backward  dMagnitude[n] += sum over rows of dy u / norm[n];  dy *= gain
//                       scaled: u is y as the forward left it, without added, and magnitude[n] is in place of norm[n];
//                       of a magnitude of 0 the gradient stays
//   gain[n] = magnitude[n] / norm[n]   added = bias + residual
//
//   y, dy [T, >= column + N] strides ldy, lddy, changed in place   u [T,N] stride ldu, kept; null: not kept
//   bias, residual [T, >= column + N]: f32, from `column` on, null: 0   segments: a table in device memory
//   Sums are of a segment's rows alone, in an order that their number fixes.
//   NMSE against the reference: 1e-12 (f32), 2e-5 (bfloat16, y rounded twice). Source: see ops/magnitude.h
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

struct MagnitudeSegment {
  std::int32_t rowStart;
  std::int32_t rowEnd;
  const float* magnitude;
  const float* norm;
  float* dMagnitude;
};

struct MagnitudeSegments {
  const MagnitudeSegment* items;
  std::int32_t count;
  std::int32_t maxRows;
};

template <class Store, class Out>
struct MagnitudeT {
  MagnitudeSegments segments;
  std::int32_t outFeatures;  // N
  std::int32_t column;
  Out* y;
  std::int64_t ldy;
  Store* u;
  std::int64_t ldu;
  const float* bias;
  const float* residual;
  std::int64_t ldr;
};

template <class Store>
struct MagnitudeBackwardT {
  MagnitudeSegments segments;
  std::int32_t outFeatures;
  std::int32_t column;
  Store* dy;
  std::int64_t lddy;
  const Store* u;
  std::int64_t ldu;
  bool scaled;
};

template <class Store, class Out>
void magnitude(const MagnitudeT<Store, Out>& op, void* stream);
template <class Store>
void magnitude_backward(const MagnitudeBackwardT<Store>& op, void* stream);

}  // namespace loratwin::cuda
