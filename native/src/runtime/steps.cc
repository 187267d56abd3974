#include "steps.h"

#include <algorithm>

namespace loratwin {

StepMaker findStep(const std::string& name) {
  for (const StepTable table : {forwardSteps(), loraSteps(), backwardSteps()}) {
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

}  // namespace loratwin
