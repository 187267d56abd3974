// Where a segment's rows and factors lie at an expert.
#pragma once

#include "cuda/lora.h"
#include "cuda/simt.h"

namespace loratwin::cuda {

// The first of the places begin .. end - 1 whose row is `row` or later.
SIMT_DEVICE std::int32_t firstPlace(const LoraPlaces& places, std::int32_t begin, std::int32_t end, std::int32_t row) {
  while (begin < end) {
    const std::int32_t middle = begin + (end - begin) / 2;
    if (places.order[middle] / places.perRow < row) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

template <class Store>
SIMT_DEVICE LoraSegmentT<Store> atExpert(const LoraRunT<Store>& run, LoraSegmentT<Store> segment, std::int64_t expert) {
  const std::int32_t begin = run.places.starts[expert];
  const std::int32_t end = run.places.starts[expert + 1];
  const std::int32_t rowEnd = segment.rowEnd;
  segment.rowStart = firstPlace(run.places, begin, end, segment.rowStart);
  segment.rowEnd = firstPlace(run.places, segment.rowStart, end, rowEnd);
  const std::int64_t a = expert * segment.rank * run.lda;
  const std::int64_t b = expert * segment.outFeatures * ldb(segment.rank);
  segment.a += a;
  segment.b += b;
  segment.da += a;
  segment.db += b;
  return segment;
}

// A block's tile of a grid in which each comes once for every expert: of the segment at the expert, the places from
// `row` on; none where that is past the segment's end.
struct ExpertTile {
  std::int32_t index;  // of the segment
  std::int64_t expert;
  LoraSegment segment;
  std::int64_t row;
};

SIMT_DEVICE ExpertTile expertTile(const LoraRun& run, const LoraTile* tiles) {
  const auto block = static_cast<std::int32_t>(blockIdx.x);
  const LoraTile tile = tiles[block / run.places.experts];
  const std::int64_t expert = block % run.places.experts;
  const LoraSegment& whole = run.segments[tile.segment];
  const LoraSegment segment = atExpert(run, whole, expert);
  return {tile.segment, expert, segment, std::int64_t{segment.rowStart} + tile.row - whole.rowStart};
}

constexpr unsigned blocksOf(const LoraRun& run, std::int32_t tileCount) {
  return static_cast<unsigned>(tileCount) * static_cast<unsigned>(run.places.experts == 0 ? 1 : run.places.experts);
}

}  // namespace loratwin::cuda
