// The ways in which the rows of a run are cut: sequences (attention, rotary positions), segments (one adapter each)
// and what losses are summed over.
//
//   T rows of the run, packed without padding   K in-features   N out-features   R rank of a segment's adapter
//   Every Real is float in the runtime; the references are also instantiated with double for finite differences.
#pragma once

#include <cstdint>

namespace loratwin::ops {

// Of a sequence that is run in parts, with keys and values in a cache: the cache's row of its position 0, how many
// positions came before the run's rows, and how many the whole has, which long rotary frequencies go by.
struct CachedRows {
  std::int32_t first = 0;
  std::int32_t past = 0;
  std::int32_t total = 0;
};

// Sequence i = rows offsets[i] .. offsets[i + 1]; offsets[0] = 0, offsets[count] = T; may be empty. `cached`: of each
// sequence; null: each is whole.
struct Sequences {
  const std::int32_t* offsets = nullptr;
  std::int32_t count = 0;
  const CachedRows* cached = nullptr;

  std::int32_t past(std::int32_t i) const { return cached == nullptr ? 0 : cached[i].past; }
  std::int64_t position(std::int32_t i, std::int64_t row) const { return row - offsets[i] + past(i); }
  std::int32_t length(std::int32_t i) const {
    return cached == nullptr ? offsets[i + 1] - offsets[i] : cached[i].total;
  }
};

// Rows whose losses are summed: rowStart .. rowEnd, in row order and disjoint; may be empty. Of scale 0 there is no
// gradient.
struct LossSegment {
  std::int32_t rowStart = 0;
  std::int32_t rowEnd = 0;
  float lossScale = 1.0F;
};

// One adapter's rows for one projection. Segments come in row order, do not overlap, and may be empty or leave rows
// uncovered.
template <class Real>
struct LoraSegmentT {
  std::int32_t rowStart = 0;
  std::int32_t rowEnd = 0;
  const Real* a = nullptr;  // [R,K]; null: the adapter has no such target and the segment is skipped
  const Real* b = nullptr;  // [N,R]
  Real* da = nullptr;       // [R,K] accumulated, backward only
  Real* db = nullptr;       // [N,R] accumulated, backward only
  std::int32_t rank = 0;
  float scale = 1.0F;    // alpha / rank
  float dropout = 0.0F;  // probability of dropping, 0 <= p < 1
  std::uint32_t seed[2] = {0, 0};
};
using LoraSegment = LoraSegmentT<float>;

template <class Real>
struct LoraSegmentsT {
  const LoraSegmentT<Real>* items = nullptr;
  std::int32_t count = 0;
  const std::int32_t* rowKeys = nullptr;  // [T]; needed when any segment has dropout > 0
  std::uint32_t target = 0;               // (layer, projection) index within the whole model
};
using LoraSegments = LoraSegmentsT<float>;

}  // namespace loratwin::ops
