// The products of lora and lora_backward over units (units.h).
//
//   sumInRanks:     C[m,n] += sum_k left[m,k] right[k,n]           n: at most 64 ranks, k: features
//   sumInFeatures:  target(sum_k left[m,k] right[k,n])             n: any number of features, k: ranks or rows
//
// An element's sum runs over k in order in its own lane (on tiles: tile_products.h), whatever the blocking: a row's
// result does not depend on its neighbours. What is needed next is fetched while a block is computed: adapters come
// from memory, and rows of x or y may be a power of two apart, where the processor fetches nothing ahead.
#pragma once

#include "tile_products.h"
#include "units.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
constexpr std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

constexpr std::int64_t kLine = 64;  // bytes

// Matrices that are needed soon, fetched into the second-level cache a few lines at a time.
class Ahead {
 public:
  void add(const float* matrix, std::int64_t count) {
    if (matrix == nullptr || end_ == kMost) return;
    next_[end_] = reinterpret_cast<const char*>(matrix);
    last_[end_++] = reinterpret_cast<const char*>(matrix + count);
  }
  // As many lines as memory gives in the time of so many multiply-adds of vectors.
  void fetch(std::int64_t multiplyAdds) {
    if (begin_ == end_) return;
    const char* const line = next_[begin_];
    const std::int64_t bytes = smaller(last_[begin_] - line, (multiplyAdds / 16 + 1) * kLine);
    for (std::int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(line + i, 0, 2);
    next_[begin_] += bytes;
    if (next_[begin_] == last_[begin_]) ++begin_;
  }

 private:
  static constexpr int kMost = 6;
  const char* next_[kMost];
  const char* last_[kMost];
  int begin_ = 0;
  int end_ = 0;
};

template <class UnitType>
struct Left {
  const UnitType* units;  // of m = 0, k = 0
  std::int64_t row;       // units from m to m + 1
  std::int64_t step;      // units from k to k + 1
};

template <class UnitType>
struct Right {
  const UnitType* units;
  std::int64_t step;
};

constexpr std::int64_t kWidth = 4 * kLanes;  // features of a block

enum class Access { read, write };

// Fetches kWidth elements of each of the rows.
template <Access access, class Element>
inline void expectBlock(const Element* c, std::int64_t ldc, std::int64_t rows) {
  for (; rows > 0; --rows, c += ldc) {
#pragma GCC unroll 4
    for (std::int64_t n = 0; n < kWidth; n += kLine / static_cast<std::int64_t>(sizeof(Element))) {
      __builtin_prefetch(c + n, access == Access::write ? 1 : 0);
    }
  }
}

// What becomes of the sums: `start` is the sum's first term, `finish` takes it.
// c is padded to whole vectors.
struct Continue {
  float* c;
  std::int64_t ldc;
  template <class Lanes>
  Vec start(std::int64_t m, std::int64_t n, Lanes) const {
    return load(c + m * ldc + n);
  }
  template <class Lanes>
  void finish(std::int64_t m, std::int64_t n, Lanes, Vec sum) const {
    store(c + m * ldc + n, sum);
  }
};

// c += alpha sum
template <class Out>
struct AddScaled {
  Out* c;
  std::int64_t ldc;
  float alpha;
  template <class Lanes>
  Vec start(std::int64_t, std::int64_t, Lanes) const {
    return Vec{};
  }
  template <class Lanes>
  void finish(std::int64_t m, std::int64_t n, Lanes lanes, Vec sum) const {
    Out* const p = c + m * ldc + n;
    store(p, fma(sum, set1(alpha), load(p, lanes)), lanes);
  }
  void expect(std::int64_t m, std::int64_t n, std::int64_t rows) const {
    expectBlock<Access::write>(c + m * ldc + n, ldc, rows);
  }
};
// Deduced of aggregates, which clang does from 17 on.
template <class Out>
AddScaled(Out*, std::int64_t, float) -> AddScaled<Out>;

// c += mask(sum), the mask's columns counted from `column`
template <class Out>
struct AddDropped {
  Out* c;
  std::int64_t ldc;
  const DropoutRow* rows;
  std::uint32_t column;
  std::uint32_t threshold;
  float keepScale;
  template <class Lanes>
  Vec start(std::int64_t, std::int64_t, Lanes) const {
    return Vec{};
  }
  template <class Lanes>
  void finish(std::int64_t m, std::int64_t n, Lanes lanes, Vec sum) const {
    Out* const p = c + m * ldc + n;
    const Vec factors = dropoutFactors(rows[m], column + static_cast<std::uint32_t>(n), threshold, keepScale);
    store(p, fma(sum, factors, load(p, lanes)), lanes);
  }
  void expect(std::int64_t m, std::int64_t n, std::int64_t rows) const {
    expectBlock<Access::write>(c + m * ldc + n, ldc, rows);
  }
};
template <class Out>
AddDropped(Out*, std::int64_t, const DropoutRow*, std::uint32_t, std::uint32_t, float) -> AddDropped<Out>;

// kAdjacent: the rows of `left` are one unit apart. `last`: the lanes of the last vector.
template <int kRows, int kVectors, bool kAdjacent, class UnitType, class Target, class Lanes>
__attribute__((always_inline)) inline void productBlock(std::int64_t K, const Left<UnitType>& left,
                                                        const Right<UnitType>& right, Lanes last, const Target& target,
                                                        std::int64_t m, std::int64_t n) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) sum[i][j] = target.start(m + i, n + j * kLanes, AllLanes{});
    sum[i][kVectors - 1] = target.start(m + i, n + (kVectors - 1) * kLanes, last);
  }
  // A base for six rows, so that a row is a base and a scaled index.
  constexpr int kBases = kAdjacent ? 1 : (kRows + 5) / 6;
  const UnitType* bases[kBases];
#pragma GCC unroll 4
  for (int i = 0; i < kBases; ++i) bases[i] = left.units + (m + 6 * i) * left.row;
  const UnitType* b = right.units + n;
  for (std::int64_t k = 0; k < K; ++k) {
    decltype(loadUnits(b)) row[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) row[j] = loadUnits(b + j * kLanes);
    row[kVectors - 1] = loadUnits(b + (kVectors - 1) * kLanes, last);
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
      const auto unit = broadcastUnit(kAdjacent ? bases[0] + i : bases[i / 6] + i % 6 * left.row);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][j] = multiplyAdd(unit, row[j], sum[i][j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kBases; ++i) bases[i] += left.step;
    b += right.step;
  }
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVectors; ++j) target.finish(m + i, n + j * kLanes, AllLanes{}, sum[i][j]);
    target.finish(m + i, n + (kVectors - 1) * kLanes, last, sum[i][kVectors - 1]);
  }
}

#if defined(LORATWIN_ISA_AVX512)
// Rows of a block by its vectors: 24 accumulators of the 32 registers.
constexpr int kBlockRows[] = {0, 24, 12, 8, 6};
#elif defined(LORATWIN_ISA_AVX2)
// A block has one vector: 12 accumulators of the 16 registers.
constexpr int kBlockRows[] = {0, 6};
#else
constexpr int kBlockRows[] = {0, 2, 1, 1, 1};
#endif

#if defined(LORATWIN_ISA_AVX2)
constexpr int kFeatureRows = kBlockRows[1];
#else
constexpr int kFeatureRows = kBlockRows[4];
#endif

// The rows of the next block when `left` are to come: no small last block after a large one.
template <int kRows>
constexpr std::int64_t nextRows(std::int64_t left) {
  if (left == kRows || left >= kRows + kRows / 3) return kRows;
  if (kRows >= 3 && left >= kRows * 2 / 3) return kRows * 2 / 3;
  if (kRows >= 3 && left >= kRows / 3) return kRows / 3;
  return kRows > 2 && left >= 2 ? 2 : 1;
}

template <int kRows, int kVectors, class UnitType>
void rowsInRanks(std::int64_t M, std::int64_t K, const Left<UnitType>& left, const Right<UnitType>& right, Mask last,
                 const Continue& c, Ahead& ahead) {
  constexpr std::int64_t kLineUnits = kLine / static_cast<std::int64_t>(sizeof(UnitType));
  std::int64_t rows = 0;
  for (std::int64_t m = 0; m < M; m += rows) {
    rows = nextRows<kRows>(M - m);
    for (std::int64_t i = m + rows; i < smaller(m + 2 * rows, M); ++i) {
      for (std::int64_t k = 0; k < K; k += kLineUnits) __builtin_prefetch(left.units + i * left.row + k);
    }
    ahead.fetch(K * rows * kVectors);
    if (rows == kRows) {
      productBlock<kRows, kVectors, false>(K, left, right, last, c, m, 0);
    } else if (kRows >= 3 && rows == kRows * 2 / 3) {
      productBlock<larger(kRows * 2 / 3, 1), kVectors, false>(K, left, right, last, c, m, 0);
    } else if (kRows >= 3 && rows == kRows / 3) {
      productBlock<larger(kRows / 3, 1), kVectors, false>(K, left, right, last, c, m, 0);
    } else if (kRows > 2 && rows == 2) {
      productBlock<2, kVectors, false>(K, left, right, last, c, m, 0);
    } else {
      productBlock<1, kVectors, false>(K, left, right, last, c, m, 0);
    }
  }
}

#if defined(LORATWIN_TILES)
// A target as tiles have it: sums that begin at 0.
template <class Target>
struct FromTiles {
  const Target& target;
  Ahead& ahead;
  std::int64_t K;
  void expect(std::int64_t m, std::int64_t n, std::int64_t rows, std::int64_t columns) const {
    if constexpr (requires { target.expect(m, n, rows); }) {
      for (std::int64_t c = 0; c + kWidth <= columns; c += kWidth) target.expect(m, n + c, rows);
    }
    // As many multiply-adds of vectors as take as long.
    ahead.fetch(K * (rows * columns / (kTileRows * kTileUnits)));
  }
  Place place() const {
    if constexpr (std::is_same_v<Target, Continue>) return {target.c, target.ldc, true};
    if constexpr (std::is_same_v<Target, AddScaled<float>>) {
      if (target.alpha == 1.0F) return {target.c, target.ldc, true};
    }
    return {};
  }
  template <class Lanes>
  void finish(std::int64_t m, std::int64_t n, Lanes lanes, Vec sum) const {
    target.finish(m, n, lanes, target.start(m, n, lanes) + sum);
  }
};
#endif

// Whether products of these units are on tiles, and done.
template <class UnitType, class Target>
inline bool multipliesOnTiles([[maybe_unused]] std::int64_t M, [[maybe_unused]] std::int64_t N,
                              [[maybe_unused]] std::int64_t K, [[maybe_unused]] const Left<UnitType>& left,
                              [[maybe_unused]] const Right<UnitType>& right, [[maybe_unused]] const Target& target,
                              [[maybe_unused]] Ahead& ahead) {
#if defined(LORATWIN_TILES)
  if constexpr (std::is_same_v<UnitType, Pair>) {
    if (K > 0 && K <= kMostTileSteps) {
      tileProduct(M, N, K, left.units, left.row, left.step, right.units, right.step,
                  FromTiles<Target>{target, ahead, K});
      return true;
    }
  }
#endif
  return false;
}

// left: rows of units
template <class UnitType>
void sumInRanks(std::int64_t M, std::int64_t ranks, std::int64_t K, const Left<UnitType>& left,
                const Right<UnitType>& right, const Continue& c, Ahead& ahead) {
  if (multipliesOnTiles(M, ranks, K, left, right, c, ahead)) return;
#if defined(LORATWIN_ISA_AVX2)
  for (std::int64_t n = 0; n < ranks; n += kLanes) {
    rowsInRanks<kBlockRows[1], 1>(M, K, left, Right<UnitType>{right.units + n, right.step}, firstLanes(ranks - n),
                                  Continue{c.c + n, c.ldc}, ahead);
  }
#else
  if (ranks > 3 * kLanes) {
    rowsInRanks<kBlockRows[4], 4>(M, K, left, right, firstLanes(ranks - 3 * kLanes), c, ahead);
  } else if (ranks > 2 * kLanes) {
    rowsInRanks<kBlockRows[3], 3>(M, K, left, right, firstLanes(ranks - 2 * kLanes), c, ahead);
  } else if (ranks > kLanes) {
    rowsInRanks<kBlockRows[2], 2>(M, K, left, right, firstLanes(ranks - kLanes), c, ahead);
  } else {
    rowsInRanks<kBlockRows[1], 1>(M, K, left, right, firstLanes(ranks), c, ahead);
  }
#endif
}

// kVectors vectors of features, in blocks that fit the registers.
template <int kRows, int kVectors, bool kAdjacent, class UnitType, class Target, class Lanes>
__attribute__((always_inline)) inline void featureBlock(std::int64_t K, const Left<UnitType>& left,
                                                        const Right<UnitType>& right, Lanes last, const Target& target,
                                                        std::int64_t m, std::int64_t n) {
#if defined(LORATWIN_ISA_AVX2)
#pragma GCC unroll 1
  for (int j = 1; j < kVectors; ++j, n += kLanes)
    productBlock<kRows, 1, kAdjacent>(K, left, right, AllLanes{}, target, m, n);
  productBlock<kRows, 1, kAdjacent>(K, left, right, last, target, m, n);
#else
  productBlock<kRows, kVectors, kAdjacent>(K, left, right, last, target, m, n);
#endif
}

// kRows rows of blocks from row m on.
template <int kRows, bool kAdjacent, class UnitType, class Target>
void rowsInFeatures(std::int64_t M, std::int64_t N, std::int64_t K, const Left<UnitType>& left,
                    const Right<UnitType>& right, const Target& target, std::int64_t m, Ahead& ahead) {
  // A target's elements are fetched this many features before they are due.
  const std::int64_t lead = K >= 20 ? kWidth : 2 * kWidth;
  std::int64_t n = 0;
  for (; n + kWidth <= N; n += kWidth) {
    if (n + lead < N) {
      target.expect(m, n + lead, kRows);
    } else if (m + kRows < M && n + lead - N < N) {
      target.expect(m + kRows, n + lead - N, smaller(kRows, M - m - kRows));
    }
    ahead.fetch(K * kRows * 4);
    featureBlock<kRows, 4, kAdjacent>(K, left, right, AllLanes{}, target, m, n);
  }
  const std::int64_t rest = N - n;
  if (rest > 3 * kLanes) {
    featureBlock<kRows, 4, kAdjacent>(K, left, right, firstLanes(rest - 3 * kLanes), target, m, n);
  } else if (rest > 2 * kLanes) {
    featureBlock<kRows, 3, kAdjacent>(K, left, right, firstLanes(rest - 2 * kLanes), target, m, n);
  } else if (rest > kLanes) {
    featureBlock<kRows, 2, kAdjacent>(K, left, right, firstLanes(rest - kLanes), target, m, n);
  } else if (rest > 0) {
    featureBlock<kRows, 1, kAdjacent>(K, left, right, firstLanes(rest), target, m, n);
  }
}

// Row by row of blocks, so that a target's rows are read and written in long pieces.
// kAdjacent: `left` is down the rows (left.row = 1), else rows of units.
template <bool kAdjacent, class UnitType, class Target>
void sumInFeatures(std::int64_t M, std::int64_t N, std::int64_t K, const Left<UnitType>& left,
                   const Right<UnitType>& right, const Target& target, Ahead& ahead) {
  if (multipliesOnTiles(M, N, K, left, right, target, ahead)) return;
  constexpr int kRows = kFeatureRows;
  std::int64_t rows = 0;
  for (std::int64_t m = 0; m < M; m += rows) {
    rows = nextRows<kRows>(M - m);
    if (rows == kRows) {
      rowsInFeatures<kRows, kAdjacent>(M, N, K, left, right, target, m, ahead);
    } else if (kRows >= 3 && rows == kRows * 2 / 3) {
      rowsInFeatures<larger(kRows * 2 / 3, 1), kAdjacent>(M, N, K, left, right, target, m, ahead);
    } else if (kRows > 2 && rows == 2) {
      rowsInFeatures<2, kAdjacent>(M, N, K, left, right, target, m, ahead);
    } else {
      rowsInFeatures<1, kAdjacent>(M, N, K, left, right, target, m, ahead);
    }
  }
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
