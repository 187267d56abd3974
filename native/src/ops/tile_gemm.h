// Small matrix products in registers, for the operators whose shapes vary with every segment and sequence.
//
//   tileGemm:  C[m,n] (+)= sum_k A[m am + k ak] B[k ldb + n]      A any strides, B and C rows of n
//   dotGemm:   C[i,j] (+)= sum_k X[i,k] A[j,k]                    both operands rows of k
// A, B and X are matrices of units (units.h), K and their strides count units; C is f32.
// An element's sum runs over k in order in its own lane (dotGemm: 16 lanes, then one tree; on tiles: tile_products.h),
// whatever the blocking: a row's result does not depend on its neighbours.
#pragma once

#include "tile_products.h"
#include "units.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

inline Mask allOf(Mask) { return firstLanes(kLanes); }
inline AllLanes allOf(AllLanes) { return {}; }

// `last`: the lanes of the last vector.
template <int kRows, int kVectors, class UnitType, class Lanes>
__attribute__((always_inline)) inline void gemmBlock(std::int64_t K, const UnitType* a, std::int64_t am,
                                                     std::int64_t ak, const UnitType* b, std::int64_t ldb, float* c,
                                                     std::int64_t ldc, Lanes last, bool accumulate) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sum[i][j] = Vec{};
  }
  for (std::int64_t k = 0; k < K; ++k) {
    decltype(loadUnits(b)) row[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const UnitType* p = b + k * ldb + j * kLanes;
      row[j] = j + 1 < kVectors ? loadUnits(p) : loadUnits(p, last);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const auto left = broadcastUnit(a + i * am + k * ak);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][j] = multiplyAdd(left, row[j], sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      float* p = c + i * ldc + j * kLanes;
      const Lanes m = j + 1 < kVectors ? allOf(last) : last;
      store(p, accumulate ? sum[i][j] + load(p, m) : sum[i][j], m);
    }
  }
}

template <int kRows, int kVectors, class UnitType, class Lanes>
void gemmRows(std::int64_t M, std::int64_t K, const UnitType* a, std::int64_t am, std::int64_t ak, const UnitType* b,
              std::int64_t ldb, float* c, std::int64_t ldc, Lanes last, bool accumulate) {
  std::int64_t m = 0;
  for (; m + kRows <= M; m += kRows)
    gemmBlock<kRows, kVectors>(K, a + m * am, am, ak, b, ldb, c + m * ldc, ldc, last, accumulate);
  if constexpr (kRows > 4) {
    for (; m + 4 <= M; m += 4)
      gemmBlock<4, kVectors>(K, a + m * am, am, ak, b, ldb, c + m * ldc, ldc, last, accumulate);
  }
  if constexpr (kRows > 2) {
    for (; m + 2 <= M; m += 2)
      gemmBlock<2, kVectors>(K, a + m * am, am, ak, b, ldb, c + m * ldc, ldc, last, accumulate);
  }
  for (; m < M; ++m) gemmBlock<1, kVectors>(K, a + m * am, am, ak, b, ldb, c + m * ldc, ldc, last, accumulate);
}

#if defined(LORATWIN_ISA_AVX512)
// Accumulators of a block: 24, 24, 24 and 16 of the 32 registers; the broadcast operand comes from memory.
constexpr int kRows4 = 6;
constexpr int kRows3 = 8;
constexpr int kRows2 = 12;
constexpr int kRows1 = 16;
#elif defined(LORATWIN_ISA_AVX2)
// One vector a block: 12 accumulators of the 16 registers, 2 for the row of B and one for the broadcast operand.
constexpr int kRows1 = 6;
#else
constexpr int kRows4 = 1;
constexpr int kRows3 = 1;
constexpr int kRows2 = 1;
constexpr int kRows1 = 2;
#endif

#if defined(LORATWIN_TILES)
struct Sums {
  Place at;
  void expect(std::int64_t, std::int64_t, std::int64_t, std::int64_t) const {}
  Place place() const { return at; }
  template <class Lanes>
  void finish(std::int64_t, std::int64_t, Lanes, Vec) const {}  // they are there
};
#endif

template <class UnitType>
inline void tileGemm(std::int64_t M, std::int64_t N, std::int64_t K, const UnitType* a, std::int64_t am,
                     std::int64_t ak, const UnitType* b, std::int64_t ldb, float* c, std::int64_t ldc,
                     bool accumulate) {
#if defined(LORATWIN_TILES)
  if constexpr (std::is_same_v<UnitType, Pair>) {
    if (K > 0 && K <= kMostTileSteps) return tileProduct(M, N, K, a, am, ak, b, ldb, Sums{{c, ldc, accumulate}});
  }
#endif
#if defined(LORATWIN_ISA_AVX2)
  std::int64_t n = 0;
  for (; n + kLanes <= N; n += kLanes)
    gemmRows<kRows1, 1>(M, K, a, am, ak, b + n, ldb, c + n, ldc, AllLanes{}, accumulate);
  if (n < N) gemmRows<kRows1, 1>(M, K, a, am, ak, b + n, ldb, c + n, ldc, firstLanes(N - n), accumulate);
#else
  for (std::int64_t n = 0; n < N; n += 4 * kLanes) {
    const std::int64_t width = N - n;
    if (width > 3 * kLanes) {
      gemmRows<kRows4, 4>(M, K, a, am, ak, b + n, ldb, c + n, ldc, firstLanes(width - 3 * kLanes), accumulate);
    } else if (width > 2 * kLanes) {
      gemmRows<kRows3, 3>(M, K, a, am, ak, b + n, ldb, c + n, ldc, firstLanes(width - 2 * kLanes), accumulate);
    } else if (width > kLanes) {
      gemmRows<kRows2, 2>(M, K, a, am, ak, b + n, ldb, c + n, ldc, firstLanes(width - kLanes), accumulate);
    } else {
      gemmRows<kRows1, 1>(M, K, a, am, ak, b + n, ldb, c + n, ldc, firstLanes(width), accumulate);
    }
  }
#endif
}

template <int kX, int kA, class UnitType>
__attribute__((always_inline)) inline void dotBlock(std::int64_t K, const UnitType* x, std::int64_t ldx,
                                                    const UnitType* a, std::int64_t lda, float* c, std::int64_t ldc,
                                                    bool accumulate) {
  Vec sum[kX][kA];
#pragma GCC unroll 4
  for (int i = 0; i < kX; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kA; ++j) sum[i][j] = Vec{};
  }
  for (std::int64_t k = 0; k < K; k += kLanes) {
    const Mask m = firstLanes(K - k);
    decltype(loadUnits(a)) right[kA];
#pragma GCC unroll 4
    for (int j = 0; j < kA; ++j) right[j] = loadUnits(a + j * lda + k, m);
#pragma GCC unroll 4
    for (int i = 0; i < kX; ++i) {
      const auto left = loadUnits(x + i * ldx + k, m);
#pragma GCC unroll 4
      for (int j = 0; j < kA; ++j) sum[i][j] = multiplyAdd(left, right[j], sum[i][j]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kX; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kA; ++j) c[i * ldc + j] = reduceAdd(sum[i][j]) + (accumulate ? c[i * ldc + j] : 0.0F);
  }
}

#if defined(LORATWIN_ISA_AVX2)
constexpr int kDots = 2;  // rows of either operand: 8 accumulators and 6 operands in the 16 registers
#else
constexpr int kDots = 4;
#endif

template <class UnitType>
inline void dotGemm(std::int64_t rows, std::int64_t R, std::int64_t K, const UnitType* x, std::int64_t ldx,
                    const UnitType* a, std::int64_t lda, float* c, std::int64_t ldc, bool accumulate) {
  std::int64_t i = 0;
  for (; i + kDots <= rows; i += kDots) {
    std::int64_t j = 0;
    for (; j + kDots <= R; j += kDots)
      dotBlock<kDots, kDots>(K, x + i * ldx, ldx, a + j * lda, lda, c + i * ldc + j, ldc, accumulate);
    for (; j < R; ++j) dotBlock<kDots, 1>(K, x + i * ldx, ldx, a + j * lda, lda, c + i * ldc + j, ldc, accumulate);
  }
  for (; i < rows; ++i) {
    std::int64_t j = 0;
    for (; j + 4 <= R; j += 4) dotBlock<1, 4>(K, x + i * ldx, ldx, a + j * lda, lda, c + i * ldc + j, ldc, accumulate);
    for (; j < R; ++j) dotBlock<1, 1>(K, x + i * ldx, ldx, a + j * lda, lda, c + i * ldc + j, ldc, accumulate);
  }
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
