// matmul:           y  = x W^T (+ bias) (+ residual)
// matmul_backward:  dx = dy W
//
//   x, dx [T,K] strides ldx, lddx   W [N,K] frozen, prepacked once for each direction, float32 or bfloat16
//   y, dy, residual [T,N] strides ldy, lddy, ldr   bias [N]     row major, outputs overwritten
//   x and dy have the weight's type; y and dx either type; bias and residual are f32, accumulation too.
//   A residual needs an f32 y, and may be y itself (same stride).
//   T may be 0. NMSE against the reference: 1e-11 (f32), against rounded inputs 1e-11 or 6e-6 (bf16, by the output's
//   type)
//
// oneDNN matmul primitives, where it serves (onednn.h). More than 256 rows are split into one contiguous range a thread
// (a multiple of 8 rows), each range into blocks of at most 256 rows; fewer are split by the weight's columns where its
// packed layout can be cut; a primitive is made once for each (shape, block rows, strides, types, post-ops) and kept.
// Elsewhere matmul_panels.h multiplies. So it does without AVX512_BF16 for bfloat16 weights, and without AVX-512 for
// float32 ones: oneDNN 3.7's fp32 sums of a row differ there in the last bits with the number of rows in its block, and
// a row's own bits are to be the same whoever its neighbours are.
#pragma once

#include <cstdint>

#include "exec_context.h"
#include "packed_matrix.h"

namespace loratwin::ops {

struct Matmul {
  const void* x;
  std::int64_t ldx;
  const PackedMatrix* weight;
  void* y;
  DType yType;
  std::int64_t ldy;
  const float* bias;      // [N] or null
  const float* residual;  // [T,N] or null
  std::int64_t ldr;
  std::int32_t rows;  // T
};

struct MatmulBackward {
  const void* dy;
  std::int64_t lddy;
  const PackedMatrix* weight;  // made with backward = true
  void* dx;
  DType dxType;
  std::int64_t lddx;
  std::int32_t rows;
};

// Of `op` only the weight, the types, the strides, whether there is a bias, and whether the residual is y itself are
// read.
void prepare_matmul(MatmulEngine& engine, const Matmul& op);
void prepare_matmul_backward(MatmulEngine& engine, const MatmulBackward& op);

void matmul(ExecContext& context, MatmulEngine& engine, const Matmul& op);
void matmul_backward(ExecContext& context, MatmulEngine& engine, const MatmulBackward& op);

namespace ref {
template <class Real>
struct MatmulT {
  const Real* x;
  std::int64_t ldx;
  const Real* weight;  // [N,K]
  Real* y;
  std::int64_t ldy;
  const Real* bias;
  const Real* residual;
  std::int64_t ldr;
  std::int32_t rows;
  std::int32_t outFeatures;
  std::int32_t inFeatures;
};
template <class Real>
struct MatmulBackwardT {
  const Real* dy;
  std::int64_t lddy;
  const Real* weight;
  Real* dx;
  std::int64_t lddx;
  std::int32_t rows;
  std::int32_t outFeatures;
  std::int32_t inFeatures;
};
template <class Real>
void matmul(const MatmulT<Real>& op);
template <class Real>
void matmul_backward(const MatmulBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
