// The table of operators that a program can name. A new one is a struct (fields, reach, run) and a line in the table.
#pragma once

#include <memory>
#include <string>

#include "fields.h"
#include "program.h"

namespace loratwin {

using StepMaker = std::unique_ptr<Step> (*)(Fields& fields);

// Null: no such operator.
StepMaker findStep(const std::string& name);

struct StepEntry {
  const char* name;
  StepMaker make;
};

template <class Kind>
std::unique_ptr<Step> makeStep(Fields& fields) {
  return std::make_unique<Kind>(fields);
}

// The two halves of the table: [entries, entries + count).
struct StepTable {
  const StepEntry* entries;
  int count;
};
StepTable forwardSteps();
StepTable backwardSteps();

// The q, k and v columns of a packed projection.
struct HeadColumns {
  explicit HeadColumns(Fields& fields);
  std::int64_t columns() const;  // one past the last column of q, k and v

  std::int32_t headDim;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t q;
  std::int32_t k;
  std::int32_t v;
};

// Fills run.loraSegments with the segments of `target`. `backward` adds the gradients.
ops::LoraSegments loraSegments(Run& run, std::uint32_t target, bool backward);
// Checks the entries of `target` in all bound adapters against the operator's shape.
void reachLora(const Reach& reach, std::uint32_t target, std::int32_t inFeatures, std::int32_t outFeatures,
               std::int64_t lds);

}  // namespace loratwin
