// tanh in sixteen lanes, in all builds of simd.h.
#pragma once

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

// tanh x = e / (e + 2) with e = exp(2 x) - 1 = 2^n (2^r - 1) + (2^n - 1), where 2 x log2(e) = n + r, |r| <= 1/2, and
// 2^r - 1 is r times a polynomial (Taylor to degree 7): nothing cancels around 0, and beyond 10 it is 1 or -1.
// Relative error below 4e-7, of small x too. NaN stays NaN.
inline Vec tanh(Vec x) {
  constexpr float kFlat = -20.0F;  // of 2 x
  const Vec flat = set1(kFlat);
  // max gives its second argument where one is NaN.
  const Vec negated = Vec{} - max(flat, x + x);
  const Vec bounded = Vec{} - max(flat, negated);
  Vec n;
  const Vec r = splitExponent(bounded, n);
  Vec p = set1(1.525273380e-5F);
  p = fma(p, r, set1(1.540353039e-4F));
  p = fma(p, r, set1(1.333355815e-3F));
  p = fma(p, r, set1(9.618129107e-3F));
  p = fma(p, r, set1(5.550410866e-2F));
  p = fma(p, r, set1(2.402265070e-1F));
  p = fma(p, r, set1(6.931471806e-1F));
  const Vec power = timesPower(set1(1.0F), n, bounded, 2 * kFlat);
  const Vec e = fma(power, p * r, power - set1(1.0F));
  return e / (e + set1(2.0F));
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
