// A product (blas.h) with a quantized weight: y by its columns, so that each weight is dequantized once and no sum is
// split.
#pragma once

#include <algorithm>
#include <cstddef>

#include "cuda/blas.h"
#include "cuda/dequantize.h"

namespace loratwin::cuda {

// `whole` without a weight; x bfloat16. `room` [dequantizedBytes of the right operand] of device memory.
inline void multiplyQuantized(Blas& blas, const Product& whole, const ops::QuantizedView& weight, ops::Bf16* room,
                              void* stream) {
  const std::int32_t depth = whole.backward ? whole.out : whole.in;
  const std::int32_t columns = whole.backward ? whole.in : whole.out;
  const auto width = static_cast<std::int32_t>(dequantizedColumns(depth, columns));
  for (std::int32_t column = 0; column < columns; column += width) {
    const std::int32_t count = std::min(width, columns - column);
    Product part = whole;
    part.weight = room;
    (whole.backward ? part.in : part.out) = count;
    part.y = static_cast<std::byte*>(whole.y) + static_cast<std::size_t>(column) * ops::sizeOf(whole.yType);
    if (whole.residual != nullptr) part.residual = whole.residual + column;
    const Dequantize values = whole.backward ? Dequantize{weight, 0, depth, column, count, room, count}
                                             : Dequantize{weight, column, count, 0, depth, room, depth};
    dequantize(values, stream);
    blas.multiply(part, stream);
  }
}

}  // namespace loratwin::cuda
