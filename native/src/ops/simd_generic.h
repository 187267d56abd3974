// Sixteen f32 lanes in GCC's vector extensions, for any processor. Included by simd.h.
#pragma once

#include <cstring>

#include "bf16.h"
#include "dropout.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kLanes = 16;

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
// v where not x > most, else 0
inline Vec upTo(Vec x, Vec most, Vec v) { return x > most ? Vec{} : v; }
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

inline Vec nearestWhole(Vec x) {
  const Vec magic = set1(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  return (x + magic) - magic;
}
// x = (n + r) / log2(e) with n whole and |r| <= 1/2
inline Vec splitExponent(Vec x, Vec& n) {
  const Vec log2e = set1(1.44269502162933349609375F);
  n = nearestWhole(x * log2e);
  // Without fma: ln 2 = 355/512 - 2.12194440e-4, so that n times the head is exact (Cody and Waite).
  return ((x - n * set1(0.693359375F)) - n * set1(-2.12194440e-4F)) * log2e;
}
// What timesPower can take: an x that is not less than its bound; NaN stays NaN.
inline Vec atLeast(Vec x, float lowest) { return x < set1(lowest) ? set1(lowest) : x; }
// p 2^n, 0 where x < lowest
inline Vec timesPower(Vec p, Vec n, Vec x, float lowest) {
  const IntVec bits = (__builtin_convertvector(n, IntVec) + 127) << 23;
  Vec power;
  std::memcpy(&power, &bits, sizeof power);
  return x < set1(lowest) ? Vec{} : p * power;
}
// x = m 2^exponent with m in [base, 2 base), for normal positive x; `base` as its bits
inline Vec splitMantissa(Vec x, std::int32_t base, Vec& exponent) {
  IntVec bits;
  std::memcpy(&bits, &x, sizeof bits);
  const IntVec e = (bits - base) >> 23;
  bits -= e << 23;
  Vec m;
  std::memcpy(&m, &bits, sizeof m);
  exponent = __builtin_convertvector(e, Vec);
  return m;
}

// Factors of the columns column .. column + 15 of one row: 0 or keepScale = 1 / (1 - p). See dropout.h.
inline Vec dropoutFactors(DropoutRow row, std::uint32_t column, std::uint32_t threshold, float keepScale) {
  float factors[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    factors[i] = dropoutKeep(row, column + static_cast<std::uint32_t>(i), threshold) ? keepScale : 0.0F;
  }
  return load(factors);
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
