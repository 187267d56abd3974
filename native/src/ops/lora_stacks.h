// How the ranks of a segment's projections are put side by side in products, and the masks of its dropout.
#pragma once

#include <type_traits>

#include "lora.h"
#include "lora_products.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kRanks = 4 * kLanes;         // ranks of a product
constexpr std::int64_t kRowBlock = kLoraRowBlock;   // rows of a product
constexpr std::int64_t kPanelUnits = 256 * kLanes;  // of a packed panel of A or B: 16 KB

template <class Store>
constexpr bool kIsFloat = std::is_same_v<Store, float>;

// Ranks as whole units.
template <class Store>
constexpr std::int64_t paddedRank(std::int64_t rank) {
  return unitsOf<Store>(rank) * kUnitElements<Store>;
}

// Units of a left operand with ranks along or down the rows, where it has to be packed.
template <class Store>
constexpr std::int64_t kLeftUnits = kIsFloat<Store> ? 1 : kRowBlock * (kRanks + kLoraProjections);

// Ranks first .. first + ranks of a projection.
struct Part {
  std::int32_t projection;
  std::int64_t first;
  std::int64_t ranks;
};

// Parts whose ranks lie side by side in one product, at most kRanks; `column` is the first one's place in ds.
struct Stack {
  Part parts[kLoraProjections];
  int count = 0;
  std::int64_t ranks = 0;
  std::int64_t units = 0;
  std::int64_t column = 0;
};

template <class Op>
const LoraSegment& segmentOf(const Op& op, std::int32_t projection, std::int32_t i) {
  return op.projections[projection].segments.items[i];
}

// body(stack) for all ranks of segment i; projections by themselves under dropout, since each has its own mask.
template <class Store, class Op, class Body>
void forEachStack(const Op& op, std::int32_t i, Body&& body) {
  Stack stack;
  std::int64_t column = 0;
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraSegment& g = segmentOf(op, p, i);
    if (g.a == nullptr) continue;
    for (std::int64_t first = 0; first < g.rank; first += kRanks) {
      const std::int64_t ranks = smaller(kRanks, g.rank - first);
      if (stack.count > 0 && (g.dropout > 0.0F || stack.ranks + ranks > kRanks)) {
        body(stack);
        stack = Stack{};
      }
      if (stack.count == 0) stack.column = column + first;
      stack.parts[stack.count++] = {p, first, ranks};
      stack.ranks += ranks;
      stack.units += unitsOf<Store>(ranks);
    }
    column += paddedRank<Store>(g.rank);
  }
  if (stack.count > 0) body(stack);
}

// The masks of a block of a segment's rows in one projection.
struct Drop {
  DropoutRow rows[kRowBlock];
  std::uint32_t threshold;
  float keepScale;

  Drop(const LoraSegments& segments, const LoraSegment& g, std::int64_t first, std::int64_t count)
      : threshold(dropoutThreshold(g.dropout)), keepScale(1.0F / (1.0F - g.dropout)) {
    for (std::int64_t t = 0; t < count; ++t) {
      rows[t] = dropoutRow(g.seed, segments.rowKeys[first + t], segments.target);
    }
  }
  // destination [count, columns] = what is kept of x, not scaled; x and `row` count from the block's first row.
  template <class Store>
  void apply(const Store* x, std::int64_t ldx, std::int64_t row, std::int64_t count, std::int64_t column,
             std::int64_t columns, Store* destination, std::int64_t ld) const {
    for (std::int64_t t = 0; t < count; ++t) {
      forLanes(columns, [&](std::int64_t k, auto lanes) {
        const Vec kept = dropoutFactors(rows[row + t], static_cast<std::uint32_t>(column + k), threshold, 1.0F);
        store(destination + t * ld + k, load(x + (row + t) * ldx + column + k, lanes) * kept, lanes);
      });
    }
  }
};

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
