// A run's segment as LoRA's kernels take it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/lora.h"
#include "ops/dropout.h"
#include "runtime/program.h"

namespace loratwin {

// Rows and dropout of a segment, and the factors of its adapter's target; rank 0 where it has none.
template <class Store>
cuda::LoraSegmentT<Store> loraSegment(const RunSegment& from, std::uint32_t target) {
  cuda::LoraSegmentT<Store> to{};
  to.rowStart = from.rowStart;
  to.rowEnd = from.rowEnd;
  to.keepScale = 1.0F / (1.0F - from.dropout);
  to.dropThreshold = ops::dropoutThreshold(from.dropout);
  to.seed[0] = from.seed[0];
  to.seed[1] = from.seed[1];
  to.target = target;
  const AdapterEntry* const entry = from.adapter->find(target);
  if (entry == nullptr) return to;
  const Store* parameters;
  if constexpr (std::is_same_v<Store, float>) {
    parameters = from.adapter->part(AdapterPart::parameters);
  } else {
    parameters = reinterpret_cast<const Store*>(from.adapter->rounded());
  }
  to.rank = entry->rank;
  to.scale = entry->scale;
  to.a = parameters + entry->offset;
  to.b = to.a + entry->sizeA();
  to.da = from.adapter->part(AdapterPart::gradients) + entry->offset;
  to.db = to.da + entry->sizeA();
  return to;
}

}  // namespace loratwin
