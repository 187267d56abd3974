// copy: y = x, elementwise, converted when the types differ (to bfloat16: to nearest, ties to even)
//
//   x, y [count] without gaps, float32 or bfloat16. Exact but for that rounding.
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

void copy(const float* x, ops::Bf16* y, std::int64_t count, void* stream);
void copy(const ops::Bf16* x, float* y, std::int64_t count, void* stream);
void copy(const float* x, float* y, std::int64_t count, void* stream);
void copy(const ops::Bf16* x, ops::Bf16* y, std::int64_t count, void* stream);

}  // namespace loratwin::cuda
