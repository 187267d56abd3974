// What packed_matrix.cc and matmul.cc share.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "aligned_memory.h"
#include "onednn.h"
#include "packed_matrix.h"

namespace loratwin::ops {

struct MatmulEngine::Impl {
  explicit Impl(int threads) : onednn(threads), panels(static_cast<std::size_t>(threads)) {}
  OnednnEngine onednn;
  std::vector<AlignedMemory> panels;  // of each thread: a quantized weight's columns, dequantized
};

// Direction 0 is x W^T, 1 is dy W.
struct PackedMatrix::Impl {
  std::int32_t outFeatures = 0;
  std::int32_t inFeatures = 0;
  DType dtype = DType::float32;
  bool panelled = false;  // packed, or dequantized, for matmul_panels.h, and not for oneDNN
  // Of one or more matrices, each with an engine of its own; nothing writes to it once it is packed. One of the three.
  std::shared_ptr<const QuantizedMatrix> quantized;
  std::shared_ptr<const AlignedMemory> storage[2];
  std::shared_ptr<const OnednnMatrix> packed[2];

  std::int64_t in(int direction) const { return direction == 0 ? inFeatures : outFeatures; }
  std::int64_t out(int direction) const { return direction == 0 ? outFeatures : inFeatures; }
};

}  // namespace loratwin::ops
