// Units: what small products multiply, 32 bits that hold the elements of one step along K. In f32 a unit is a float. In
// bfloat16 it is a pair (k, k + 1) where the processor multiplies pairs (AVX512_BF16), elsewhere a float that is
// exactly a bfloat16. So a matrix of units is no wider than one of floats, and one kernel (tile_gemm.h) serves both.
//
// From a row-major source [rows, columns], floats rounded on the way to bfloat16, the partner of a lone last element 0:
//   packRows        [rows, unitsOf(columns)]   K along the columns: a left operand (am = ldd, ak = 1)
//   packTransposed  [unitsOf(columns), rows]   the same transposed: a right operand
//   packPairs       [unitsOf(rows), columns]   K along the rows: a right operand, or a left one (am = 1, ak = ldd)
// A float matrix is its own packRows and packPairs; so is for packRows a bfloat16 matrix with even columns and stride
// where kUnitElements is 2.
#pragma once

#include <type_traits>

#include "simd.h"

#if defined(LORATWIN_ISA_AVX512BF16)
#include "pairs_avx512.h"
#elif defined(LORATWIN_PAIRS)
#include "pairs_plain.h"
#endif

namespace loratwin::ops::LORATWIN_ISA {
namespace {

#if defined(LORATWIN_PAIRS)
template <class Store>
using Unit = std::conditional_t<std::is_same_v<Store, Bf16>, Pair, float>;
#else
template <class Store>
using Unit = float;
#endif

inline Vec loadUnits(const float* p) { return load(p); }
inline Vec loadUnits(const float* p, Mask m) { return load(p, m); }
inline Vec broadcastUnit(const float* p) { return set1(*p); }
inline void storeUnits(float* p, Vec v, Mask m) { store(p, v, m); }
inline Vec multiplyAdd(Vec a, Vec b, Vec sum) { return fma(a, b, sum); }

template <class UnitType>
inline auto loadUnits(const UnitType* p, AllLanes) {
  return loadUnits(p);
}

// Elements along K in a unit.
template <class Store>
constexpr std::int64_t kUnitElements = std::is_same_v<Unit<Store>, float> ? 1 : 2;

template <class Store>
constexpr std::int64_t unitsOf(std::int64_t elements) {
  return (elements + kUnitElements<Store> - 1) / kUnitElements<Store>;
}

// v as `Store` would keep it
template <class Store>
inline Vec rounded(Vec v) {
  if constexpr (std::is_same_v<Store, float>) {
    return v;
  } else {
    Store narrowed[kLanes];
    store(narrowed, v);
    return load(narrowed);
  }
}

// 16 units of a row whose first `elements` elements count.
template <class Store, class Source>
inline auto unitsOfRow(const Source* row, std::int64_t elements) {
  if constexpr (kUnitElements<Store> == 2) {
    return pairRow(row, elements);
  } else if constexpr (std::is_same_v<Store, Source>) {
    return load(row, firstLanes(elements));
  } else {
    return rounded<Store>(load(row, firstLanes(elements)));
  }
}

template <class Store, class Source>
inline void packRows(const Source* source, std::int64_t lds, std::int64_t rows, std::int64_t columns,
                     Unit<Store>* destination, std::int64_t ldd) {
  constexpr std::int64_t kStep = kLanes * kUnitElements<Store>;
  for (std::int64_t r = 0; r < rows; ++r) {
    Unit<Store>* row = destination + r * ldd;
    for (std::int64_t c = 0; c < columns; c += kStep, row += kLanes) {
      storeUnits(row, unitsOfRow<Store>(source + r * lds + c, columns - c), firstLanes(unitsOf<Store>(columns - c)));
    }
  }
}

template <class Store, class Source>
inline void packPairs(const Source* source, std::int64_t lds, std::int64_t rows, std::int64_t columns,
                      Unit<Store>* destination, std::int64_t ldd) {
#if defined(LORATWIN_PAIRS)
  if constexpr (kUnitElements<Store> == 2) {
    for (std::int64_t r = 0; r < rows; r += 2) {
      const Source* even = source + r * lds;
      for (std::int64_t c = 0; c < columns; c += kLanes) {
        const Mask m = firstLanes(columns - c);
        const Narrow odd = r + 1 < rows ? loadNarrow(even + lds + c, m) : Narrow{};
        storeUnits(destination + r / 2 * ldd + c, pairLanes(loadNarrow(even + c, m), odd), m);
      }
    }
    return;
  }
#endif
  packRows<Store>(source, lds, rows, columns, destination, ldd);
}

#if defined(LORATWIN_ISA_AVX512)
using Lanes = __m512i;
// r[i] lane j becomes r[j] lane i
inline void transposeLanes(Lanes r[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
    r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
    r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
  }
}
inline Lanes lanesOf(Vec v) { return _mm512_castps_si512(v); }
inline Lanes lanesOf(Lanes v) { return v; }
inline void storeLanes(void* p, Lanes v, Mask m) { _mm512_mask_storeu_epi32(p, m, v); }
#elif defined(LORATWIN_ISA_AVX2)
using Lanes = Vec;
inline void transposeEight(__m256 r[8]) {
  __m256 t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x20);
    t[4 + i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = t[i];
}
// r[i] lane j becomes r[j] lane i: quarters of 8 x 8, two of which change places.
inline void transposeLanes(Lanes r[16]) {
  __m256 quarters[2][2][8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    quarters[0][0][i] = r[i].low;
    quarters[0][1][i] = r[i].high;
    quarters[1][0][i] = r[8 + i].low;
    quarters[1][1][i] = r[8 + i].high;
  }
  for (auto& half : quarters) {
    for (auto& quarter : half) transposeEight(quarter);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    r[i] = {quarters[0][0][i], quarters[1][0][i]};
    r[8 + i] = {quarters[0][1][i], quarters[1][1][i]};
  }
}
inline Lanes lanesOf(Vec v) { return v; }
inline void storeLanes(float* p, Lanes v, Mask m) { store(p, v, m); }
#endif

template <class Store, class Source>
inline void packTransposed(const Source* source, std::int64_t lds, std::int64_t rows, std::int64_t columns,
                           Unit<Store>* destination, std::int64_t ldd) {
#if defined(LORATWIN_ISA_AVX512) || defined(LORATWIN_ISA_AVX2)
  constexpr std::int64_t kStep = kLanes * kUnitElements<Store>;
  for (std::int64_t r = 0; r < rows; r += kLanes) {
    const Mask m = firstLanes(rows - r);
    for (std::int64_t c = 0; c < columns; c += kStep) {
      Lanes block[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        block[i] = r + i < rows ? lanesOf(unitsOfRow<Store>(source + (r + i) * lds + c, columns - c)) : Lanes{};
      }
      transposeLanes(block);
      const std::int64_t units = unitsOf<Store>(columns - c);
      Unit<Store>* first = destination + c / kUnitElements<Store> * ldd + r;
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        if (i < units) storeLanes(first + i * ldd, block[i], m);
      }
    }
  }
#else
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; c += kUnitElements<Store>) {
      if constexpr (kUnitElements<Store> == 2) {
        storeUnits(destination + c / 2 * ldd + r, pairRow(source + r * lds + c, columns - c), firstLanes(1));
      } else if constexpr (std::is_same_v<Source, Bf16>) {
        destination[c * ldd + r] = toFloat(source[r * lds + c]);
      } else if constexpr (std::is_same_v<Store, Bf16>) {
        destination[c * ldd + r] = toFloat(toBf16(source[r * lds + c]));
      } else {
        destination[c * ldd + r] = source[r * lds + c];
      }
    }
  }
#endif
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
