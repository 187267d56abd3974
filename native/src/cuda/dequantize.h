// dequantize: rows and columns of a quantized weight as bfloat16, for a library's product
//
//   out[r, c] = value(code[n, k]) scale,  n = firstRow + r, k = firstColumn + c;  formats: ops/quantized.h
//   W [N,K]: all parts of the view in device memory, codes on a multiple of 16 bytes   out [rows, columns], stride ldo
//   Every element of out is overwritten. Bit by bit ops::ref::dequantize. A product takes out as W for dx = dy W, W^T
//   for y = x W^T; all of W or rows that fit the scratch (sums over rows of W: then W's columns).
//   firstColumn is a multiple of 8.
#pragma once

#include <cstdint>

#include "ops/quantized.h"

namespace loratwin::cuda {

// Columns of the right operand [rows, columns] of x W^T or dy W that are dequantized at once: multiples of 64, 64 MiB
// where that is more than 64 and at most 8192 columns.
constexpr std::int64_t dequantizedColumns(std::int64_t rows, std::int64_t columns) {
  const std::int64_t fitting = (std::int64_t{32} << 20) / rows / 64 * 64;
  const std::int64_t all = (columns + 63) / 64 * 64;
  const std::int64_t wanted = fitting < 64 ? 64 : fitting > 8192 ? 8192 : fitting;
  return wanted < all ? wanted : all;
}

// The room that they take.
constexpr std::size_t dequantizedBytes(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows * dequantizedColumns(rows, columns)) * sizeof(ops::Bf16);
}

struct Dequantize {
  ops::QuantizedView weight;
  std::int32_t firstRow;
  std::int32_t rows;
  std::int32_t firstColumn;
  std::int32_t columns;
  ops::Bf16* out;
  std::int64_t ldo;
};

void dequantize(const Dequantize& op, void* stream);

}  // namespace loratwin::cuda
