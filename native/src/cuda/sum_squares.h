// sum_squares: sums[v] = sum_i x_v[i]^2 for the vectors of all adapters, in two launches
//
//   sums lie together, for one copy to the host; a vector's `kept` is a place that lives longer, for an update.
//   x_v [count] f32, accumulated in f64: chunks of kFlatChunk first, then a vector's chunks, both in a fixed order that
//   depends on the vector's own length alone. Relative error against the reference: 1e-13
#pragma once

#include <cstdint>

namespace loratwin::cuda {

struct FlatVector {
  const float* x;
  std::int64_t count;
  double* kept = nullptr;  // gets the vector's sum as well, unless null
};

struct SumSquares {
  const FlatVector* vectors;       // [vectorCount], device memory, as everything here
  const std::int32_t* firstChunk;  // [vectorCount + 1], see flat_tables.h
  std::int32_t vectorCount;
  std::int32_t chunks;  // firstChunk[vectorCount]
  double* partials;     // [chunks], scratch
  double* sums;         // [vectorCount]
};

void sum_squares(const SumSquares& op, void* stream);

}  // namespace loratwin::cuda
