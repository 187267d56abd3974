// What attention computes otherwise than softmax(Q K^T / sqrt(D)) over all keys up to the query's. Queries and keys are
// numbered within their sequence.
#pragma once

#include <cmath>
#include <cstdint>

namespace loratwin::ops {

struct AttentionKind {
  float scale = 0.0F;       // of scores; 0: 1 / sqrt(D)
  float softcap = 0.0F;     // c: scaled scores s become c tanh(s / c); 0: they do not
  std::int32_t window = 0;  // keys that a query sees, its own included; 0: all
  std::int32_t chunk = 0;   // a query at t sees keys from chunk floor(t / chunk) on; 0: from 0 on; not beside a window

  float scaleOf(std::int32_t headDim) const {
    return scale != 0.0F ? scale : 1.0F / std::sqrt(static_cast<float>(headDim));
  }
  // The first key that a query sees, and the last query that sees a key of a sequence of `rows`.
  constexpr std::int64_t firstKey(std::int64_t query) const {
    if (window > 0) return query < window ? 0 : query - window + 1;
    return chunk > 0 ? query / chunk * chunk : 0;
  }
  constexpr std::int64_t lastQuery(std::int64_t key, std::int64_t rows) const {
    const std::int64_t last = window > 0 ? key + window - 1 : chunk > 0 ? (key / chunk + 1) * chunk - 1 : rows - 1;
    return last < rows ? last : rows - 1;
  }
};

}  // namespace loratwin::ops
