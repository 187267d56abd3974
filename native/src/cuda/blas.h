// Products with frozen weights, which a library does: blas_cublaslt.cc on a GPU, blas_emulated.cc in plain loops.
//
//   forward:   y [T,N] = x [T,K] W^T (+ what is in y) (+ residual)      backward:  y [T,K] = x [T,N] W
//   W [N,K] without gaps; x and W float32 or bfloat16, y float32 or bfloat16 (float32 where x is float32)
//   residual [T,N] f32, may be y. Sums f32; float32 products on a GPU round to TF32 only where that is allowed.
//   Equal calls give equal bytes on one device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ops/bf16.h"

namespace loratwin::cuda {

struct Product {
  const void* x;
  std::int64_t ldx;
  const void* weight;
  ops::DType type;  // of x and W
  std::int32_t out;  // N
  std::int32_t in;   // K
  bool backward;
  void* y;
  ops::DType yType;
  std::int64_t ldy;
  bool accumulate;        // forward: into y as it is
  const float* residual;  // forward, null: none
  std::int64_t ldr;
  std::int32_t rows;  // T
};

class Blas {
 public:
  virtual ~Blas() = default;
  virtual void multiply(const Product& op, void* stream) = 0;
};

// How much device memory the library may use of its own accord.
constexpr std::size_t kBlasWorkspaceBytes = std::size_t{32} << 20;

// For one stream of the device in use. `workspace` [kBlasWorkspaceBytes] of device memory outlives it. Throws
// std::runtime_error when there is no library that does it.
std::unique_ptr<Blas> makeBlas(void* workspace, bool allowTf32);

}  // namespace loratwin::cuda
