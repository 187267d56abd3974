// gather_rows: y[i, :] = x[index[i], :]      scatter_rows: y[index[i], :] = x[i, :], or zeros without x
//
//   index [count], each row at most once   x, y [*, columns] without gaps, of one type. Exact.
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

void gather_rows(const float* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, float* y,
                 void* stream);
void gather_rows(const ops::Bf16* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, ops::Bf16* y,
                 void* stream);
// x may be null.
void scatter_rows(const float* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, float* y,
                  void* stream);

}  // namespace loratwin::cuda
