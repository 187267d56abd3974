#include "rope.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kMaxHalf = 512;

// cosine and sine of 2 pi turns[i]: f64 reduction to a quarter turn, then Taylor polynomials on [-pi/4, pi/4] (below
// 4e-8 absolute).
void cosSin(double position, const double* turnsPerStep, std::int64_t count, float sign, float* cosine, float* sine) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double quarters = 4.0 * (position * turnsPerStep[i]);
    const double nearest = (quarters + 6755399441055744.0) - 6755399441055744.0;  // 1.5 * 2^52 rounds to a whole number
    const float r = static_cast<float>((quarters - nearest) * 1.5707963267948966);
    const std::int32_t quadrant = static_cast<std::int32_t>(nearest - 4.0 * __builtin_floor(nearest * 0.25));
    const float r2 = r * r;
    const float s =
        r + r * r2 * (-1.6666666667e-1F + r2 * (8.3333333333e-3F + r2 * (-1.9841269841e-4F + r2 * 2.7557319224e-6F)));
    const float c = 1.0F + r2 * (-0.5F + r2 * (4.1666666667e-2F + r2 * (-1.3888888889e-3F + r2 * 2.4801587302e-5F)));
    const bool swap = (quadrant & 1) != 0;
    const float sinSign = (quadrant & 2) != 0 ? -sign : sign;
    const float cosSign = ((quadrant + 1) & 2) != 0 ? -1.0F : 1.0F;
    sine[i] = sinSign * (swap ? c : s);
    cosine[i] = cosSign * (swap ? s : c);
  }
}

}  // namespace

void rope(ExecContext& context, const Rope& op) {
  const std::int64_t half = op.headDim / 2;
  if (op.sequences.count == 0) return;
  const std::int32_t* offsets = op.sequences.offsets;
  context.parallelFor(static_cast<std::size_t>(offsets[op.sequences.count]), [&](std::size_t begin, std::size_t end,
                                                                                 int) {
    double turnsPerStep[kMaxHalf];
    float cosine[kMaxHalf];
    float sine[kMaxHalf];
    for (std::int64_t i = 0; i < half; ++i)
      turnsPerStep[i] = static_cast<double>(op.frequencies[i]) * 0.15915494309189535;
    std::int32_t sequence = 0;
    for (std::int64_t t = static_cast<std::int64_t>(begin); t < static_cast<std::int64_t>(end); ++t) {
      while (t >= offsets[sequence + 1]) ++sequence;
      cosSin(static_cast<double>(t - offsets[sequence]), turnsPerStep, half, op.inverse ? -1.0F : 1.0F, cosine, sine);
      float* head = op.x + t * op.ld + op.column;
      for (std::int32_t h = 0; h < op.heads; ++h, head += op.headDim) {
        for (std::int64_t i = 0; i < half; i += kLanes) {
          const Mask m = firstLanes(half - i);
          const Vec a = load(head + i, m);
          const Vec b = load(head + half + i, m);
          const Vec c = load(cosine + i, m);
          const Vec s = load(sine + i, m);
          store(head + i, a * c - b * s, m);
          store(head + half + i, b * c + a * s, m);
        }
      }
    }
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
