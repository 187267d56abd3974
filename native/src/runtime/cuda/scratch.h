// Bytes of the scratch of a CUDA device's operators; plan/memory/scratch-bytes.ts has the same formulas.
#pragma once

#include <cstddef>
#include <vector>

#include "ops/bf16.h"
#include "ops/size.h"

namespace loratwin::cuda {

constexpr std::size_t padded(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr std::size_t kScratchLine = 64;

// attentionBackward: delta [T, heads]
constexpr std::size_t attentionScratchBytes(std::size_t rows, std::size_t heads) {
  return (ops::Size(rows) * heads * sizeof(float)).value();
}

// One of the projections that a loraBackward has.
struct LoraScratchProjection {
  std::size_t outFeatures;
  std::size_t lds;
};

// loraBackward: ds [T, lds] of each projection, then the parts of the gradients' sums, each of 512 rows of a segment.
inline std::size_t loraScratchBytes(std::size_t rows, std::size_t segments, std::size_t maxRank, std::size_t inFeatures,
                                    const std::vector<LoraScratchProjection>& projections, ops::DType dtype) {
  constexpr std::size_t kPartRows = 512;
  using ops::Size;
  Size bytes = 0;
  Size part = 0;
  for (const LoraScratchProjection& p : projections) {
    bytes = bytes + (Size(rows) * p.lds * ops::sizeOf(dtype)).roundedUp(kScratchLine);
    part = part + Size(inFeatures).roundedUp(8) * maxRank + Size(maxRank).roundedUp(8) * p.outFeatures;
  }
  return (bytes + (Size(rows / kPartRows) + segments) * part * sizeof(float)).value();
}

// headLoss, of a tile of scored rows: where its logits, their gradient, x and dx lie. A float32 gradient takes the
// place of its logits.
struct HeadScratch {
  std::size_t gradient;
  std::size_t x;
  std::size_t dx;
  // Of adapters on the head: s and ds [tileRows, lds].
  std::size_t s;
  std::size_t ds;
  // Of rows that adapters have of it: g f32 [tileRows, tokenColumns].
  std::size_t g;
  std::size_t bytes;
};
constexpr HeadScratch headScratch(std::size_t tileRows, std::size_t hidden, std::size_t vocabulary, ops::DType dtype,
                                  std::size_t lds = 0, std::size_t tokenColumns = 0) {
  using ops::Size;
  const auto part = [](Size elements, std::size_t bytes) { return (elements * bytes).roundedUp(kScratchLine); };
  const Size elements = Size(vocabulary).roundedUp(8) * tileRows;
  const Size xElements = Size(tileRows) * hidden;
  const Size logits = part(elements, sizeof(float));
  const bool narrow = dtype == ops::DType::bfloat16;
  const Size x = narrow ? logits + part(elements, sizeof(ops::Bf16)) : logits;
  const Size dx = x + part(xElements, ops::sizeOf(dtype));
  const Size s = dx + part(xElements, sizeof(float));
  const Size shrunk = part(Size(tileRows) * lds, ops::sizeOf(dtype));
  const Size g = s + shrunk + shrunk;
  const Size end = g + part(Size(tileRows) * tokenColumns, sizeof(float));
  return {narrow ? logits.value() : 0, x.value(), dx.value(), s.value(), (s + shrunk).value(), g.value(), end.value()};
}

}  // namespace loratwin::cuda
