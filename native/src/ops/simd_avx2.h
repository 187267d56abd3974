// Sixteen f32 lanes in two registers of AVX2, with FMA. Included by simd.h.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "bf16.h"
#include "dropout.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kLanes = 16;

struct Vec {
  __m256 low;  // lanes 0 .. 7
  __m256 high;
};
struct Mask {  // of the first lanes
  std::int64_t lanes;
};

inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }

inline Mask firstLanes(std::int64_t n) { return {n >= kLanes ? kLanes : n <= 0 ? 0 : n}; }

// Eight elements from kFirst + 16 - n on have the first n of 16 set, as far as they go.
alignas(64) constexpr std::int32_t kFirst[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
inline __m256i bitsOf(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline __m256i lowBits(Mask m) { return bitsOf(kFirst + kLanes - m.lanes); }
inline __m256i highBits(Mask m) { return bitsOf(kFirst + kLanes + 8 - m.lanes); }

inline Vec set1(float x) {
  const __m256 v = _mm256_set1_ps(x);
  return {v, v};
}
inline Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline Vec load(const float* p, Mask m) {
  if (m.lanes == kLanes) return load(p);
  return {_mm256_maskload_ps(p, lowBits(m)), _mm256_maskload_ps(p + 8, highBits(m))};
}
inline void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
// A masked store takes tens of cycles on some processors.
inline void store(float* p, Vec v, Mask m) {
  if (m.lanes == kLanes) return store(p, v);
  if (m.lanes >= 8) {
    _mm256_storeu_ps(p, v.low);
    if (m.lanes > 8) _mm256_maskstore_ps(p + 8, highBits(m), v.high);
  } else if (m.lanes > 0) {
    _mm256_maskstore_ps(p, lowBits(m), v.low);
  }
}
inline __m256 widen(__m128i bits) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16)); }
inline Vec widen(__m256i bits) {
  return {widen(_mm256_castsi256_si128(bits)), widen(_mm256_extracti128_si256(bits, 1))};
}
// To nearest, ties to even; NaN stays a (quiet) NaN.
inline __m256i narrowBits(__m256 v) {
  const __m256i bits = _mm256_castps_si256(v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256 nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
  const __m256 chosen = _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), nan);
  return _mm256_srli_epi32(_mm256_castps_si256(chosen), 16);
}
inline __m256i narrow(Vec v) {
  // Packing goes by halves of registers: its four quarters are lanes 0 .. 3, 8 .. 11, 4 .. 7, 12 .. 15.
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(narrowBits(v.low), narrowBits(v.high)), 0xd8);
}
inline Vec load(const Bf16* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
// Pairs of elements under a mask, and a lone last one.
inline Vec load(const Bf16* p, Mask m) {
  if (m.lanes == kLanes) return load(p);
  const std::int64_t pairs = m.lanes / 2;
  const int* const from = reinterpret_cast<const int*>(p);
  __m256i bits = _mm256_maskload_epi32(from, bitsOf(kFirst + kLanes - pairs));
  if (m.lanes % 2 != 0) {
    // its lane alone: that of the first pairs + 1 that is none of the first
    const __m256i lone = _mm256_andnot_si256(bitsOf(kFirst + kLanes - pairs), bitsOf(kFirst + kLanes - 1 - pairs));
    bits = _mm256_or_si256(bits, _mm256_and_si256(lone, _mm256_set1_epi32(p[m.lanes - 1].bits)));
  }
  return widen(bits);
}
inline void store(Bf16* p, Vec v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow(v)); }
inline void store(Bf16* p, Vec v, Mask m) {
  if (m.lanes == kLanes) return store(p, v);
  Bf16 narrowed[kLanes];
  store(narrowed, v);
  std::memcpy(p, narrowed, static_cast<std::size_t>(m.lanes) * sizeof(Bf16));
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
// v where not x > most, else 0
inline Vec upTo(Vec x, Vec most, Vec v) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.low, most.low, _CMP_NGT_UQ), v.low),
          _mm256_and_ps(_mm256_cmp_ps(x.high, most.high, _CMP_NGT_UQ), v.high)};
}
inline Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)}; }
inline Vec keepLanes(Mask m, Vec v) {
  return {_mm256_and_ps(v.low, _mm256_castsi256_ps(lowBits(m))),
          _mm256_and_ps(v.high, _mm256_castsi256_ps(highBits(m)))};
}
inline Vec elseLanes(Mask m, Vec v, Vec other) {
  return {_mm256_blendv_ps(other.low, v.low, _mm256_castsi256_ps(lowBits(m))),
          _mm256_blendv_ps(other.high, v.high, _mm256_castsi256_ps(highBits(m)))};
}
// lane i of the result is lane i ^ distance of v; distance is a power of 2 below 16
inline Vec swapLanes(Vec v, int distance) {
  if (distance == 8) return {v.high, v.low};
  const __m256i lane = _mm256_xor_si256(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(distance));
  return {_mm256_permutevar8x32_ps(v.low, lane), _mm256_permutevar8x32_ps(v.high, lane)};
}
// Lanes 8 apart first, then 4, 2 and 1, as in the other builds.
inline float reduceAdd(Vec v) {
  const __m256 eight = _mm256_add_ps(v.low, v.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float reduceMax(Vec v) {
  const __m256 eight = _mm256_max_ps(v.low, v.high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

inline Vec nearestWhole(Vec x) {
  return {_mm256_round_ps(x.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
          _mm256_round_ps(x.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// x = (n + r) / log2(e) with n whole and |r| <= 1/2
inline Vec splitExponent(Vec x, Vec& n) {
  const Vec log2e = set1(1.44269502162933349609375F);
  const Vec log2eRest = set1(1.925963033500011e-8F);
  n = nearestWhole(Vec{_mm256_mul_ps(x.low, log2e.low), _mm256_mul_ps(x.high, log2e.high)});
  return fma(x, log2eRest, {_mm256_fmsub_ps(x.low, log2e.low, n.low), _mm256_fmsub_ps(x.high, log2e.high, n.high)});
}
// What timesPower can take: any x.
inline Vec atLeast(Vec x, float) { return x; }
inline __m256 timesPower(__m256 p, __m256 n, __m256 x, __m256 lowest) {
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_and_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(power)), _mm256_cmp_ps(x, lowest, _CMP_NLT_UQ));
}
// p 2^n, 0 where x < lowest
inline Vec timesPower(Vec p, Vec n, Vec x, float lowest) {
  const __m256 bound = _mm256_set1_ps(lowest);
  return {timesPower(p.low, n.low, x.low, bound), timesPower(p.high, n.high, x.high, bound)};
}
inline __m256 splitMantissa(__m256 x, std::int32_t base, __m256& exponent) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i e = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(base)), 23);
  exponent = _mm256_cvtepi32_ps(e);
  return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(e, 23)));
}
// x = m 2^exponent with m in [base, 2 base), for normal positive x; `base` as its bits
inline Vec splitMantissa(Vec x, std::int32_t base, Vec& exponent) {
  return {splitMantissa(x.low, base, exponent.low), splitMantissa(x.high, base, exponent.high)};
}

inline __m256 dropoutFactors(DropoutRow row, std::uint32_t column, __m256i threshold, __m256 keepScale) {
  const auto mix = [](__m256i v) {
    v = _mm256_mullo_epi32(_mm256_xor_si256(v, _mm256_srli_epi32(v, 16)), _mm256_set1_epi32(0x7feb352d));
    v = _mm256_mullo_epi32(_mm256_xor_si256(v, _mm256_srli_epi32(v, 15)),
                           _mm256_set1_epi32(static_cast<int>(0x846ca68bU)));
    return _mm256_xor_si256(v, _mm256_srli_epi32(v, 16));
  };
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256i v = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(column + row.h0)), lane);
  v = mix(_mm256_xor_si256(mix(v), _mm256_set1_epi32(static_cast<int>(row.h1))));
  const __m256i keep = _mm256_cmpeq_epi32(_mm256_max_epu32(v, threshold), v);
  return _mm256_and_ps(keepScale, _mm256_castsi256_ps(keep));
}
// Factors of the columns column .. column + 15 of one row: 0 or keepScale = 1 / (1 - p). See dropout.h.
inline Vec dropoutFactors(DropoutRow row, std::uint32_t column, std::uint32_t threshold, float keepScale) {
  const __m256i bound = _mm256_set1_epi32(static_cast<int>(threshold));
  const __m256 kept = _mm256_set1_ps(keepScale);
  return {dropoutFactors(row, column, bound, kept), dropoutFactors(row, column + 8, bound, kept)};
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
