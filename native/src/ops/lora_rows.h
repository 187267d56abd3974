// The products of a segment's rows with its A and B, some rows at a time:
//
//   lora_xa  s = drop(x) A^T    lora_sb  y += scale s B^T    lora_dyb  ds = scale dy B    lora_dsa  dx += drop'(ds A)
#pragma once

#include "lora_stacks.h"
#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

#if defined(LORATWIN_TILES)
constexpr std::int64_t kPackedRows = 32;  // rows of x or dy packed at a time
#else
constexpr std::int64_t kPackedRows = 24;
#endif
constexpr std::int64_t kFewRows = 3;  // of a segment for which packing A costs more than it gains

// Whether the rows of x are best multiplied as they lie: they are rows of units, and not all in the same sets of the
// first-level cache.
template <class Store>
bool multipliesInPlace(std::int64_t ldx, std::int64_t columns, std::int64_t rows) {
  constexpr std::int64_t kSets = 4096;  // bytes after which its sets repeat
  if (rows >= kPackedRows && ldx * static_cast<std::int64_t>(sizeof(Store)) % kSets == 0) return false;
  return kIsFloat<Store> || (kUnitElements<Store> == 2 && columns % 2 == 0 && ldx % 2 == 0);
}

// sums [rows, ranks] (stride kRanks) = drop(x) [rows, features] times the panels that
// `panel(feature, features, units, stride)` gives
template <class Store, class Panel>
void sumOverFeatures(const Store* x, std::int64_t ldx, std::int64_t rows, std::int64_t features, std::int64_t ranks,
                     const Drop* drop, const Panel& panel, float* sums, Ahead& ahead) {
  constexpr std::int64_t kElements = kUnitElements<Store>;
  const std::int64_t stride = (ranks + kLanes - 1) / kLanes * kLanes;
  const std::int64_t length = kPanelUnits / stride / kLanes * kLanes;  // units
  for (std::int64_t t = 0; t < rows; ++t) {
    std::memset(sums + t * kRanks, 0, static_cast<std::size_t>(stride) * sizeof(float));
  }
  Unit<Store> packed[kPanelUnits];
  const bool inPlace = drop == nullptr && multipliesInPlace<Store>(ldx, features, rows);
  for (std::int64_t k = 0; k < features; k += length * kElements) {
    const std::int64_t part = smaller(length * kElements, features - k);
    const Right<Unit<Store>> right = panel(k, part, packed, stride);
    if (inPlace) {
      const Left<Unit<Store>> left{reinterpret_cast<const Unit<Store>*>(x + k), ldx / kElements, 1};
      sumInRanks(rows, ranks, unitsOf<Store>(part), left, right, Continue{sums, kRanks}, ahead);
      continue;
    }
    Store kept[kPackedRows * (kPanelUnits / kLanes) * kElements];
    Unit<Store> left[kPackedRows * (kPanelUnits / kLanes)];
    for (std::int64_t t = 0; t < rows; t += kPackedRows) {
      const std::int64_t height = smaller(kPackedRows, rows - t);
      if (drop != nullptr) {
        drop->apply(x, ldx, t, height, k, part, kept, part);
        packRows<Store>(kept, part, height, part, left, length);
      } else {
        packRows<Store>(x + t * ldx + k, ldx, height, part, left, length);
      }
      sumInRanks(height, ranks, unitsOf<Store>(part), Left<Unit<Store>>{left, length, 1}, right,
                 Continue{sums + t * kRanks, kRanks}, ahead);
    }
  }
}

// Whether vectors of ranks are filled to three quarters at most, and so slower than sums across lanes. Tiles are not.
template <class Store>
constexpr bool leavesLanesIdle(std::int64_t ranks) {
#if defined(LORATWIN_TILES)
  if (kUnitElements<Store> == 2) return false;
#endif
  return 4 * ranks <= 3 * ((ranks + kLanes - 1) / kLanes * kLanes);
}

// sums [rows, ranks] (stride kRanks) = x [rows, features] a [ranks, features]^T, by rows of both
template <class Store>
void dotOverFeatures(const Store* x, std::int64_t ldx, std::int64_t rows, std::int64_t features, const float* a,
                     std::int64_t ranks, float* sums) {
  if constexpr (kIsFloat<Store>) {
    dotGemm(rows, ranks, features, x, ldx, a, features, sums, kRanks, false);
  } else {
    constexpr std::int64_t kElements = kUnitElements<Store>;
    constexpr std::int64_t kGroup = 8;  // ranks
    constexpr std::int64_t kLength = kPanelUnits / kGroup;
    constexpr std::int64_t kHeight = 4;  // rows
    Unit<Store> right[kPanelUnits];
    Unit<Store> left[kHeight * kLength];
    for (std::int64_t r = 0; r < ranks; r += kGroup) {
      const std::int64_t group = smaller(kGroup, ranks - r);
      for (std::int64_t k = 0; k < features; k += kLength * kElements) {
        const std::int64_t part = smaller(kLength * kElements, features - k);
        packRows<Store>(a + r * features + k, features, group, part, right, kLength);
        for (std::int64_t t = 0; t < rows; t += kHeight) {
          const std::int64_t height = smaller(kHeight, rows - t);
          packRows<Store>(x + t * ldx + k, ldx, height, part, left, kLength);
          dotGemm(height, group, unitsOf<Store>(part), left, kLength, right, kLength, sums + t * kRanks + r, kRanks,
                  k > 0);
        }
      }
    }
  }
}

// destination [rows, columns] = scale sums (stride kRanks); `pad`: with zeros after the columns up to whole units
template <class Store>
void storeSums(const float* sums, std::int64_t rows, std::int64_t columns, float scale, Store* destination,
               std::int64_t ld, bool pad) {
  const std::int64_t width = pad ? paddedRank<Store>(columns) : columns;
  for (std::int64_t t = 0; t < rows; ++t) {
    for (std::int64_t r = 0; r < width; r += kLanes) {
      store(destination + t * ld + r, load(sums + t * kRanks + r, firstLanes(columns - r)) * set1(scale),
            firstLanes(width - r));
    }
  }
}

// s = drop(x) A^T for rows first .. first + rows
template <class Store, class Op>
void lora_xa(const Op& op, std::int32_t i, std::int64_t first, std::int64_t rows, Ahead& ahead) {
  const std::int64_t K = op.inFeatures;
  const Store* const x = op.x + first * op.ldx;
  float sums[kRowBlock * kRanks];
  forEachStack<Store>(op, i, [&](const Stack& stack) {
    const auto panel = [&](std::int64_t k, std::int64_t features, Unit<Store>* units, std::int64_t stride) {
      std::int64_t column = 0;
      for (int j = 0; j < stack.count; ++j) {
        const Part& part = stack.parts[j];
        packTransposed<Store>(segmentOf(op, part.projection, i).a + part.first * K + k, K, part.ranks, features,
                              units + column, stride);
        column += part.ranks;
      }
      return Right<Unit<Store>>{units, stride};
    };
    const std::int32_t leading = stack.parts[0].projection;
    const LoraSegment& g = segmentOf(op, leading, i);
    float keepScale = 1.0F;
    if (g.dropout > 0.0F) {
      const Drop drop(op.projections[leading].segments, g, first, rows);
      keepScale = drop.keepScale;
      sumOverFeatures<Store>(x, op.ldx, rows, K, stack.ranks, &drop, panel, sums, ahead);
    } else if (g.rowEnd - g.rowStart <= kFewRows || leavesLanesIdle<Store>(stack.ranks)) {
      std::int64_t column = 0;
      for (int j = 0; j < stack.count; ++j) {
        const Part& part = stack.parts[j];
        dotOverFeatures<Store>(x, op.ldx, rows, K, segmentOf(op, part.projection, i).a + part.first * K, part.ranks,
                               sums + column);
        column += part.ranks;
      }
    } else {
      sumOverFeatures<Store>(x, op.ldx, rows, K, stack.ranks, nullptr, panel, sums, ahead);
    }
    std::int64_t column = 0;
    for (int j = 0; j < stack.count; ++j) {
      const Part& part = stack.parts[j];
      const auto& projection = op.projections[part.projection];
      storeSums(sums + column, rows, part.ranks, keepScale, projection.s + first * projection.lds + part.first,
                projection.lds, false);
      column += part.ranks;
    }
  });
}

// Features of a panel over so many units of ranks.
constexpr std::int64_t panelWidth(std::int64_t units) { return kPanelUnits / units / kWidth * kWidth; }

// [rows, ranks] as a left operand, packed into `units` where it has to be
template <class Store>
Left<Unit<Store>> leftAlongRows(const Store* p, std::int64_t ld, std::int64_t rows, std::int64_t ranks,
                                Unit<Store>* units) {
  if constexpr (kIsFloat<Store>) {
    return {p, ld, 1};
  } else {
    const std::int64_t stride = unitsOf<Store>(ranks);
    packRows<Store>(p, ld, rows, ranks, units, stride);
    return {units, stride, 1};
  }
}

// y += scale s B^T for rows first .. first + rows
template <class Store, class Op>
void lora_sb(const Op& op, std::int32_t p, std::int32_t i, std::int64_t first, std::int64_t rows, Ahead& ahead) {
  const auto& projection = op.projections[p];
  const LoraSegment& g = segmentOf(op, p, i);
  const std::int64_t N = projection.outFeatures;
  const std::int64_t R = g.rank;
  for (std::int64_t r = 0; r < R; r += kRanks) {
    const std::int64_t ranks = smaller(kRanks, R - r);
    const std::int64_t units = unitsOf<Store>(ranks);
    const Store* const s = projection.s + first * projection.lds + r;
    Unit<Store> packed[kLeftUnits<Store>];
    const Left<Unit<Store>> left = leftAlongRows<Store>(s, projection.lds, rows, ranks, packed);
    const std::int64_t width = panelWidth(units);
    Unit<Store> bT[kPanelUnits];
    for (std::int64_t n = 0; n < N; n += width) {
      const std::int64_t columns = smaller(width, N - n);
      packTransposed<Store>(g.b + n * R + r, R, columns, ranks, bT, width);
      sumInFeatures<false>(rows, columns, units, left, Right<Unit<Store>>{bT, width},
                           AddScaled{op.y + first * op.ldy + projection.column + n, op.ldy, g.scale}, ahead);
    }
  }
}

// ds = scale dy B for rows first .. first + rows, all projections side by side
template <class Store, class Op>
void lora_dyb(const Op& op, std::int32_t i, std::int64_t first, std::int64_t rows, std::int64_t ldds, Ahead& ahead) {
  float sums[kRowBlock * kRanks];
  Store* ds = op.scratch + first * ldds;
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraSegment& g = segmentOf(op, p, i);
    if (g.a == nullptr) continue;
    const std::int64_t R = g.rank;
    for (std::int64_t r = 0; r < R; r += kRanks) {
      const std::int64_t ranks = smaller(kRanks, R - r);
      const auto panel = [&](std::int64_t n, std::int64_t features, Unit<Store>* units, std::int64_t stride) {
        if constexpr (kIsFloat<Store>) {
          return Right<float>{g.b + n * R + r, R};
        } else {
          packPairs<Store>(g.b + n * R + r, R, features, ranks, units, stride);
          return Right<Unit<Store>>{units, stride};
        }
      };
      sumOverFeatures<Store>(op.dy + first * op.lddy + op.projections[p].column, op.lddy, rows,
                             op.projections[p].outFeatures, ranks, nullptr, panel, sums, ahead);
      storeSums(sums, rows, ranks, g.scale, ds + r, ldds, true);
    }
    ds += paddedRank<Store>(R);
  }
}

// dx += drop'(ds A) for rows first .. first + rows
template <class Store, class Op>
void lora_dsa(const Op& op, std::int32_t i, std::int64_t first, std::int64_t rows, std::int64_t ldds, Ahead& ahead) {
  const std::int64_t K = op.inFeatures;
  forEachStack<Store>(op, i, [&](const Stack& stack) {
    const Part& leading = stack.parts[0];
    const LoraSegment& g = segmentOf(op, leading.projection, i);
    Unit<Store> packedLeft[kLeftUnits<Store>];
    const Left<Unit<Store>> left = leftAlongRows<Store>(op.scratch + first * ldds + stack.column, ldds, rows,
                                                        stack.units * kUnitElements<Store>, packedLeft);
    const std::int64_t width = panelWidth(stack.units);
    Unit<Store> packed[kPanelUnits];
    const auto panelOf = [&](std::int64_t k, std::int64_t columns) {
      if constexpr (kIsFloat<Store>) {
        if (stack.count == 1) return Right<float>{g.a + leading.first * K + k, K};
      }
      std::int64_t unit = 0;
      for (int j = 0; j < stack.count; ++j) {
        const Part& part = stack.parts[j];
        packPairs<Store>(segmentOf(op, part.projection, i).a + part.first * K + k, K, part.ranks, columns,
                         packed + unit * width, width);
        unit += unitsOf<Store>(part.ranks);
      }
      return Right<Unit<Store>>{packed, width};
    };
    auto* const dx = op.dx + first * op.lddx;
    const auto product = [&](auto targetAt) {
      for (std::int64_t k = 0; k < K; k += width) {
        const std::int64_t columns = smaller(width, K - k);
        sumInFeatures<false>(rows, columns, stack.units, left, panelOf(k, columns), targetAt(k), ahead);
      }
    };
    if (g.dropout > 0.0F) {
      const Drop drop(op.projections[leading.projection].segments, g, first, rows);
      product([&](std::int64_t k) {
        const auto column = static_cast<std::uint32_t>(k);
        return AddDropped{dx + k, op.lddx, drop.rows, column, drop.threshold, drop.keepScale};
      });
    } else {
      product([&](std::int64_t k) { return AddScaled{dx + k, op.lddx, 1.0F}; });
    }
  });
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
