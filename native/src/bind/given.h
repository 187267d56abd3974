// What JavaScript gave in rows of numbers, as structs of a device. A number out of range is an ArgumentError.
#pragma once

#include <cstdint>
#include <vector>

#include "bind/rows.h"
#include "runtime/device.h"

namespace loratwin::bind {

// Of a run, all that can be read without a device.
struct GivenBindings {
  Bindings data;
  std::vector<Row<record::Segment>> segments;
  std::vector<Row<record::LossPart>> losses;
  std::vector<Row<record::CachedRows>> caches;
  std::vector<Row<record::Preference>> preferences;
  std::vector<Row<record::SumSquares>> sumSquares;
};

// The rows, and where each space starts.
void placeRun(const Row<record::Run>& from, Bindings& to);
Bindings bound(const Device& device, GivenBindings from);
// `cells`: of each item
std::vector<UpdateItem> bound(const Device& device, const std::vector<Row<record::UpdateItem>>& items,
                              const std::vector<std::vector<std::int64_t>>& cells);
// Of each entry: `createAdapter`.
std::vector<MagnitudeSource> magnitudeSources(const std::vector<Row<record::AdapterEntry>>& rows);
// `tokens`: of the entries without outFeatures, one after another.
std::vector<AdapterEntry> entries(const std::vector<Row<record::AdapterEntry>>& rows,
                                  const std::vector<std::int32_t>& tokens);

}  // namespace loratwin::bind
