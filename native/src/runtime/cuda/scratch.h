// Bytes of the scratch of a CUDA device's operators; plan/memory/scratch-bytes.ts has the same formulas.
#pragma once

#include <cstddef>
#include <vector>

#include "ops/bf16.h"

namespace loratwin::cuda {

constexpr std::size_t padded(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr std::size_t kScratchLine = 64;

// attentionBackward: delta [T, heads]
constexpr std::size_t attentionScratchBytes(std::size_t rows, std::size_t heads) { return rows * heads * sizeof(float); }

// One of the projections that a loraBackward has.
struct LoraScratchProjection {
  std::size_t outFeatures;
  std::size_t lds;
};

// loraBackward: ds [T, lds] of each projection, then the parts of the gradients' sums, each of 512 rows of a segment.
inline std::size_t loraScratchBytes(std::size_t rows, std::size_t segments, std::size_t maxRank, std::size_t inFeatures,
                                    const std::vector<LoraScratchProjection>& projections, ops::DType dtype) {
  constexpr std::size_t kPartRows = 512;
  std::size_t bytes = 0;
  std::size_t part = 0;
  for (const LoraScratchProjection& p : projections) {
    bytes += padded(rows * p.lds * ops::sizeOf(dtype), kScratchLine);
    part += maxRank * padded(inFeatures, 8) + p.outFeatures * padded(maxRank, 8);
  }
  return bytes + (rows / kPartRows + segments) * part * sizeof(float);
}

// headLoss, of a tile of scored rows: where its logits, their gradient, x and dx lie. A float32 gradient takes the
// place of its logits.
struct HeadScratch {
  std::size_t gradient;
  std::size_t x;
  std::size_t dx;
  std::size_t bytes;
};
constexpr HeadScratch headScratch(std::size_t tileRows, std::size_t hidden, std::size_t vocabulary, ops::DType dtype) {
  const std::size_t elements = tileRows * padded(vocabulary, 8);
  const std::size_t logits = padded(elements * sizeof(float), kScratchLine);
  const bool narrow = dtype == ops::DType::bfloat16;
  const std::size_t x = logits + (narrow ? padded(elements * sizeof(ops::Bf16), kScratchLine) : 0);
  const std::size_t dx = x + padded(tileRows * hidden * ops::sizeOf(dtype), kScratchLine);
  return {narrow ? logits : 0, x, dx, dx + padded(tileRows * hidden * sizeof(float), kScratchLine)};
}

}  // namespace loratwin::cuda
