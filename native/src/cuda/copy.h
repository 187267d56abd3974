// copy: y = x, elementwise, converted when the types differ (to bfloat16: to nearest, ties to even)
//
//   x, y [count] without gaps, float32 or bfloat16. Exact but for that rounding.
//   scaled_copy: y = scale x (+ residual), f32 before the conversion; residual [count] f32, may be y if that is
//   float32, which may be x. NMSE against the reference: 1e-13 (f32), 6e-6 (bfloat16)
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class From, class To>
struct ScaledCopyT {
  const From* x;
  To* y;
  std::int64_t count;
  float scale;
  const float* residual;  // null: none
};

void copy(const float* x, ops::Bf16* y, std::int64_t count, void* stream);
void copy(const ops::Bf16* x, float* y, std::int64_t count, void* stream);
void copy(const float* x, float* y, std::int64_t count, void* stream);
void copy(const ops::Bf16* x, ops::Bf16* y, std::int64_t count, void* stream);

void scaled_copy(const ScaledCopyT<float, ops::Bf16>& op, void* stream);
void scaled_copy(const ScaledCopyT<ops::Bf16, float>& op, void* stream);
void scaled_copy(const ScaledCopyT<float, float>& op, void* stream);
void scaled_copy(const ScaledCopyT<ops::Bf16, ops::Bf16>& op, void* stream);

}  // namespace loratwin::cuda
