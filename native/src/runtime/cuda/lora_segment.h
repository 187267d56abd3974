// A run's segment as LoRA's kernels take it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "cuda/lora.h"
#include "cuda/token_rows.h"
#include "ops/dropout.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/steps.h"
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

// The run's segments whose adapters have rows of a target, those with rows of a head numbered by `placeOf`.
template <class Store, class PlaceOf>
cuda::TokenSegmentsT<Store> tokenSegments(CudaRun& r, std::uint32_t target, std::int32_t hidden, PlaceOf&& placeOf) {
  std::vector<cuda::TokenSegmentT<Store>> items;
  cuda::TokenSegmentsT<Store> all{};
  for (const RunSegment& from : r.bindings.segments) {
    const AdapterEntry* const entry = from.adapter->find(target);
    const std::int32_t first = placeOf(from.rowStart);
    const std::int32_t end = placeOf(from.rowEnd);
    if (entry == nullptr || first >= end) continue;
    const auto own = loraSegment<Store>(from, target);
    items.push_back({first, end, entry->rank, r.slot.table(entry->tokens), own.a, own.da});
    all.maxRows = std::max(all.maxRows, end - first);
    all.maxTokens = std::max(all.maxTokens, entry->rank);
  }
  all.items = r.slot.table(items);
  all.count = static_cast<std::int32_t>(items.size());
  all.hidden = hidden;
  all.ld = static_cast<std::int32_t>(cuda::padded(static_cast<std::size_t>(hidden), 8));
  r.dependsOn(static_cast<std::uint64_t>(all.maxRows));
  r.dependsOn(static_cast<std::uint64_t>(all.maxTokens));
  r.dependsOn(static_cast<std::uint64_t>(all.count));
  return all;
}

}  // namespace loratwin
