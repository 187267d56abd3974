// matmul_widened: products with bfloat16 weights on processors without bfloat16 arithmetic
//
//   y [rows,N] = x [rows,K] B (+ bias) (+ residual)     x, B bfloat16, widened block by block; f32 sums over k in order
//   B packed as panels of 64 columns: element (k, n) at panel n / 64, row k, column n % 64; the last panel's rest is 0
#pragma once

#include <cstddef>
#include <cstdint>

#include "bf16.h"

namespace loratwin::ops {

constexpr std::int64_t kWidenedPanel = 64;

constexpr std::size_t widenedPanelBytes(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows * ((columns + kWidenedPanel - 1) / kWidenedPanel * kWidenedPanel)) *
         sizeof(Bf16);
}

struct WidenedProduct {
  const Bf16* x;
  std::int64_t ldx;
  const Bf16* panels;
  std::int32_t inFeatures;   // K
  std::int32_t outFeatures;  // N
  void* y;
  DType yType;
  std::int64_t ldy;
  const float* bias;
  const float* residual;
  std::int64_t ldr;
  std::int64_t rows;
};

// On the calling thread alone; 130 KB of its stack.
void matmul_widened(const WidenedProduct& op);

}  // namespace loratwin::ops
