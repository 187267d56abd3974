// matmul:           y  = x W^T (+ bias) (+ residual)
// matmul_backward:  dx = dy W
//
//   x, dx [T,K] strides ldx, lddx   W [N,K] frozen, prepacked once for each direction
//   y, dy, residual [T,N] strides ldy, lddy, ldr
//   bias [N]     row major, outputs overwritten, f32 storage and accumulation. residual may be y itself (same stride).
//   T may be 0. NMSE against the reference: 1e-11
//
// oneDNN matmul primitives. The rows are split into one contiguous range a thread (a multiple of 8 rows), each range
// into blocks
// of at most 256 rows; a primitive is made once for each (shape, block rows, strides, post-ops) and kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "exec_context.h"

namespace loratwin::ops {

// The oneDNN engine, the primitives and one scratchpad a thread of one device. Used by one operator at a time.
class MatmulEngine {
 public:
  explicit MatmulEngine(int threads);
  ~MatmulEngine();
  MatmulEngine(const MatmulEngine&) = delete;
  MatmulEngine& operator=(const MatmulEngine&) = delete;
  std::size_t scratchBytes() const;
  std::size_t primitives() const;

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A frozen weight W [N,K] in the layouts that oneDNN wants. `w` is read during construction only.
class PackedMatrix {
 public:
  PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures, bool backward);
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;
  std::int32_t outFeatures() const;  // N
  std::int32_t inFeatures() const;   // K
  bool hasBackward() const;
  std::size_t bytes() const;  // of both packed layouts

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct Matmul {
  const float* x;
  std::int64_t ldx;
  const PackedMatrix* weight;
  float* y;
  std::int64_t ldy;
  const float* bias;      // [N] or null
  const float* residual;  // [T,N] or null
  std::int64_t ldr;
  std::int32_t rows;  // T
};

struct MatmulBackward {
  const float* dy;
  std::int64_t lddy;
  const PackedMatrix* weight;  // made with backward = true
  float* dx;
  std::int64_t lddx;
  std::int32_t rows;
};

// Of `op` only the weight, the strides, whether there is a bias, and whether the residual is y itself are read.
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
