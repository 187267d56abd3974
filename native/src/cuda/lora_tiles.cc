// The tables that the LoRA kernels' grids are made from.
#include <algorithm>
#include <map>

#include "cuda/lora.h"

namespace loratwin::cuda {

namespace {

void addTiles(std::vector<LoraTile>& tiles, std::int32_t index, const LoraSegment& segment) {
  for (std::int32_t row = segment.rowStart; row < segment.rowEnd; row += kLoraRows) tiles.push_back({index, row});
}

struct Contribution {
  std::int32_t segment;
  bool ofB;
};

}  // namespace

std::vector<LoraTile> loraTiles(const LoraSegment* segments, std::int32_t count) {
  std::vector<LoraTile> tiles;
  for (std::int32_t i = 0; i < count; ++i) {
    if (segments[i].rank > 0) addTiles(tiles, i, segments[i]);
  }
  return tiles;
}

std::vector<LoraTile> loraRowTiles(const LoraSegment* segments, std::int32_t perProjection) {
  std::vector<LoraTile> tiles;
  for (std::int32_t i = 0; i < perProjection; ++i) addTiles(tiles, i, segments[i]);
  return tiles;
}

LoraGradientPlan loraPlacesPlan(const LoraSegment* segments, std::int32_t count, std::int32_t inFeatures) {
  LoraGradientPlan plan;
  for (std::int32_t i = 0; i < count; ++i) {
    if (segments[i].rank == 0 || segments[i].rowStart == segments[i].rowEnd) continue;
    for (const bool ofB : {false, true}) plan.tiles.push_back({i, 0, 0, ofB, 0});
    plan.maxFeatures = std::max({plan.maxFeatures, inFeatures, segments[i].outFeatures});
  }
  return plan;
}

LoraGradientPlan loraGradientPlan(const LoraSegment* segments, std::int32_t count, std::int32_t inFeatures,
                                  std::int32_t lda) {
  // By gradient, in the order in which the gradients first appear: what is added to one lies together.
  std::vector<std::pair<float*, std::vector<Contribution>>> byGradient;
  std::map<float*, std::size_t> places;
  const auto contribute = [&](float* gradient, Contribution contribution) {
    const auto [place, isNew] = places.emplace(gradient, byGradient.size());
    if (isNew) byGradient.push_back({gradient, {}});
    byGradient[place->second].second.push_back(contribution);
  };
  for (std::int32_t i = 0; i < count; ++i) {
    if (segments[i].rank == 0 || segments[i].rowStart == segments[i].rowEnd) continue;
    contribute(segments[i].da, {i, false});
    contribute(segments[i].db, {i, true});
  }
  LoraGradientPlan plan;
  for (const auto& [gradient, contributions] : byGradient) {
    const LoraSegment& first = segments[contributions.front().segment];
    LoraGradientSum sum{gradient, plan.scratchFloats, 0, first.rank, inFeatures, lda};
    if (contributions.front().ofB) {
      sum = {gradient, plan.scratchFloats, 0, first.outFeatures, first.rank, ldb(first.rank)};
    }
    const std::int64_t elements = std::int64_t{sum.rows} * sum.stride;
    for (const Contribution& contribution : contributions) {
      const LoraSegment& segment = segments[contribution.segment];
      for (std::int32_t row = segment.rowStart; row < segment.rowEnd; row += kGradientRows) {
        plan.tiles.push_back({contribution.segment, row, std::min(row + kGradientRows, segment.rowEnd),
                              contribution.ofB, plan.scratchFloats});
        plan.scratchFloats += elements;
        ++sum.parts;
      }
    }
    plan.sums.push_back(sum);
    plan.maxFeatures = std::max(plan.maxFeatures, contributions.front().ofB ? first.outFeatures : inFeatures);
    plan.maxElements = std::max(plan.maxElements, elements);
  }
  return plan;
}

}  // namespace loratwin::cuda
