// One launch over many flat vectors: vector v owns blocks firstChunk[v] .. firstChunk[v + 1], each of kFlatChunk
// elements.
#pragma once

#include <cstdint>
#include <vector>

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

}  // namespace loratwin::cuda
