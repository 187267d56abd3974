// Products of pairs of bfloat16s on tiles (tiles.h): C[m,n] = sum_k A[m am + k ak] B[k ldb + n], K and strides in units
// (units.h); what becomes of the sums is the target's business:
//
//   target.expect(m, n, rows, columns)   a block from there on is next
//   target.place()                       where the sums are to be themselves; if that is nowhere:
//   target.finish(m, n, lanes, v)        v: the sums of row m, columns n .. n + 15
//
// An element's sum has its steps along K in groups that depend on K alone: neither the rows and columns beside it nor
// the blocking change a bit of it.
#pragma once

#include <utility>

#include "tiles.h"

#if defined(LORATWIN_TILES)

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kMostTileSteps = 256;  // units along K of a product on tiles

// Where sums are; `continues`: they begin with what is there. Their order is that, whole tiles or not.
struct Place {
  float* sums = nullptr;
  std::int64_t stride = 0;
  bool continues = false;
};

// How K is cut: into as few groups of at most 16 steps as there can be, as equal as they can be.
struct Steps {
  std::int64_t groups;
  std::int64_t each;
  explicit Steps(std::int64_t K) : groups((K + kTileUnits - 1) / kTileUnits), each((K + groups - 1) / groups) {}
};

// 16 rows of a left operand. Where rows or steps are missing, or the units of a row are not side by side, they are
// packed once, with zeros for what is not there.
class LeftRows {
 public:
  void set(const Pair* a, std::int64_t am, std::int64_t ak, std::int64_t rows, std::int64_t K, const Steps& steps) {
    step_ = steps.each;
    if (ak == 1 && rows >= kTileRows && K == steps.groups * steps.each) {
      units_ = a;
      stride_ = am;
      return;
    }
    stride_ = (K + kTileUnits - 1) / kTileUnits * kTileUnits;
    units_ = packed_;
    rows = rows < kTileRows ? rows : kTileRows;
    for (std::int64_t k = 0; k < K; k += kTileUnits) {
      if (ak == 1) {
        copyRows(a + k, am, rows, K - k, packed_ + k);
      } else {
        turnRows(a + k * ak, am, ak, rows, K - k, packed_ + k);
      }
    }
  }
  template <int kTile>
  void load(std::int64_t group) const {
    loadTile<kTile>(units_ + group * step_, stride_ * static_cast<std::int64_t>(sizeof(Pair)));
  }

 private:
  void copyRows(const Pair* a, std::int64_t am, std::int64_t rows, std::int64_t units, Pair* packed) const {
    for (std::int64_t r = 0; r < kTileRows; ++r) {
      storeUnits(packed + r * stride_, r < rows ? loadUnits(a + r * am, firstLanes(units)) : Pairs{},
                 firstLanes(kLanes));
    }
  }
  // 16 x 16 units at a time. Where the rows are side by side, a vector is a step of all of them.
  void turnRows(const Pair* a, std::int64_t am, std::int64_t ak, std::int64_t rows, std::int64_t units,
                Pair* packed) const {
#if defined(LORATWIN_ISA_AVX512)
    if (am == 1) {
      Lanes block[kLanes];
#pragma GCC unroll 16
      for (std::int64_t k = 0; k < kTileUnits; ++k)
        block[k] = k < units ? loadUnits(a + k * ak, firstLanes(rows)) : Lanes{};
      transposeLanes(block);
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < kTileRows; ++r) storeUnits(packed + r * stride_, block[r], firstLanes(kLanes));
      return;
    }
#endif
    for (std::int64_t r = 0; r < kTileRows; ++r) {
      for (std::int64_t k = 0; k < kTileUnits; ++k) {
        packed[r * stride_ + k] = r < rows && k < units ? a[r * am + k * ak] : Pair{};
      }
    }
  }

  const Pair* units_;
  std::int64_t stride_;
  std::int64_t step_;
  alignas(64) Pair packed_[kTileRows * kMostTileSteps];
};

// A right operand [K, N] from a column on.
class RightColumns {
 public:
  RightColumns(const Pair* b, std::int64_t ldb, std::int64_t columns, std::int64_t K, const Steps& steps)
      : b_(b), ldb_(ldb), columns_(columns), K_(K), step_(steps.each) {}

  template <int kTile>
  void load(std::int64_t group, std::int64_t column) {
    const Pair* const first = b_ + group * step_ * ldb_ + column;
    const std::int64_t steps = K_ - group * step_;
    const std::int64_t columns = columns_ - column;
    if (steps >= step_ && columns >= kTileUnits) {
      loadTile<kTile>(first, ldb_ * static_cast<std::int64_t>(sizeof(Pair)));
      return;
    }
    for (std::int64_t k = 0; k < step_; ++k) {
      storeUnits(part_ + k * kTileUnits, k < steps ? loadUnits(first + k * ldb_, firstLanes(columns)) : Pairs{},
                 firstLanes(kLanes));
    }
    loadTile<kTile>(part_, kTileUnits * static_cast<std::int64_t>(sizeof(Pair)));
  }

 private:
  const Pair* b_;
  std::int64_t ldb_;
  std::int64_t columns_;
  std::int64_t K_;
  std::int64_t step_;
  alignas(64) Pair part_[kTileUnits * kTileUnits];
};

// body(a constant) for 0 .. kCount - 1
template <int kCount, class Body>
__attribute__((always_inline)) inline void forConstants(Body body) {
  [&]<int... kAt>(std::integer_sequence<int, kAt...>) { (body(std::integral_constant<int, kAt>{}), ...); }
  (std::make_integer_sequence<int, kCount>{});
}

// The sums of kRows x kColumns tiles, at most four. More than two rows: of one column.
template <int kRows, int kColumns>
void multiplyBlock(const LeftRows* left, RightColumns& right, std::int64_t groups, const Place& place) {
  static_assert(kRows * kColumns <= kLeftTile && (kRows <= 2 || kColumns == 1));
  const auto at = [&](int tile) {
    return place.sums + tile / kColumns * kTileRows * place.stride + tile % kColumns * kTileUnits;
  };
  const std::int64_t bytes = place.stride * static_cast<std::int64_t>(sizeof(float));
  forConstants<kRows * kColumns>([&](auto tile) {
    if (place.continues) {
      loadTile<tile()>(at(tile()), bytes);
    } else {
      zeroTile<tile()>();
    }
  });
  for (std::int64_t group = 0; group < groups; ++group) {
    if constexpr (kRows <= 2) {
      forConstants<kRows>([&](auto row) { left[row()].template load<kLeftTile + row()>(group); });
    }
    forConstants<kColumns>([&](auto column) {
      constexpr int kRight = kRightTile + column() % 2;
      right.template load<kRight>(group, column() * kTileUnits);
      forConstants<kRows>([&](auto row) {
        constexpr int kLeft = kLeftTile + row() % 2;
        if constexpr (kRows > 2) left[row()].template load<kLeft>(group);
        multiplyTiles<row() * kColumns + column(), kLeft, kRight>();
      });
    });
  }
  forConstants<kRows * kColumns>([&](auto tile) { storeTile<tile()>(at(tile()), bytes); });
}

inline void multiplyBlock(std::int64_t rows, std::int64_t columns, const LeftRows* left, RightColumns& right,
                          std::int64_t groups, const Place& place) {
  if (rows == 2 && columns == 2) return multiplyBlock<2, 2>(left, right, groups, place);
  if (rows == 1) {
    if (columns == 4) return multiplyBlock<1, 4>(left, right, groups, place);
    if (columns == 3) return multiplyBlock<1, 3>(left, right, groups, place);
    if (columns == 2) return multiplyBlock<1, 2>(left, right, groups, place);
    return multiplyBlock<1, 1>(left, right, groups, place);
  }
  if (rows == 4) return multiplyBlock<4, 1>(left, right, groups, place);
  if (rows == 3) return multiplyBlock<3, 1>(left, right, groups, place);
  return multiplyBlock<2, 1>(left, right, groups, place);
}

constexpr std::int64_t kTileWidth = 256;                   // columns of a block of sums whose target they are not in
constexpr std::int64_t kTileStride = kTileWidth + kLanes;  // floats: rows are in several sets of the first-level cache

// K: 1 .. kMostTileSteps. The thread has a TileUse.
template <class Target>
void tileProduct(std::int64_t M, std::int64_t N, std::int64_t K, const Pair* a, std::int64_t am, std::int64_t ak,
                 const Pair* b, std::int64_t ldb, const Target& target) {
  const Steps steps(K);
  setTileSteps(steps.each);
  const auto tilesOf = [](std::int64_t elements, std::int64_t most) {
    const std::int64_t tiles = (elements + kTileRows - 1) / kTileRows;
    return tiles < most ? tiles : most;
  };
  const std::int64_t height = N <= kTileUnits ? 4 : M <= kTileRows ? 1 : 2;
  const std::int64_t width = 4 / height;
  const Place place = target.place();
  const bool hasPlace = place.sums != nullptr;
  LeftRows left[4];
  alignas(64) float sums[4 * kTileRows * kTileStride];
  for (std::int64_t m = 0; m < M; m += height * kTileRows) {
    const std::int64_t rows = tilesOf(M - m, height);
    const std::int64_t count = M - m < rows * kTileRows ? M - m : rows * kTileRows;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t first = m + i * kTileRows;
      left[i].set(a + first * am, am, ak, M - first, K, steps);
    }
    for (std::int64_t first = 0; first < N; first += kTileWidth) {
      const std::int64_t end = N - first < kTileWidth ? N : first + kTileWidth;
      target.expect(m, first, count, end - first);
      const bool isWhole = hasPlace && count == rows * kTileRows && (end - first) % kTileUnits == 0;
      const Place own =
          hasPlace ? Place{place.sums + m * place.stride + first, place.stride, place.continues} : Place{};
      const auto forVectors = [&](auto body) {
        for (std::int64_t r = 0; r < count; ++r) {
          forLanes(end - first, [&](std::int64_t c, auto lanes) { body(r, c, sums + r * kTileStride + c, lanes); });
        }
      };
      if (own.continues && !isWhole) {
        forVectors([&](std::int64_t r, std::int64_t c, float* v, auto lanes) {
          store(v, load(own.sums + r * own.stride + c, lanes));
        });
      }
      const Place here = isWhole ? own : Place{sums, kTileStride, own.continues};
      for (std::int64_t n = first; n < end; n += width * kTileUnits) {
        RightColumns right(b + n, ldb, N - n, K, steps);
        multiplyBlock(rows, tilesOf(end - n, width), left, right, steps.groups,
                      Place{here.sums + (n - first), here.stride, here.continues});
      }
      if (isWhole) continue;
      forVectors([&](std::int64_t r, std::int64_t c, const float* v, auto lanes) {
        if (hasPlace) {
          store(own.sums + r * own.stride + c, load(v), lanes);
        } else {
          target.finish(m + r, first + c, lanes, load(v));
        }
      });
    }
  }
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA

#endif
