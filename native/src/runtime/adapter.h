// An adapter's flat vectors: parameters, gradients and the two moments, equally long.
// Layout: for each entry in order A [rank, inFeatures], then B [outFeatures, rank].
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory.h"

namespace loratwin {

struct AdapterEntry {
  std::uint32_t target = 0;  // (layer of the whole model, projection)
  std::int32_t rank = 0;
  std::int32_t inFeatures = 0;
  std::int32_t outFeatures = 0;
  float scale = 1.0F;      // alpha / rank
  std::size_t offset = 0;  // of A in the flat layout, in elements

  std::size_t sizeA() const { return static_cast<std::size_t>(rank) * static_cast<std::size_t>(inFeatures); }
  std::size_t sizeB() const { return static_cast<std::size_t>(rank) * static_cast<std::size_t>(outFeatures); }
};

enum class AdapterPart { parameters, gradients, firstMoment, secondMoment };

class Adapter {
 public:
  // Throws ArgumentError when a target comes twice.
  Adapter(std::shared_ptr<MemoryMeter> meter, std::vector<AdapterEntry> entries);

  std::size_t count() const { return count_; }
  float* part(AdapterPart which) const { return buffer_.floats() + static_cast<std::size_t>(which) * stride_; }
  // Null: the adapter has no such target.
  const AdapterEntry* find(std::uint32_t target) const;
  std::int32_t maxRank() const { return maxRank_; }

  std::atomic<int> pending{0};  // tasks that use it

 private:
  std::vector<AdapterEntry> entries_;
  std::size_t count_;
  std::size_t stride_;  // count rounded up to 64 bytes
  Buffer buffer_;
  std::vector<std::int32_t> indexOfTarget_;
  std::int32_t maxRank_ = 0;
};

}  // namespace loratwin
