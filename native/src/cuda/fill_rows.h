// fill_rows: y[t, :] = v, what a product with a bias adds itself to
//
//   v [N] f32   y [T, >= N] stride ld, float32 or bfloat16 (to nearest, ties to even). Exact but for that rounding.
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

void fill_rows(const float* v, std::int32_t columns, float* y, std::int64_t ld, std::int32_t rows, void* stream);
void fill_rows(const float* v, std::int32_t columns, ops::Bf16* y, std::int64_t ld, std::int32_t rows, void* stream);

}  // namespace loratwin::cuda
