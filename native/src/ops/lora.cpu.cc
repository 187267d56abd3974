#include "lora.h"

#include <type_traits>

#include "lora_products.h"
#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kRanks = 4 * kLanes;         // ranks of a product
constexpr std::int64_t kRowBlock = 128;             // rows of a product
constexpr std::int64_t kPanelUnits = 256 * kLanes;  // of a packed panel of A or B: 16 KB
constexpr std::int64_t kPackedRows = 24;            // rows of x or dy packed at a time
constexpr std::int64_t kSplitRows = 8;              // threads part a segment at multiples of this
constexpr std::int64_t kFewRows = 3;                // of a segment for which packing A costs more than it gains

template <class Store>
constexpr bool kIsFloat = std::is_same_v<Store, float>;

// Ranks as whole units.
template <class Store>
constexpr std::int64_t paddedRank(std::int64_t rank) {
  return unitsOf<Store>(rank) * kUnitElements<Store>;
}

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
      for (std::int64_t k = 0; k < columns; k += kLanes) {
        const Mask lanes = firstLanes(columns - k);
        const Vec kept = dropoutFactors(rows[row + t], static_cast<std::uint32_t>(column + k), threshold, 1.0F);
        store(destination + t * ld + k, load(x + (row + t) * ldx + column + k, lanes) * kept, lanes);
      }
    }
  }
};

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

// Whether vectors of ranks are filled to three quarters at most.
constexpr bool leavesLanesIdle(std::int64_t ranks) { return 4 * ranks <= 3 * ((ranks + kLanes - 1) / kLanes * kLanes); }

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
    } else if (g.rowEnd - g.rowStart <= kFewRows || leavesLanesIdle(stack.ranks)) {
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
constexpr std::int64_t panelWidth(std::int64_t units) {
  return kPanelUnits / units / kWidth * kWidth;
}

// Units of a left operand with ranks along or down the rows, where it has to be packed.
template <class Store>
constexpr std::int64_t kLeftUnits = kIsFloat<Store> ? 1 : kRowBlock * (kRanks + kLoraProjections);

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

// [rows, columns] as a right operand, packed into `units` (stride kWidth) where it has to be
template <class Store>
Right<Unit<Store>> rightDownRows(const Store* p, std::int64_t ld, std::int64_t rows, std::int64_t columns,
                                 Unit<Store>* units) {
  if constexpr (kIsFloat<Store>) {
    return {p, ld};
  } else {
    packPairs<Store>(p, ld, rows, columns, units, kWidth);
    return {units, kWidth};
  }
}

// [rows, ranks]^T as a left operand, packed into `units` (stride ranks) where it has to be
template <class Store>
Left<Unit<Store>> leftDownRows(const Store* p, std::int64_t ld, std::int64_t rows, std::int64_t ranks,
                               Unit<Store>* units) {
  if constexpr (kIsFloat<Store>) {
    return {p, 1, ld};
  } else {
    packPairs<Store>(p, ld, rows, ranks, units, ranks);
    return {units, 1, ranks};
  }
}

// dA[:, begin .. end] += ds^T drop(x)[:, begin .. end] over all rows of segment i
template <class Store, class Op>
void lora_dsx(const Op& op, std::int32_t i, std::int64_t ldds, std::int64_t begin, std::int64_t end) {
  const std::int64_t K = op.inFeatures;
  const std::int64_t rowEnd = segmentOf(op, 0, i).rowEnd;
  Ahead nothing;
  Unit<Store> packedLeft[kLeftUnits<Store>];
  Unit<Store> packed[kIsFloat<Store> ? 1 : kRowBlock * kWidth];
  for (std::int64_t t = segmentOf(op, 0, i).rowStart; t < rowEnd; t += kRowBlock) {
    const std::int64_t rows = smaller(kRowBlock, rowEnd - t);
    const Store* const x = op.x + t * op.ldx;
    forEachStack<Store>(op, i, [&](const Stack& stack) {
      const Part& leading = stack.parts[0];
      const LoraSegment& g = segmentOf(op, leading.projection, i);
      const Left<Unit<Store>> left = leftDownRows(op.scratch + t * ldds + stack.column, ldds, rows,
                                                  stack.units * kUnitElements<Store>, packedLeft);
      const auto expect = [&](std::int64_t k) {
        if (k >= end) return;
        for (int j = 0; j < stack.count; ++j) {
          const Part& part = stack.parts[j];
          expectBlock<Access::write>(segmentOf(op, part.projection, i).da + part.first * K + k, K, part.ranks);
        }
        if constexpr (!kIsFloat<Store>) expectBlock<Access::read>(x + k, op.ldx, rows);
      };
      const auto product = [&](auto rightAt, float alpha) {
        expect(begin);
        for (std::int64_t k = begin; k < end; k += kWidth) {
          const std::int64_t columns = smaller(kWidth, end - k);
          const Right<Unit<Store>> right = rightAt(k, columns);
          expect(k + kWidth);
          std::int64_t column = 0;
          for (int j = 0; j < stack.count; ++j) {
            const Part& part = stack.parts[j];
            float* const da = segmentOf(op, part.projection, i).da + part.first * K + k;
            sumInFeatures<true>(part.ranks, columns, unitsOf<Store>(rows),
                                Left<Unit<Store>>{left.units + column, 1, left.step}, right, AddScaled{da, K, alpha},
                                nothing);
            column += paddedRank<Store>(part.ranks);
          }
        }
      };
      if (g.dropout > 0.0F) {
        const Drop drop(op.projections[leading.projection].segments, g, t, rows);
        Store kept[kRowBlock * kWidth];
        product(
            [&](std::int64_t k, std::int64_t columns) {
              drop.apply(x, op.ldx, 0, rows, k, columns, kept, kWidth);
              return rightDownRows<Store>(kept, kWidth, rows, columns, packed);
            },
            drop.keepScale);
      } else {
        product(
            [&](std::int64_t k, std::int64_t columns) {
              return rightDownRows<Store>(x + k, op.ldx, rows, columns, packed);
            },
            1.0F);
      }
    });
  }
}

// db [columns, ranks] (stride R) += scale product [ranks, columns]^T (stride kWidth)
inline void addTransposed(const float* product, std::int64_t ranks, std::int64_t columns, float scale, float* db,
                          std::int64_t R) {
  float transposed[kWidth * kRanks];
  packTransposed<float>(product, kWidth, ranks, columns, transposed, ranks);
  // All ranks: one piece, since a short row's store would hold up the next row's load.
  const std::int64_t length = ranks == R ? columns * ranks : ranks;
  for (std::int64_t from = 0; from < columns * ranks; from += length, db += R) {
    forLanes(length, [&](std::int64_t i, auto lanes) {
      store(db + i, fma(load(transposed + from + i, lanes), set1(scale), load(db + i, lanes)), lanes);
    });
  }
}

// dB[begin .. end, :] += scale dy[:, begin .. end]^T s over all rows of segment i: computed as (s^T dy)^T
template <class Store, class Op>
void lora_dys(const Op& op, std::int32_t p, std::int32_t i, std::int64_t begin, std::int64_t end) {
  const auto& projection = op.projections[p];
  const LoraSegment& g = segmentOf(op, p, i);
  const std::int64_t R = g.rank;
  Ahead nothing;
  Unit<Store> packedLeft[kLeftUnits<Store>];
  Unit<Store> packed[kIsFloat<Store> ? 1 : kRowBlock * kWidth];
  float product[kRanks * kWidth];
  for (std::int64_t t = g.rowStart; t < g.rowEnd; t += kRowBlock) {
    const std::int64_t rows = smaller(kRowBlock, g.rowEnd - t);
    const Store* const dy = op.dy + t * op.lddy + projection.column;
    for (std::int64_t r = 0; r < R; r += kRanks) {
      const std::int64_t ranks = smaller(kRanks, R - r);
      const Left<Unit<Store>> left =
          leftDownRows<Store>(projection.s + t * projection.lds + r, projection.lds, rows, ranks, packedLeft);
      const auto expect = [&](std::int64_t n) {
        for (std::int64_t j = n; j < smaller(n + kWidth, end); ++j) {
          for (std::int64_t lane = 0; lane < ranks; lane += kLanes) __builtin_prefetch(g.db + j * R + r + lane, 1);
        }
        if constexpr (!kIsFloat<Store>) {
          if (n < end) expectBlock<Access::read>(dy + n, op.lddy, rows);
        }
      };
      expect(begin);
      for (std::int64_t n = begin; n < end; n += kWidth) {
        const std::int64_t columns = smaller(kWidth, end - n);
        const Right<Unit<Store>> right = rightDownRows<Store>(dy + n, op.lddy, rows, columns, packed);
        expect(n + kWidth);
        std::memset(product, 0, static_cast<std::size_t>(ranks * kWidth) * sizeof(float));
        sumInFeatures<true>(ranks, columns, unitsOf<Store>(rows), left, right, AddScaled{product, kWidth, 1.0F},
                            nothing);
        addTransposed(product, ranks, columns, g.scale, g.db + n * R + r, R);
      }
    }
  }
}

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

// Which of `count` pieces, each of the cost `each` and the first one starting at `start`, start in [from, to).
inline Range piecesWithin(Range cost, std::int64_t start, std::int64_t each, std::int64_t count) {
  const auto place = [&](std::int64_t at) { return at <= start ? 0 : smaller(count, (at - start + each - 1) / each); };
  return {place(cost.begin), place(cost.end)};
}

// body(cost) on each thread: its share of the total
template <class Body>
void shareCost(ExecContext& context, std::int64_t total, Body&& body) {
  const std::int64_t threads = context.threads();
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int) {
    body(Range{total * static_cast<std::int64_t>(begin) / threads, total * static_cast<std::int64_t>(end) / threads});
  });
}

// body(segment, first row, rows, is the thread's first) for all rows with adapters, at most kRowBlock at a time, shared
// by cost
template <class Op, class Body>
void forEachRowBlock(ExecContext& context, const Op& op, Body&& body) {
  // Pieces of kSplitRows rows. A row costs its arithmetic and traffic, and an adapter as much as kSplitRows rows.
  struct Pieces {
    std::int64_t count;
    std::int64_t cost;
  };
  const auto piecesOf = [&](std::int32_t i) -> Pieces {
    const LoraSegment& g = segmentOf(op, 0, i);
    const std::int64_t rows = g.rowEnd - g.rowStart;
    std::int64_t ranks = 0;
    for (std::int32_t p = 0; p < op.count; ++p) {
      if (segmentOf(op, p, i).a != nullptr) ranks += segmentOf(op, p, i).rank;
    }
    if (rows == 0 || ranks == 0) return {0, 0};
    const std::int64_t count = (rows + kSplitRows - 1) / kSplitRows;
    return {count, (ranks + kSplitRows) * (rows + kSplitRows) / count};
  };
  const std::int32_t segments = op.projections[0].segments.count;
  std::int64_t total = 0;
  for (std::int32_t i = 0; i < segments; ++i) total += piecesOf(i).count * piecesOf(i).cost;
  if (total == 0) return;
  shareCost(context, total, [&](Range share) {
    std::int64_t start = 0;
    bool fresh = true;
    for (std::int32_t i = 0; i < segments; ++i) {
      const Pieces pieces = piecesOf(i);
      if (pieces.count == 0) continue;
      const LoraSegment& g = segmentOf(op, 0, i);
      const Range mine = piecesWithin(share, start, pieces.cost, pieces.count);
      start += pieces.count * pieces.cost;
      const std::int64_t last = smaller(g.rowEnd, g.rowStart + mine.end * kSplitRows);
      for (std::int64_t t = g.rowStart + mine.begin * kSplitRows; t < last; t += kRowBlock) {
        body(i, t, smaller(kRowBlock, last - t), fresh);
        fresh = false;
      }
    }
  });
}

// All A or all B of a segment, null: there is none.
template <class Op>
void addFactors(Ahead& ahead, const Op& op, std::int32_t i, bool wantA) {
  if (i >= op.projections[0].segments.count) return;
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraSegment& g = segmentOf(op, p, i);
    if (g.a == nullptr) continue;
    ahead.add(wantA ? g.a : g.b, std::int64_t{g.rank} * (wantA ? op.inFeatures : op.projections[p].outFeatures));
  }
}

template <class Store, class Op>
void forward(ExecContext& context, const Op& op) {
  forEachRowBlock(context, op, [&](std::int32_t i, std::int64_t first, std::int64_t rows, bool fresh) {
    Ahead soon;
    if (fresh) addFactors(soon, op, i, true);
    addFactors(soon, op, i, false);
    lora_xa<Store>(op, i, first, rows, soon);
    Ahead next;
    addFactors(next, op, i + 1, true);
    for (std::int32_t p = 0; p < op.count; ++p) {
      if (segmentOf(op, p, i).a != nullptr) lora_sb<Store>(op, p, i, first, rows, next);
    }
  });
}

template <class Store, class Op>
void backward(ExecContext& context, const Op& op) {
  const std::int32_t segments = op.projections[0].segments.count;
  std::int64_t ldds = 0;
  std::int64_t costs[1 + kLoraProjections] = {};  // of a block of in-features, and of each projection's out-features
  for (std::int32_t i = 0; i < segments; ++i) {
    std::int64_t columns = 0;
    for (std::int32_t p = 0; p < op.count; ++p) {
      const LoraSegment& g = segmentOf(op, p, i);
      if (g.a == nullptr) continue;
      columns += paddedRank<Store>(g.rank);
      const std::int64_t cost = std::int64_t{g.rank} * (g.rowEnd - g.rowStart);
      costs[0] += cost;
      costs[1 + p] += cost;
    }
    ldds = larger(ldds, (columns + kLanes - 1) / kLanes * kLanes);
  }
  if (costs[0] == 0) return;
  forEachRowBlock(context, op, [&](std::int32_t i, std::int64_t first, std::int64_t rows, bool fresh) {
    Ahead soon;
    if (fresh) addFactors(soon, op, i, false);
    addFactors(soon, op, i, true);
    lora_dyb<Store>(op, i, first, rows, ldds, soon);
    Ahead next;
    addFactors(next, op, i + 1, false);
    if (op.dx != nullptr) lora_dsa<Store>(op, i, first, rows, ldds, next);
  });
  const auto featuresOf = [&](std::int32_t operand) {
    return std::int64_t{operand == 0 ? op.inFeatures : op.projections[operand - 1].outFeatures};
  };
  const auto blocksOf = [&](std::int32_t operand) { return (featuresOf(operand) + kWidth - 1) / kWidth; };
  std::int64_t total = 0;
  for (std::int32_t operand = 0; operand <= op.count; ++operand) total += blocksOf(operand) * costs[operand];
  shareCost(context, total, [&](Range share) {
    std::int64_t start = 0;
    for (std::int32_t operand = 0; operand <= op.count; ++operand) {
      if (costs[operand] == 0) continue;
      const Range blocks = piecesWithin(share, start, costs[operand], blocksOf(operand));
      start += blocksOf(operand) * costs[operand];
      const std::int64_t begin = blocks.begin * kWidth;
      const std::int64_t end = smaller(blocks.end * kWidth, featuresOf(operand));
      for (std::int32_t i = 0; begin < end && i < segments; ++i) {
        if (operand == 0) {
          lora_dsx<Store>(op, i, ldds, begin, end);
        } else if (segmentOf(op, operand - 1, i).a != nullptr) {
          lora_dys<Store>(op, operand - 1, i, begin, end);
        }
      }
    }
  });
}

}  // namespace

void lora(ExecContext& context, const Lora& op) { forward<float>(context, op); }
void lora(ExecContext& context, const LoraBf16& op) { forward<Bf16>(context, op); }
void lora(ExecContext& context, const LoraBf16F32& op) { forward<Bf16>(context, op); }
void lora_backward(ExecContext& context, const LoraBackward& op) { backward<float>(context, op); }
void lora_backward(ExecContext& context, const LoraBackwardBf16& op) { backward<Bf16>(context, op); }
void lora_backward(ExecContext& context, const LoraBackwardBf16F32& op) { backward<Bf16>(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
