// Sixteen f32 lanes in a register of AVX-512. Included by simd.h.
#pragma once

#include <immintrin.h>

#include "bf16.h"
#include "dropout.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kLanes = 16;

using Vec = __m512;
using Mask = __mmask16;  // of the first lanes

inline Mask firstLanes(std::int64_t n) {
  return static_cast<Mask>(n >= kLanes ? 0xffffU : n <= 0 ? 0U : (1U << n) - 1U);
}
inline Vec set1(float x) { return _mm512_set1_ps(x); }
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline Vec load(const float* p, Mask m) { return _mm512_maskz_loadu_ps(m, p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline void store(float* p, Vec v, Mask m) { _mm512_mask_storeu_ps(p, m, v); }
inline Vec widen(__m256i bits) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)); }
#if defined(LORATWIN_ISA_AVX512BF16)
inline __m256i narrow(Vec v) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)); }
// Elements 0, 2, .. of 32 and 1, 3, ..
inline __m512i narrow(Vec even, Vec odd) {
  alignas(64) static constexpr std::uint16_t kFrom[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kFrom), reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even)));
}
#else
// In the upper halves of lanes. To nearest, ties to even; NaN stays a (quiet) NaN.
inline __m512i roundedBits(Vec v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  return _mm512_mask_mov_epi32(rounded, nan, _mm512_or_si512(bits, _mm512_set1_epi32(0x400000)));
}
inline __m256i narrow(Vec v) { return _mm512_cvtepi32_epi16(_mm512_srli_epi32(roundedBits(v), 16)); }
inline __m512i narrow(Vec even, Vec odd) {
  return _mm512_mask_mov_epi16(_mm512_srli_epi32(roundedBits(even), 16), 0xaaaaaaaa, roundedBits(odd));
}
#endif
inline Vec load(const Bf16* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline Vec load(const Bf16* p, Mask m) { return widen(_mm256_maskz_loadu_epi16(m, p)); }
inline void store(Bf16* p, Vec v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow(v)); }
inline void store(Bf16* p, Vec v, Mask m) { _mm256_mask_storeu_epi16(p, m, narrow(v)); }
// Half of what widening and narrowing costs one by one.
inline void loadTwo(const Bf16* p, Vec& even, Vec& odd) {
  const __m512i pairs = _mm512_loadu_si512(p);
  even = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  odd = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
}
inline void storeTwo(Bf16* p, Vec even, Vec odd) { _mm512_storeu_si512(p, narrow(even, odd)); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
// v where not x > most, else 0
inline Vec upTo(Vec x, Vec most, Vec v) { return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, most, _CMP_NGT_UQ), v); }
inline Vec sqrt(Vec a) { return _mm512_sqrt_ps(a); }
inline Vec keepLanes(Mask m, Vec v) { return _mm512_maskz_mov_ps(m, v); }
inline Vec elseLanes(Mask m, Vec v, Vec other) { return _mm512_mask_mov_ps(other, m, v); }
// lane i of the result is lane i ^ distance of v; distance is a power of 2 below 16
inline Vec swapLanes(Vec v, int distance) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_permutexvar_ps(_mm512_xor_si512(lane, _mm512_set1_epi32(distance)), v);
}
inline float reduceAdd(Vec v) { return _mm512_reduce_add_ps(v); }
inline float reduceMax(Vec v) { return _mm512_reduce_max_ps(v); }

inline Vec nearestWhole(Vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// x = (n + r) / log2(e) with n whole and |r| <= 1/2
inline Vec splitExponent(Vec x, Vec& n) {
  const Vec log2e = set1(1.44269502162933349609375F);
  const Vec log2eRest = set1(1.925963033500011e-8F);
  n = nearestWhole(_mm512_mul_ps(x, log2e));
  return fma(x, log2eRest, _mm512_fmsub_ps(x, log2e, n));
}
// What timesPower can take: any x.
inline Vec atLeast(Vec x, float) { return x; }
// p 2^n, 0 where x < lowest
inline Vec timesPower(Vec p, Vec n, Vec x, float lowest) {
  return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, set1(lowest), _CMP_NLT_UQ), p, n);
}
// x = m 2^exponent with m in [base, 2 base), for normal positive x; `base` as its bits
inline Vec splitMantissa(Vec x, std::int32_t base, Vec& exponent) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i e = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(base)), 23);
  exponent = _mm512_cvtepi32_ps(e);
  return _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(e, 23)));
}

// Factors of the columns column .. column + 15 of one row: 0 or keepScale = 1 / (1 - p). See dropout.h.
inline Vec dropoutFactors(DropoutRow row, std::uint32_t column, std::uint32_t threshold, float keepScale) {
  const auto mix = [](__m512i v) {
    v = _mm512_mullo_epi32(_mm512_xor_si512(v, _mm512_srli_epi32(v, 16)), _mm512_set1_epi32(0x7feb352d));
    v = _mm512_mullo_epi32(_mm512_xor_si512(v, _mm512_srli_epi32(v, 15)),
                           _mm512_set1_epi32(static_cast<int>(0x846ca68bU)));
    return _mm512_xor_si512(v, _mm512_srli_epi32(v, 16));
  };
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512i v = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(column + row.h0)), lane);
  v = mix(_mm512_xor_si512(mix(v), _mm512_set1_epi32(static_cast<int>(row.h1))));
  const __mmask16 keep = _mm512_cmpge_epu32_mask(v, _mm512_set1_epi32(static_cast<int>(threshold)));
  return _mm512_maskz_mov_ps(keep, set1(keepScale));
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
