#include "steps.h"

#include <algorithm>
#include <cstring>

namespace loratwin {

StepMaker findStep(const std::string& name) {
  for (const StepTable table : {forwardSteps(), backwardSteps()}) {
    const StepEntry* const end = table.entries + table.count;
    const StepEntry* const found = std::find_if(table.entries, end, [&](const StepEntry& e) { return name == e.name; });
    if (found != end) return found->make;
  }
  return nullptr;
}

HeadColumns::HeadColumns(Fields& fields)
    : headDim(fields.count("headDim")),
      heads(fields.count("heads")),
      kvHeads(fields.count("kvHeads")),
      q(fields.count("qColumn", 0)),
      k(fields.count("kColumn", 0)),
      v(fields.count("vColumn", 0)) {
  if (heads % kvHeads != 0) fields.refuse("kvHeads", "a divisor of " + std::to_string(heads), std::to_string(kvHeads));
}

std::int64_t HeadColumns::columns() const {
  const std::int64_t kvWidth = std::int64_t{kvHeads} * headDim;
  return std::max({q + std::int64_t{heads} * headDim, k + kvWidth, v + kvWidth});
}

ops::LoraSegments loraSegments(Run& run, std::uint32_t target, bool backward) {
  run.loraSegments.clear();
  for (const RunSegment& from : run.bindings.segments) {
    ops::LoraSegment to;
    to.rowStart = from.rowStart;
    to.rowEnd = from.rowEnd;
    to.dropout = from.dropout;
    std::memcpy(to.seed, from.seed, sizeof to.seed);
    if (const AdapterEntry* const entry = from.adapter->find(target)) {
      float* const parameters = from.adapter->part(AdapterPart::parameters) + entry->offset;
      to.a = parameters;
      to.b = parameters + entry->sizeA();
      to.rank = entry->rank;
      to.scale = entry->scale;
      if (backward) {
        to.da = from.adapter->part(AdapterPart::gradients) + entry->offset;
        to.db = to.da + entry->sizeA();
      }
    }
    run.loraSegments.push_back(to);
  }
  ops::LoraSegments segments;
  segments.items = run.loraSegments.data();
  segments.count = static_cast<std::int32_t>(run.loraSegments.size());
  segments.rowKeys = run.bindings.rowKeys.empty() ? nullptr : run.bindings.rowKeys.data();
  segments.target = target;
  return segments;
}

void reachLora(const Reach& reach, std::uint32_t target, std::int32_t inFeatures, std::int32_t outFeatures,
               std::int64_t lds) {
  for (const RunSegment& segment : reach.bindings.segments) {
    const AdapterEntry* const entry = segment.adapter->find(target);
    if (entry == nullptr) continue;
    if (entry->inFeatures != inFeatures || entry->outFeatures != outFeatures) {
      reach.refuse("target", "adapters of [" + std::to_string(outFeatures) + "," + std::to_string(inFeatures) + "]",
                   "one of [" + std::to_string(entry->outFeatures) + "," + std::to_string(entry->inFeatures) + "]");
    }
    if (entry->rank > lds) reach.refuse("lds", "at least rank " + std::to_string(entry->rank), std::to_string(lds));
  }
}

}  // namespace loratwin
