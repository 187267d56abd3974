// The dropout mask of a segment, on tiles in shared memory and on single values.
#pragma once

#include "cuda/lora.h"
#include "cuda/rows.h"
#include "cuda/tile.h"
#include "ops/dropout.h"

namespace loratwin::cuda {

template <class Store>
SIMT_DEVICE ops::DropoutRow maskRow(const LoraRunT<Store>& run, const LoraSegmentT<Store>& segment, std::int64_t row) {
  return ops::dropoutRow(segment.seed, run.rowKeys[row], segment.target);
}

template <class Store>
SIMT_DEVICE bool kept(const LoraSegmentT<Store>& segment, ops::DropoutRow hash, std::int64_t column) {
  return ops::dropoutKeep(hash, static_cast<std::uint32_t>(column), segment.dropThreshold);
}

// Zeros what is dropped among this thread's own pieces of a tile whose corner is x[row0, column0]; rows of the tile
// from `rows` on stay. The factor 1 / (1 - p) is left to the sum.
template <int kRows, int kColumns, int kThreads>
SIMT_DEVICE void dropTile(Bf16* tile, const LoraRun& run, const LoraSegment& segment, std::int64_t row0,
                          std::int64_t rows, std::int64_t column0) {
  if (segment.dropThreshold == 0) return;
  forOwnPieces<kRows, kColumns, kThreads>([&](int row, int column) {
    if (row >= rows) return;
    const ops::DropoutRow hash = maskRow(run, segment, row0 + row);
    Bf16* const piece = tile + row * Tile<kRows, kColumns>::kStride + column;
    float values[kChunk];
    loadChunk(values, piece, kChunk);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      if (!kept(segment, hash, column0 + column + i)) values[i] = 0.0F;
    }
    storeChunk(piece, values, kChunk);
  });
}

}  // namespace loratwin::cuda
