// What norms of queries and keys look like to the operators of a CPU and of a GPU.
#pragma once

#include <cstdint>

namespace loratwin::ops {

// The q, k and v columns of a row, and the heads they hold.
struct NormedHeads {
  std::int32_t q;
  std::int32_t k;
  std::int32_t v;
  std::int32_t heads;    // N
  std::int32_t kvHeads;  // M
  std::int32_t headDim;  // D
};

// And how they are normalised: see head_norm.h.
template <class Real>
struct HeadNormWeights {
  const Real* q;  // null: 1
  const Real* k;  // null: 1
  bool whole;
  float eps;
};

}  // namespace loratwin::ops
