// matmul_panels: products of this project's own, where oneDNN has none or its own are not alike for every row
//
//   y [rows,N] = x [rows,K] B (+ bias) (+ residual)     f32 sums over k in order: a row's do not depend on its
//   neighbours x and B float32, or both bfloat16, which are widened block by block B packed as panels of 64 columns:
//   element (k, n) at panel n / 64, row k, column n % 64; the last panel's rest is 0
#pragma once

#include <cstddef>
#include <cstdint>

#include "bf16.h"

namespace loratwin::ops {

constexpr std::int64_t kPanelColumns = 64;

// Elements of the panels of B [rows,columns].
constexpr std::int64_t panelElements(std::int64_t rows, std::int64_t columns) {
  return rows * ((columns + kPanelColumns - 1) / kPanelColumns * kPanelColumns);
}

struct PanelProduct {
  DType type;  // of x and the panels
  const void* x;
  std::int64_t ldx;
  const void* panels;
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
void matmul_panels(const PanelProduct& op);

}  // namespace loratwin::ops
