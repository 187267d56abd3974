// expert_matmul:           y[p]  = x[p] W[e]^T (+ bias[e])     e: the expert of place p (ops/route.h)
// expert_matmul_backward:  y[p]  = x[p] W[e]                   x, y: the gradients dy, dx
//
//   x, y [P, ..] strides ldx, ldy   W [E,N,K] of Store, or one quantized matrix an expert, one after another,
//   dequantized as it is read   bias f32 [E,N]   starts [E + 1]     row major, y overwritten, sums f32 and rounded once
//   All tiles that P rows of E experts can need are launched; those that starts leave over end at once. Without an
//   access of the host: a launch depends on sizes alone.
//   bfloat16 rows that are 16-byte aligned are multiplied on tensor cores, others by a thread an element or more.
//   A row's sums do not depend on other rows. NMSE against the reference: 1e-11 (f32), 6e-6 (bfloat16)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "ops/bf16.h"
#include "ops/quantized.h"

namespace loratwin::cuda {

template <class Store>
struct ExpertProductT {
  const Store* x;
  std::int64_t ldx;
  const Store* weights;          // null: quantized
  ops::QuantizedView quantized;  // of the first expert; `quantizedBytes` from one to the next
  std::size_t quantizedBytes;
  std::int32_t experts;      // E
  std::int32_t outFeatures;  // N
  std::int32_t inFeatures;   // K
  Store* y;
  std::int64_t ldy;
  const float* bias;  // null: none; forward only
  const std::int32_t* starts;
  std::int32_t rows;  // P
  bool backward;
};
using ExpertProduct = ExpertProductT<float>;
using ExpertProductBf16 = ExpertProductT<ops::Bf16>;

void expert_matmul(const ExpertProduct& op, void* stream);
void expert_matmul(const ExpertProductBf16& op, void* stream);

}  // namespace loratwin::cuda
