// Sixteen f32 lanes, in the builds of the fast operators: AVX-512, AVX2 with FMA, or any processor (simd_*.h, which
// have the same functions). LORATWIN_PAIRS: products of pairs of bfloat16s (units.h). LORATWIN_TILES: on tiles
// (tiles.h). Everything here has internal linkage, so that the linker never gives the code of one build to the other.
#pragma once

#include <cstdint>

#if defined(LORATWIN_ISA_AMXBF16)
#define LORATWIN_ISA_AVX512BF16 1
#define LORATWIN_ISA_AVX512 1
#define LORATWIN_TILES 1
#define LORATWIN_PAIRS 1
#define LORATWIN_ISA amxbf16
#elif defined(LORATWIN_ISA_PLAIN_TILES)
// Stands in amxbf16's place, for tests on any processor.
#define LORATWIN_ISA_GENERIC 1
#define LORATWIN_TILES 1
#define LORATWIN_PAIRS 1
#define LORATWIN_ISA amxbf16
#elif defined(LORATWIN_ISA_AVX512BF16)
#define LORATWIN_ISA_AVX512 1
#define LORATWIN_PAIRS 1
#define LORATWIN_ISA avx512bf16
#elif defined(LORATWIN_ISA_AVX512)
#define LORATWIN_ISA avx512
#elif defined(LORATWIN_ISA_AVX2)
#define LORATWIN_ISA avx2
#elif defined(LORATWIN_ISA_GENERIC)
#define LORATWIN_ISA generic
#else
#error "the fast operators are compiled with LORATWIN_ISA_ and AMXBF16, AVX512BF16, AVX512, AVX2 or GENERIC"
#endif

#if defined(LORATWIN_ISA_AVX512)
#include "simd_avx512.h"
#elif defined(LORATWIN_ISA_AVX2)
#include "simd_avx2.h"
#else
#include "simd_generic.h"
#endif

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr float kLog2E = 1.44269504F;

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

// 32 elements in two vectors. Which element is in which lane is the type's own business: of elements that belong
// together it is the same, and storeTwo puts them back.
template <class Store>
inline void loadTwo(const Store* p, Vec& a, Vec& b) {
  a = load(p);
  b = load(p + kLanes);
}
template <class Store>
inline void storeTwo(Store* p, Vec a, Vec b) {
  store(p, a);
  store(p + kLanes, b);
}

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
  constexpr float kLowest = -86.0F;
  Vec n;
  const Vec r = splitExponent(atLeast(x, kLowest), n);
  Vec p = set1(1.540353039e-4F);
  p = fma(p, r, set1(1.333355815e-3F));
  p = fma(p, r, set1(9.618129107e-3F));
  p = fma(p, r, set1(5.550410866e-2F));
  p = fma(p, r, set1(2.402265070e-1F));
  p = fma(p, r, set1(6.931471806e-1F));
  p = fma(p, r, set1(1.0F));
  return timesPower(p, n, x, kLowest);
}

// 2^x for x <= 127: 2^n 2^r with x = n + r, |r| <= 1/2, 2^r by the polynomial of degree 5 with the least relative error
// and 2^0 = 1. Relative error below 2e-7. 0 below 2^-124, as in exp. NaN stays NaN.
inline Vec exp2(Vec x) {
  constexpr float kLowest = -124.0F;
  const Vec bounded = atLeast(x, kLowest);
  const Vec n = nearestWhole(bounded);
  const Vec r = bounded - n;
  Vec p = set1(1.326472731e-3F);
  p = fma(p, r, set1(9.671512991e-3F));
  p = fma(p, r, set1(5.550733581e-2F));
  p = fma(p, r, set1(2.402224243e-1F));
  p = fma(p, r, set1(6.931470037e-1F));
  p = fma(p, r, set1(1.0F));
  return timesPower(p, n, x, kLowest);
}

// tanh(x) = e / (e + 2) with e = e^2x - 1 = 2^n (2^r - 1) + (2^n - 1) for 2x log2(e) = n + r, |r| <= 1/2: nothing is
// lost near 0. 2^r - 1 = r q(r), q of degree 5 through Chebyshev's points, relative error below 3e-8. Beyond 10 it
// is 1. Relative error below 6e-7. NaN stays NaN.
inline Vec tanh(Vec x) {
  const Vec least = set1(-10.0F);
  const Vec bounded = max(least, Vec{} - max(least, Vec{} - x));
  const Vec exponent = bounded * set1(2.0F * kLog2E);
  const Vec n = nearestWhole(exponent);
  const Vec r = exponent - n;
  Vec q = set1(1.545316295e-4F);
  q = fma(q, r, set1(1.339086336e-3F));
  q = fma(q, r, set1(9.618082557e-3F));
  q = fma(q, r, set1(5.550357114e-2F));
  q = fma(q, r, set1(2.402265076e-1F));
  q = fma(q, r, set1(6.931471880e-1F));
  const Vec power = timesPower(set1(1.0F), n, n, -124.0F);
  const Vec e = fma(power, q * r, power - set1(1.0F));
  return e / (e + set1(2.0F));
}

// Natural logarithm of normal positive numbers: x = 2^e m with m in [3/4, 3/2), log m = 2 artanh((m - 1) / (m + 1)) by
// Taylor to degree 9. Error below 1e-7 absolute or relative.
inline Vec log(Vec x) {
  constexpr std::int32_t kThreeQuarters = 0x3f400000;  // 0.75F
  Vec e;
  const Vec m = splitMantissa(x, kThreeQuarters, e);
  const Vec s = (m - set1(1.0F)) / (m + set1(1.0F));
  const Vec s2 = s * s;
  Vec p = set1(2.0F / 9.0F);
  p = fma(p, s2, set1(2.0F / 7.0F));
  p = fma(p, s2, set1(2.0F / 5.0F));
  p = fma(p, s2, set1(2.0F / 3.0F));
  p = fma(p, s2, set1(2.0F));
  return fma(e, set1(6.931471806e-1F), p * s);
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
