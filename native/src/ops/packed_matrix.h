// What multiplies on a device, and frozen weights in the layouts that it reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "bf16.h"
#include "quantized.h"

namespace loratwin::ops {

// oneDNN's engine and primitives, and room for each thread's scratchpad and dequantized weights, of one device. Used by
// one operator at a time.
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

// Columns of a quantized weight's right operand [rows, columns] that a thread dequantizes at once: whole panels, 512
// KiB where that is more than one and fewer than 256 columns.
constexpr std::int64_t quantizedColumns(std::int64_t rows, std::int64_t columns) {
  const std::int64_t padded = (rows + 31) / 32 * 32;
  const std::int64_t fitting = (std::int64_t{256} << 10) / padded / 64 * 64;
  const std::int64_t wanted = fitting < 64 ? 64 : fitting > 256 ? 256 : fitting;
  const std::int64_t all = (columns + 63) / 64 * 64;
  return wanted < all ? wanted : all;
}

// What each thread keeps for that.
constexpr std::size_t quantizedScratchBytes(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>((rows + 31) / 32 * 32 * quantizedColumns(rows, columns)) * sizeof(Bf16);
}

// A frozen weight W [N,K], packed in the layouts that oneDNN wants, or for matmul_panels.h; or quantized, kept once
// for both directions. `w` is read during construction only.
class PackedMatrix {
 public:
  PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures, bool backward);
  PackedMatrix(MatmulEngine& engine, const Bf16* w, std::int32_t outFeatures, std::int32_t inFeatures, bool backward);
  PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures,
               Quantization format);
  PackedMatrix(MatmulEngine& engine, const Bf16* w, std::int32_t outFeatures, std::int32_t inFeatures,
               Quantization format);
  // `other`'s memory, read by this engine's threads.
  PackedMatrix(MatmulEngine& engine, const PackedMatrix& other);
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;
  std::int32_t outFeatures() const;  // N
  std::int32_t inFeatures() const;   // K
  bool hasBackward() const;
  bool isQuantized() const;
  DType dtype() const;        // of what it multiplies: bfloat16 for a quantized weight
  std::size_t bytes() const;  // of both packed layouts, or of the codes and scales

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace loratwin::ops
