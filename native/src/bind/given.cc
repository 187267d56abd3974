#include "bind/given.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace loratwin::bind {

void placeRun(const Row<record::Run>& from, Bindings& to) {
  using record::Run;
  constexpr const char* at = "bindings";
  to.rows = from.whole32(Run::rows, at, 1);
  to.stashRows = from.whole32(Run::stashRows, at, 1);
  const auto place = [&](Space space, Run::Field field) {
    to.bases[static_cast<int>(space)] = static_cast<std::size_t>(from.whole(field, at));
  };
  place(Space::stash, Run::stash);
  place(Space::work, Run::work);
  place(Space::in, Run::in);
  place(Space::out, Run::out);
}

namespace {

// What losses are summed over: one sum of each segment where nothing else is said.
void placeLosses(const GivenBindings& from, Bindings& to) {
  using record::LossPart;
  constexpr const char* at = "bindings.losses";
  for (const Row<LossPart>& row : from.losses) {
    to.losses.push_back({row.whole32(LossPart::rowStart, at), row.whole32(LossPart::rowEnd, at),
                         row.finite32(LossPart::lossScale, at)});
  }
  if (!from.losses.empty()) return;
  for (const RunSegment& segment : to.segments) {
    to.losses.push_back({segment.rowStart, segment.rowEnd, segment.lossScale});
  }
}

ops::PreferenceTerm preference(const Row<record::Preference>& row) {
  using record::Preference;
  constexpr const char* at = "bindings.preferences";
  const auto index = [&](Preference::Field field) { return row.whole32(field, at, -1); };
  ops::PreferenceTerm term;
  term.curve = static_cast<ops::PreferenceCurve>(row.whole(Preference::curve, at, 0, ops::kPreferenceCurves - 1));
  term.chosen = {index(Preference::chosen), index(Preference::chosenReference),
                 row.finite(Preference::chosenShare, at)};
  term.rejected = {index(Preference::rejected), index(Preference::rejectedReference),
                   row.finite(Preference::rejectedShare, at)};
  term.odds = static_cast<std::int32_t>(row.whole(Preference::odds, at, 0, 1));
  term.beta = row.finite(Preference::beta, at);
  term.offset = row.finite(Preference::offset, at);
  term.up = row.finite(Preference::up, at);
  term.down = row.finite(Preference::down, at);
  term.weight = row.finite(Preference::weight, at);
  term.chosenWeight = row.finite(Preference::chosenWeight, at);
  term.divergenceFirst = row.whole32(Preference::divergenceFirst, at);
  term.divergenceCount = row.whole32(Preference::divergenceCount, at);
  return term;
}

}  // namespace

Bindings bound(const Device& device, GivenBindings from) {
  Bindings result = std::move(from.data);
  using record::Segment;
  constexpr std::int64_t kMaxWord = std::numeric_limits<std::uint32_t>::max();
  for (const Row<Segment>& row : from.segments) {
    constexpr const char* at = "bindings.segments";
    RunSegment segment;
    segment.adapter = device.adapter(row.whole(Segment::adapter, at));
    segment.rowStart = row.whole32(Segment::rowStart, at);
    segment.rowEnd = row.whole32(Segment::rowEnd, at);
    segment.lossScale = row.finite32(Segment::lossScale, at);
    segment.dropout = row.finite32(Segment::dropout, at);
    segment.seed[0] = static_cast<std::uint32_t>(row.whole(Segment::seedLow, at, 0, kMaxWord));
    segment.seed[1] = static_cast<std::uint32_t>(row.whole(Segment::seedHigh, at, 0, kMaxWord));
    result.segments.push_back(std::move(segment));
  }
  placeLosses(from, result);
  for (const Row<record::CachedRows>& row : from.caches) {
    using record::CachedRows;
    constexpr const char* at = "bindings.caches";
    result.caches.push_back(
        {row.whole32(CachedRows::first, at), row.whole32(CachedRows::past, at), row.whole32(CachedRows::total, at)});
  }
  for (const Row<record::Preference>& row : from.preferences) result.preferences.push_back(preference(row));
  using record::SumSquares;
  for (const Row<SumSquares>& row : from.sumSquares) {
    constexpr const char* at = "bindings.sumSquares";
    double* const cell = device.runtime().normCell(row.whole(SumSquares::cell, at));
    result.sumSquares.push_back({device.adapter(row.whole(SumSquares::adapter, at)), cell});
  }
  return result;
}

std::vector<UpdateItem> bound(const Device& device, const std::vector<Row<record::UpdateItem>>& items,
                              const std::vector<std::vector<std::int64_t>>& cells) {
  using Item = record::UpdateItem;
  constexpr const char* at = "items";
  if (cells.size() != items.size()) {
    throw ArgumentError(std::to_string(items.size()) + " lists", "normCells", std::to_string(cells.size()));
  }
  std::vector<UpdateItem> result;
  for (const Row<Item>& from : items) {
    UpdateItem item;
    item.adapter = device.adapter(from.whole(Item::adapter, at));
    item.step = from.whole(Item::step, at, 1);
    item.learningRate = from.finite(Item::learningRate, at);
    item.learningRateB = from.finite(Item::learningRateB, at);
    item.beta1 = from.finite(Item::beta1, at);
    item.beta2 = from.finite(Item::beta2, at);
    item.eps = from.finite(Item::eps, at);
    item.weightDecay = from.finite(Item::weightDecay, at);
    item.maxGradNorm = from.finite(Item::maxGradNorm, at);
    item.toldParts = std::min(static_cast<std::size_t>(from.whole(Item::told, at)), kToldParts.size());
    for (const std::int64_t cell : cells[result.size()]) item.normCells.push_back(device.runtime().normCell(cell));
    result.push_back(std::move(item));
  }
  return result;
}

std::vector<MagnitudeSource> magnitudeSources(const std::vector<Row<record::AdapterEntry>>& rows) {
  using Entry = record::AdapterEntry;
  constexpr const char* at = "createAdapter";
  std::vector<MagnitudeSource> result;
  for (const Row<Entry>& from : rows) {
    result.push_back({from.whole(Entry::weight, at, -1), from.whole32(Entry::column, at)});
  }
  return result;
}

std::vector<AdapterEntry> entries(const std::vector<Row<record::AdapterEntry>>& rows,
                                  const std::vector<std::int32_t>& tokens) {
  using Entry = record::AdapterEntry;
  constexpr const char* at = "createAdapter";
  std::vector<AdapterEntry> result;
  auto next = tokens.begin();
  for (const Row<Entry>& from : rows) {
    AdapterEntry entry;
    entry.target = static_cast<std::uint32_t>(from.whole32(Entry::target, at));
    entry.rank = from.whole32(Entry::rank, at);
    entry.inFeatures = from.whole32(Entry::inFeatures, at);
    entry.outFeatures = from.whole32(Entry::outFeatures, at);
    entry.scale = from.finite32(Entry::scale, at);
    entry.experts = from.whole32(Entry::experts, at);
    if (entry.outFeatures == 0) {
      if (entry.rank > tokens.end() - next) {
        throw ArgumentError("an id for each row of an entry without outFeatures", "createAdapter.tokens",
                            std::to_string(tokens.size()));
      }
      entry.tokens.assign(next, next + entry.rank);
      next += entry.rank;
    }
    result.push_back(std::move(entry));
  }
  if (next != tokens.end()) {
    throw ArgumentError("only ids of entries without outFeatures", "createAdapter.tokens",
                        std::to_string(tokens.size()));
  }
  return result;
}

}  // namespace loratwin::bind
