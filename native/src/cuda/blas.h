// Products with frozen weights, which a library does: blas_cublaslt.cc on a GPU, blas_emulated.cc in plain loops.
//
//   forward:   y [T,N] = x [T,K] W^T (+ what is in y) (+ residual)      backward:  y [T,K] = x [T,N] W
//   W [N,K] without gaps; x and W float32 or bfloat16, y float32 or bfloat16 (float32 where x is float32)
//   residual [T,N] f32, may be y. Sums f32; float32 products on a GPU are not rounded to TF32.
//   Equal calls give equal bytes on one device.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ops/bf16.h"

namespace loratwin::cuda {

struct Product {
  const void* x;
  std::int64_t ldx;
  const void* weight;
  ops::DType type;   // of x and W
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

// A way in which a library does a product, in its own words, which only the same version of it understands.
using ProductAlgorithm = std::array<std::uint64_t, 8>;

// What a product is, apart from its rows and strides.
struct ProductForm {
  bool backward;
  ops::DType type;
  ops::DType yType;
  bool adds;  // to what is in y, or a residual
  std::int32_t out;
  std::int32_t in;
  auto operator<=>(const ProductForm&) const = default;
};
inline ProductForm formOf(const Product& op) {
  return {op.backward, op.type, op.yType, op.accumulate || op.residual != nullptr, op.out, op.in};
}

// The way that was the fastest at so many rows.
struct ProductChoice {
  ProductForm form;
  std::int32_t rows;
  ProductAlgorithm algorithm;
};

// Nanoseconds that a GPU takes for what body() gives to the stream; waits for it.
using Stopwatch = std::function<std::int64_t(void* stream, const std::function<void()>& body)>;

struct BlasOptions {
  // [kBlasWorkspaceBytes] of device memory, which outlives the library's use.
  void* workspace;
  // Of earlier measurements, for libraryName() alone: the caller compares.
  std::vector<ProductChoice> choices = {};
  // When given, a product that is new in its rows or form is done in every way that the library offers, several times,
  // and from then on in the fastest. What is in y is no result then.
  Stopwatch stopwatch = {};
};

class Blas {
 public:
  virtual ~Blas() = default;
  virtual void multiply(const Product& op, void* stream) = 0;
  // Those that were given and those that were measured. From any thread.
  virtual std::vector<ProductChoice> choices() const = 0;
};

// How much device memory the library may use of its own accord.
constexpr std::size_t kBlasWorkspaceBytes = std::size_t{32} << 20;

// Name and version of the library: "cuBLASLt 13.1.0". Throws std::runtime_error when there is none.
std::string libraryName();

// For one stream of the device in use. Throws std::runtime_error when there is no library that does it.
std::unique_ptr<Blas> makeBlas(BlasOptions options);

}  // namespace loratwin::cuda
