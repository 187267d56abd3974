// copy: y = x, elementwise, converted when the types differ (to bfloat16: to nearest, ties to even)
//
//   x, y [count] without gaps, float32 or bfloat16. Exact but for that rounding.
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
};

void copy(ExecContext& context, const Copy& op);

}  // namespace loratwin::ops
