// One launch over many flat vectors: vector v owns blocks firstChunk[v] .. firstChunk[v + 1], each of kFlatChunk
// elements.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/simt.h"

namespace loratwin::cuda {

constexpr int kFlatThreads = 256;
constexpr std::int64_t kFlatChunk = 2048;

// [counts.size() + 1], from 0
inline std::vector<std::int32_t> firstChunks(const std::vector<std::int64_t>& counts) {
  std::vector<std::int32_t> first{0};
  for (const std::int64_t count : counts) {
    first.push_back(first.back() + static_cast<std::int32_t>((count + kFlatChunk - 1) / kFlatChunk));
  }
  return first;
}

// The vector that owns the chunk.
SIMT_DEVICE std::int32_t ownerOf(std::int32_t chunk, const std::int32_t* firstChunk, std::int32_t vectors) {
  std::int32_t low = 0;
  std::int32_t high = vectors - 1;
  while (low < high) {
    const std::int32_t middle = (low + high + 1) / 2;
    if (firstChunk[middle] <= chunk) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace loratwin::cuda
