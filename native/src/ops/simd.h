// Sixteen f32 lanes, in the builds of the fast operators: AVX-512 intrinsics, or GCC vector extensions for any
// processor.
// Everything here has internal linkage, so that the linker never gives the code of one build to the other.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(LORATWIN_ISA_AVX512BF16)
#define LORATWIN_ISA_AVX512 1
#include <immintrin.h>
#define LORATWIN_ISA avx512bf16
#elif defined(LORATWIN_ISA_AVX512)
#include <immintrin.h>
#define LORATWIN_ISA avx512
#elif defined(LORATWIN_ISA_GENERIC)
#define LORATWIN_ISA generic
#else
#error "the fast operators are compiled with LORATWIN_ISA_AVX512BF16, LORATWIN_ISA_AVX512 or LORATWIN_ISA_GENERIC"
#endif

#include "bf16.h"
#include "dropout.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kLanes = 16;

#if defined(LORATWIN_ISA_AVX512)

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
inline Vec widen(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
inline __m256i narrow(Vec v) {
#if defined(LORATWIN_ISA_AVX512BF16)
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v));
#else
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16));
#endif
}
inline Vec load(const Bf16* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline Vec load(const Bf16* p, Mask m) { return widen(_mm256_maskz_loadu_epi16(m, p)); }
inline void store(Bf16* p, Vec v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow(v)); }
inline void store(Bf16* p, Vec v, Mask m) { _mm256_mask_storeu_epi16(p, m, narrow(v)); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
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

#else

typedef float Vec __attribute__((vector_size(64)));
typedef std::int32_t IntVec __attribute__((vector_size(64)));
struct Mask {
  std::int64_t lanes;
};

inline Mask firstLanes(std::int64_t n) { return {n >= kLanes ? kLanes : n <= 0 ? 0 : n}; }
inline Vec set1(float x) { return Vec{} + x; }
inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Vec load(const float* p, Mask m) {
  if (m.lanes == kLanes) return load(p);
  Vec v{};
  std::memcpy(&v, p, static_cast<std::size_t>(m.lanes) * sizeof(float));
  return v;
}
inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
inline void store(float* p, Vec v, Mask m) {
  if (m.lanes == kLanes) {
    store(p, v);
  } else {
    std::memcpy(p, &v, static_cast<std::size_t>(m.lanes) * sizeof(float));
  }
}
inline Vec load(const Bf16* p, Mask m) {
  Vec v{};
  for (std::int64_t i = 0; i < m.lanes; ++i) v[i] = toFloat(p[i]);
  return v;
}
inline Vec load(const Bf16* p) { return load(p, firstLanes(kLanes)); }
inline void store(Bf16* p, Vec v, Mask m) {
  for (std::int64_t i = 0; i < m.lanes; ++i) p[i] = toBf16(v[i]);
}
inline void store(Bf16* p, Vec v) { store(p, v, firstLanes(kLanes)); }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec sqrt(Vec a) {
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
inline IntVec laneIndex() { return IntVec{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
inline Vec elseLanes(Mask m, Vec v, Vec other) { return laneIndex() < static_cast<std::int32_t>(m.lanes) ? v : other; }
inline Vec keepLanes(Mask m, Vec v) { return elseLanes(m, v, Vec{}); }
inline Vec swapLanes(Vec v, int distance) {
  Vec swapped;
  for (int i = 0; i < kLanes; ++i) swapped[i] = v[i ^ distance];
  return swapped;
}
inline float reduceAdd(Vec v) {
  float sum[8];
  for (int i = 0; i < 8; ++i) sum[i] = v[i] + v[i + 8];
  for (int n = 4; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) sum[i] += sum[i + n];
  }
  return sum[0];
}
inline float reduceMax(Vec v) {
  float best = v[0];
  for (int i = 1; i < kLanes; ++i) best = v[i] > best ? v[i] : best;
  return best;
}

#endif

// All 16 lanes, in a mask's place: masked stores are slow, and delay later loads of the same line.
struct AllLanes {};
template <class Store>
inline Vec load(const Store* p, AllLanes) {
  return load(p);
}
template <class Store>
inline void store(Store* p, Vec v, AllLanes) {
  store(p, v);
}
inline Vec keepLanes(AllLanes, Vec v) { return v; }
inline Vec elseLanes(AllLanes, Vec v, Vec) { return v; }

// body(i, lanes) for the elements i .. i + 15 of [0, count): whole vectors, then a masked rest.
template <class Body>
inline void forLanes(std::int64_t count, Body body) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, AllLanes{});
  if (i < count) body(i, firstLanes(count - i));
}

// Likewise with an accumulator: four of them, so that one vector does not wait for the one before; joined by `join`.
template <class Term, class Join>
inline Vec accumulateLanes(std::int64_t count, Vec start, Term term, Join join) {
  Vec sum[4] = {start, start, start, start};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] = term(i + j * kLanes, AllLanes{}, sum[j]);
  }
  for (; i + kLanes <= count; i += kLanes) sum[0] = term(i, AllLanes{}, sum[0]);
  if (i < count) sum[0] = term(i, firstLanes(count - i), sum[0]);
  return join(join(sum[0], sum[1]), join(sum[2], sum[3]));
}

template <class Term>
inline Vec sumLanes(std::int64_t count, Term term) {
  return accumulateLanes(count, Vec{}, term, [](Vec a, Vec b) { return a + b; });
}

// exp(x) for x <= 88: 2^n 2^r with x log2(e) = n + r, |r| <= 1/2, 2^r by Taylor to degree 6. Relative error below 4e-7.
// 0 below e^-86: subnormal probabilities would slow every product with them a hundredfold. NaN stays NaN.
inline Vec exp(Vec x) {
  const Vec log2e = set1(1.44269502162933349609375F);
#if defined(LORATWIN_ISA_AVX512)
  const Vec log2eRest = set1(1.925963033500011e-8F);
  const Vec n = _mm512_roundscale_ps(_mm512_mul_ps(x, log2e), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const Vec r = fma(x, log2eRest, _mm512_fmsub_ps(x, log2e, n));
#else
  const IntVec below = x < set1(-86.0F);
  x = below ? set1(-86.0F) : x;
  const Vec magic = set1(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  const Vec n = (x * log2e + magic) - magic;
  // Without fma: ln 2 = 355/512 - 2.12194440e-4, so that n times the head is exact (Cody and Waite).
  const Vec r = ((x - n * set1(0.693359375F)) - n * set1(-2.12194440e-4F)) * log2e;
#endif
  Vec p = set1(1.540353039e-4F);
  p = fma(p, r, set1(1.333355815e-3F));
  p = fma(p, r, set1(9.618129107e-3F));
  p = fma(p, r, set1(5.550410866e-2F));
  p = fma(p, r, set1(2.402265070e-1F));
  p = fma(p, r, set1(6.931471806e-1F));
  p = fma(p, r, set1(1.0F));
#if defined(LORATWIN_ISA_AVX512)
  return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, set1(-86.0F), _CMP_NLT_UQ), p, n);
#else
  const IntVec bits = (__builtin_convertvector(n, IntVec) + 127) << 23;
  Vec power;
  std::memcpy(&power, &bits, sizeof power);
  return below ? Vec{} : p * power;
#endif
}

// 2^x for x <= 127: 2^n 2^r with x = n + r, |r| <= 1/2, 2^r by the polynomial of degree 5 with the least relative error
// and 2^0 = 1. Relative error below 2e-7. 0 below 2^-124, as in exp. NaN stays NaN.
inline Vec exp2(Vec x) {
#if defined(LORATWIN_ISA_AVX512)
  const Vec n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const IntVec below = x < set1(-124.0F);
  x = below ? set1(-124.0F) : x;
  const Vec magic = set1(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  const Vec n = (x + magic) - magic;
#endif
  const Vec r = x - n;
  Vec p = set1(1.326472731e-3F);
  p = fma(p, r, set1(9.671512991e-3F));
  p = fma(p, r, set1(5.550733581e-2F));
  p = fma(p, r, set1(2.402224243e-1F));
  p = fma(p, r, set1(6.931470037e-1F));
  p = fma(p, r, set1(1.0F));
#if defined(LORATWIN_ISA_AVX512)
  return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, set1(-124.0F), _CMP_NLT_UQ), p, n);
#else
  const IntVec bits = (__builtin_convertvector(n, IntVec) + 127) << 23;
  Vec power;
  std::memcpy(&power, &bits, sizeof power);
  return below ? Vec{} : p * power;
#endif
}

// Natural logarithm of normal positive numbers: x = 2^e m with m in [3/4, 3/2), log m = 2 artanh((m - 1) / (m + 1)) by
// Taylor to degree 9. Error below 1e-7 absolute or relative.
inline Vec log(Vec x) {
  constexpr std::int32_t kThreeQuarters = 0x3f400000;  // 0.75F
#if defined(LORATWIN_ISA_AVX512)
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i exponent = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(kThreeQuarters)), 23);
  const Vec m = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
  const Vec e = _mm512_cvtepi32_ps(exponent);
#else
  IntVec bits;
  std::memcpy(&bits, &x, sizeof bits);
  const IntVec exponent = (bits - kThreeQuarters) >> 23;
  bits -= exponent << 23;
  Vec m;
  std::memcpy(&m, &bits, sizeof m);
  const Vec e = __builtin_convertvector(exponent, Vec);
#endif
  const Vec s = (m - set1(1.0F)) / (m + set1(1.0F));
  const Vec s2 = s * s;
  Vec p = set1(2.0F / 9.0F);
  p = fma(p, s2, set1(2.0F / 7.0F));
  p = fma(p, s2, set1(2.0F / 5.0F));
  p = fma(p, s2, set1(2.0F / 3.0F));
  p = fma(p, s2, set1(2.0F));
  return fma(e, set1(6.931471806e-1F), p * s);
}

// Factors of the columns column .. column + 15 of one row: 0 or keepScale = 1 / (1 - p). See dropout.h.
inline Vec dropoutFactors(DropoutRow row, std::uint32_t column, std::uint32_t threshold, float keepScale) {
#if defined(LORATWIN_ISA_AVX512)
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
#else
  float factors[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    factors[i] = dropoutKeep(row, column + static_cast<std::uint32_t>(i), threshold) ? keepScale : 0.0F;
  }
  return load(factors);
#endif
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
