#include "program.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "errors.h"
#include "fields.h"

namespace loratwin {

namespace {

// Their number is an int32 in the operators.
constexpr std::size_t kMaxOffsets = std::numeric_limits<std::int32_t>::max();

}  // namespace

const char* spaceName(Space space) {
  constexpr const char* names[kSpaces] = {"stash", "work", "in", "out"};
  return names[static_cast<int>(space)];
}

std::int32_t Bindings::maxSequence() const {
  std::int32_t longest = 0;
  for (std::size_t i = 1; i < sequences.size(); i++) longest = std::max(longest, sequences[i] - sequences[i - 1]);
  return longest;
}

std::int32_t Bindings::maxRank() const {
  std::int32_t largest = 0;
  for (const RunSegment& segment : segments) largest = std::max(largest, segment.adapter->maxRank());
  return largest;
}

void Bindings::check() const {
  if (rows < 1) throw ArgumentError("at least 1 row", "bindings.rows", std::to_string(rows));
  if (stashRows < rows) {
    throw ArgumentError("at least as many rows as the run has", "bindings.stashRows", std::to_string(stashRows));
  }
  const auto requireRows = [this](const std::vector<std::int32_t>& data, const char* at) {
    if (data.empty() || data.size() == static_cast<std::size_t>(rows)) return;
    throw ArgumentError(std::to_string(rows) + " elements", at, std::to_string(data.size()));
  };
  requireRows(ids, "bindings.ids");
  requireRows(targets, "bindings.targets");
  requireRows(rowKeys, "bindings.rowKeys");
  if (sequences.size() < 2 || sequences.size() > kMaxOffsets || sequences.front() != 0 || sequences.back() != rows ||
      !std::is_sorted(sequences.begin(), sequences.end())) {
    throw ArgumentError("row offsets from 0 to " + std::to_string(rows) + " that never fall", "bindings.sequences",
                        std::to_string(sequences.size()) + " offsets");
  }
  std::int32_t row = 0;
  bool drops = false;
  std::set<const Adapter*> seen;
  for (std::size_t i = 0; i < segments.size(); i++) {
    const RunSegment& segment = segments[i];
    const std::string at = "bindings.segments[" + std::to_string(i) + "]";
    if (segment.rowStart < row || segment.rowEnd < segment.rowStart || segment.rowEnd > rows) {
      throw ArgumentError("rows in order within 0 .. " + std::to_string(rows), at,
                          std::to_string(segment.rowStart) + " .. " + std::to_string(segment.rowEnd));
    }
    // The gradients of two segments of one adapter would be added to at the same time; with caches there are none.
    if (caches.empty() && !seen.insert(segment.adapter.get()).second) {
      throw ArgumentError("each adapter once", at + ".adapter", "a second segment");
    }
    if (!(segment.dropout >= 0 && segment.dropout < 1)) {
      throw ArgumentError("a probability below 1", at + ".dropout", std::to_string(segment.dropout));
    }
    row = segment.rowEnd;
    drops = drops || segment.dropout > 0;
  }
  if (drops && rowKeys.empty()) {
    throw ArgumentError("row keys, since a segment has dropout", "bindings.rowKeys", "none");
  }
  checkLosses();
  checkCaches();
  for (int space = 0; space < kSpaces; space++) {
    if (bases[space] % 64 != 0) {
      throw ArgumentError("a multiple of 64", std::string("bindings.") + spaceName(static_cast<Space>(space)),
                          std::to_string(bases[space]));
    }
  }
}

void Bindings::checkLosses() const {
  std::int32_t row = 0;
  for (std::size_t i = 0; i < losses.size(); i++) {
    const ops::LossSegment& part = losses[i];
    if (part.rowStart < row || part.rowEnd < part.rowStart || part.rowEnd > rows) {
      throw ArgumentError("rows in order within 0 .. " + std::to_string(rows),
                          "bindings.losses[" + std::to_string(i) + "]",
                          std::to_string(part.rowStart) + " .. " + std::to_string(part.rowEnd));
    }
    row = part.rowEnd;
  }
  const auto count = static_cast<std::int64_t>(losses.size());
  const auto terms = static_cast<std::int64_t>(preferences.size());
  std::set<std::int32_t> scaled;
  for (std::size_t i = 0; i < preferences.size(); i++) {
    const ops::PreferenceTerm& term = preferences[i];
    const std::string at = "bindings.preferences[" + std::to_string(i) + "]";
    for (const ops::PreferenceSide& side : {term.chosen, term.rejected}) {
      if (side.loss >= count || side.reference >= count) {
        throw ArgumentError("losses below " + std::to_string(count), at,
                            std::to_string(std::max(side.loss, side.reference)));
      }
      // The rows of two terms would be scaled at the same time.
      if (side.loss >= 0 && !scaled.insert(side.loss).second) {
        throw ArgumentError("each loss once", at, std::to_string(side.loss));
      }
    }
    if (std::int64_t{term.divergenceFirst} + term.divergenceCount > terms) {
      throw ArgumentError("divergences among " + std::to_string(terms) + " terms", at,
                          std::to_string(term.divergenceFirst) + " and " + std::to_string(term.divergenceCount));
    }
  }
}

void Bindings::checkCaches() const {
  std::int32_t least = 0;
  for (std::size_t i = 0; i < logitRows.size(); i++) {
    if (logitRows[i] < least || logitRows[i] >= rows) {
      throw ArgumentError("rows in ascending order below " + std::to_string(rows),
                          "bindings.logitRows[" + std::to_string(i) + "]", std::to_string(logitRows[i]));
    }
    least = logitRows[i] + 1;
  }
  if (caches.empty()) return;
  if (caches.size() != sequences.size() - 1) {
    throw ArgumentError("one for each of " + std::to_string(sequences.size() - 1) + " sequences", "bindings.caches",
                        std::to_string(caches.size()));
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  for (std::size_t i = 0; i < caches.size(); i++) {
    const ops::CachedRows& own = caches[i];
    const std::int64_t end = std::int64_t{own.past} + sequences[i + 1] - sequences[i];
    if (own.first + end > stashRows || end > own.total) {
      throw ArgumentError("rows within the stash of " + std::to_string(stashRows) + ", and a total that has them",
                          "bindings.caches[" + std::to_string(i) + "]",
                          std::to_string(own.first) + " + " + std::to_string(end) + " of " + std::to_string(own.total));
    }
    if (end > 0) ranges.emplace_back(own.first, own.first + end);
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); i++) {
    if (ranges[i].first < ranges[i - 1].second) {
      throw ArgumentError("rows that no two sequences share", "bindings.caches",
                          std::to_string(ranges[i].first) + " twice");
    }
  }
}

void Reach::refuse(const char* field, const std::string& expected, const std::string& got) const {
  throw ArgumentError(expected, *step_ + "." + field, got);
}

void Reach::bytes(const char* field, Tensor tensor, ops::Size count) const {
  const ops::Size end = bindings.placeOf(tensor) + count;
  if (end.value() > arenaBytes_) {
    refuse(field, "an end within the arena of " + std::to_string(arenaBytes_) + " bytes",
           end.isTooLarge() ? "one beyond all memory" : std::to_string(end.value()));
  }
}

void Reach::matrix(const char* field, Tensor tensor, std::int64_t ld, std::int64_t columns, ops::DType type,
                   std::int32_t perRow) const {
  const std::int64_t rows = std::int64_t{bindings.rows} * perRow;
  if (rows > std::numeric_limits<std::int32_t>::max()) {
    refuse("perRow", "fewer than 2^31 places of " + std::to_string(bindings.rows) + " rows", std::to_string(rows));
  }
  const ops::Size before = ops::Size(static_cast<std::size_t>(rows) - 1) * static_cast<std::size_t>(ld);
  bytes(field, tensor, (before + static_cast<std::size_t>(columns)) * ops::sizeOf(type));
}

void Reach::present(const char* binding, const std::vector<std::int32_t>& data) const {
  if (data.empty()) refuse(binding, std::string("a run with ") + binding, "none");
}

namespace {

// Null: no such operator.
StepMaker findStep(const StepTables& tables, const std::string& name) {
  for (const StepTable table : tables) {
    const auto found = std::find_if(table.begin(), table.end(), [&](const StepEntry& e) { return name == e.name; });
    if (found != table.end()) return found->make;
  }
  return nullptr;
}

}  // namespace

Program::Program(const std::vector<RawOperator>& operators, const Weights& weights, const StepTables& tables) {
  for (std::size_t i = 0; i < operators.size(); i++) {
    const RawOperator& raw = operators[i];
    std::string label = "operators[" + std::to_string(i) + "] (" + raw.name + ")";
    const StepMaker maker = findStep(tables, raw.name);
    if (maker == nullptr) throw ArgumentError("an operator", label, raw.name);
    for (const auto& [field, value] : raw.fields) {
      const Tensor* const tensor = std::get_if<Tensor>(&value);
      if (tensor != nullptr && tensor->offset % 64 != 0) {
        throw ArgumentError("an offset that is a multiple of 64", label + "." + field, std::to_string(tensor->offset));
      }
    }
    Fields fields(raw, weights, label);
    std::unique_ptr<Step> step = maker(fields);
    fields.finish();
    widestRow_ = std::max(widestRow_, fields.widest());
    step->label = std::move(label);
    step->arguments = fields.arguments();
    steps_.push_back(std::move(step));
  }
}

void Program::check(const Bindings& bindings, std::size_t arenaBytes, int threads) const {
  bindings.check();
  Reach reach(bindings, arenaBytes, threads);
  for (const std::unique_ptr<Step>& step : steps_) {
    reach.enter(&step->label);
    step->reach(reach);
  }
}

bool Program::givesLosses() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const auto& step) { return step->givesLosses; });
}

}  // namespace loratwin
