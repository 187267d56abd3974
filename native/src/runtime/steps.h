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

// The parts of the table: [entries, entries + count).
struct StepTable {
  const StepEntry* entries;
  int count;
};
StepTable forwardSteps();
StepTable backwardSteps();
StepTable loraSteps();

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

}  // namespace loratwin
