// A block's place among the vectors of flat_tables.h.
#pragma once

#include "cuda/flat_tables.h"
#include "cuda/simt.h"

namespace loratwin::cuda {

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
