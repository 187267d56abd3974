// The oneDNN engine of a device, and frozen weights in the layouts that its matmuls read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "bf16.h"

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

// A frozen weight W [N,K], packed in the layouts that oneDNN wants, or for matmul_widened.h. `w` is read during
// construction only.
class PackedMatrix {
 public:
  PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures, bool backward);
  PackedMatrix(MatmulEngine& engine, const Bf16* w, std::int32_t outFeatures, std::int32_t inFeatures, bool backward);
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;
  std::int32_t outFeatures() const;  // N
  std::int32_t inFeatures() const;   // K
  bool hasBackward() const;
  DType dtype() const;
  std::size_t bytes() const;  // of both packed layouts

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace loratwin::ops
