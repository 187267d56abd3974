// Places of pairs of a row and one of its experts (ops/route.h): what fields share that name them.
#pragma once

#include "runtime/fields.h"

namespace loratwin {

// E and k.
struct ExpertCounts {
  explicit ExpertCounts(Fields& f) : experts(f.count("experts")), perRow(f.count("perRow")) {
    if (perRow > experts) f.refuse("perRow", "at most " + std::to_string(experts), std::to_string(perRow));
  }

  const std::int32_t experts;
  const std::int32_t perRow;
};

// One 32-bit number of each pair, or place.
inline void reachPairs(const Reach& r, const char* field, Tensor tensor, std::int32_t perRow) {
  r.matrix(field, tensor, 1, 1, ops::DType::float32, perRow);
}

inline void reachStarts(const Reach& r, Tensor starts, std::int32_t experts) {
  r.bytes("starts", starts, (ops::Size(static_cast<std::size_t>(experts)) + 1) * sizeof(std::int32_t));
}

}  // namespace loratwin
