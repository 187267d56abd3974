#include "runtime/steps/lora.h"

#include <algorithm>
#include <string>

#include "ops/lora.h"

namespace loratwin {

void reachTarget(const Reach& r, std::uint32_t target, std::int32_t outFeatures, std::int32_t inFeatures,
                 std::int32_t experts, std::int64_t lds) {
  for (const RunSegment& segment : r.bindings.segments) {
    const AdapterEntry* const entry = segment.adapter->find(target);
    if (entry == nullptr) continue;
    if (!entry->tokens.empty()) r.refuse("target", "adapters with A and B", "rows of tokens");
    if (entry->inFeatures != inFeatures || entry->outFeatures != outFeatures) {
      r.refuse("target", "adapters of [" + std::to_string(outFeatures) + "," + std::to_string(inFeatures) + "]",
               "one of [" + std::to_string(entry->outFeatures) + "," + std::to_string(entry->inFeatures) + "]");
    }
    if (entry->experts != experts) {
      r.refuse("experts", "adapters of " + std::to_string(experts), "one of " + std::to_string(entry->experts));
    }
    if (entry->rank > lds) r.refuse("lds", "at least rank " + std::to_string(entry->rank), std::to_string(lds));
  }
}

void reachTokens(const Reach& r, std::uint32_t target, std::int32_t hidden, std::int32_t vocabulary,
                 std::int64_t columns) {
  for (const RunSegment& segment : r.bindings.segments) {
    const AdapterEntry* const entry = segment.adapter->find(target);
    if (entry == nullptr) continue;
    if (entry->tokens.empty() || entry->inFeatures != hidden) {
      r.refuse("tokens", "adapters with rows of " + std::to_string(hidden), "another entry");
    }
    if (entry->tokens.back() >= vocabulary) {
      r.refuse("tokens", "token ids below " + std::to_string(vocabulary), std::to_string(entry->tokens.back()));
    }
    if (entry->rank > columns) {
      r.refuse("tokenColumns", "at least " + std::to_string(entry->rank), std::to_string(columns));
    }
  }
}

void reachGradients(const Reach& r, std::uint32_t target) {
  if (!r.bindings.caches.empty()) r.refuse("target", "a run of whole sequences", "one with caches");
  for (const RunSegment& segment : r.bindings.segments) {
    if (segment.adapter->isFrozen() && segment.adapter->find(target) != nullptr) {
      r.refuse("target", "adapters that are trained", "a frozen one");
    }
  }
}

Projections::Projections(Fields& f)
    : dtype(f.dtype("dtype")), inFeatures(f.count("inFeatures")), x(f.tensor("x")), ldx(f.stride("ldx", inFeatures)) {
  const auto name = [this](const char* field) { return "projections[" + std::to_string(items.size()) + "]." + field; };
  while (items.empty() || f.given(name("target").c_str())) {
    if (static_cast<std::int32_t>(items.size()) == ops::kLoraProjections) {
      f.refuse("projections", "at most " + std::to_string(ops::kLoraProjections), "more");
    }
    const auto target = static_cast<std::uint32_t>(f.count(name("target").c_str(), 0));
    const std::int32_t outFeatures = f.count(name("outFeatures").c_str());
    const std::int32_t column = f.count(name("column").c_str(), 0);
    const Tensor s = f.tensor(name("s").c_str());
    items.push_back({target, outFeatures, column, s, f.stride(name("lds").c_str(), 1)});
  }
  if (f.given("experts")) places.emplace(f);
}

std::int64_t Projections::columns() const {
  std::int64_t end = 0;
  for (const Projection& p : items) end = std::max(end, std::int64_t{p.column} + p.outFeatures);
  return end;
}

void Projections::reach(const Reach& r) const {
  r.matrix("x", x, ldx, inFeatures, dtype, perRow());
  if (places) places->reach(r);
  const std::int32_t experts = places ? places->counts.experts : 1;
  for (const Projection& p : items) {
    r.matrix("s", p.s, p.lds, p.lds, dtype, perRow());
    reachTarget(r, p.target, p.outFeatures, inFeatures, experts, p.lds);
    for (const RunSegment& segment : r.bindings.segments) {
      if (places && segment.dropout > 0 && segment.adapter->find(p.target) != nullptr) {
        r.refuse("experts", "segments without dropout", std::to_string(segment.dropout));
      }
    }
  }
}

void MagnitudeGiven::reach(const Reach& r) const {
  if (u) r.matrix("u", *u, ldu, outFeatures, dtype);
  for (const RunSegment& segment : r.bindings.segments) {
    const AdapterEntry* const entry = segment.adapter->find(target);
    if (entry == nullptr || !entry->weight || entry->outFeatures == outFeatures) continue;
    r.refuse("target", "adapters of " + std::to_string(outFeatures) + " outputs",
             "one of " + std::to_string(entry->outFeatures));
  }
}

}  // namespace loratwin
