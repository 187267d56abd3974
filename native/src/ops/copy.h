// copy: y = scale x (+ residual), elementwise, converted when the types differ (to bfloat16: to nearest, ties to even)
//
//   x, y [count] without gaps, float32 or bfloat16; residual [count] f32, may be y if that is float32, which may be x.
//   Arithmetic f32. Exact but for the roundings of a conversion, of a scale that is not 1 and of a sum: NMSE against
//   the reference 1e-13 (f32), 6e-6 (bfloat16)
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

struct Copy {
  const void* x;
  DType xType;
  void* y;
  DType yType;
  std::int64_t count;
  float scale = 1.0F;
  const float* residual = nullptr;  // null: none
};

void copy(ExecContext& context, const Copy& op);

}  // namespace loratwin::ops
