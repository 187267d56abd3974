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

// One row's heads, a half of a head in whole vectors and a rest.
template <class Store>
void rotateRow(const RopeT<Store>& op, Store* head, const float* cosine, const float* sine) {
  const std::int64_t half = op.headDim / 2;
  for (std::int32_t h = 0; h < op.heads; ++h, head += op.headDim) {
    forLanes(half, [&](std::int64_t i, auto lanes) {
      const Vec a = load(head + i, lanes);
      const Vec b = load(head + half + i, lanes);
      const Vec c = load(cosine + i, lanes);
      const Vec s = load(sine + i, lanes);
      store(head + i, a * c - b * s, lanes);
      store(head + half + i, b * c + a * s, lanes);
    });
  }
}

// One row's heads, several of them in a vector: headDim divides 16.
template <class Store>
void rotateNarrowRow(const RopeT<Store>& op, Store* heads, const float* cosine, const float* sine) {
  const int half = op.headDim / 2;
  float factors[2][kLanes];
  for (int i = 0; i < kLanes; ++i) {
    factors[0][i] = cosine[i % half];
    factors[1][i] = i % op.headDim < half ? -sine[i % half] : sine[i % half];
  }
  const Vec same = load(factors[0]);
  const Vec other = load(factors[1]);
  const std::int64_t columns = std::int64_t{op.heads} * op.headDim;
  for (std::int64_t i = 0; i < columns; i += kLanes) {
    const Mask m = firstLanes(columns - i);
    const Vec x = load(heads + i, m);
    store(heads + i, fma(swapLanes(x, half), other, x * same), m);
  }
}

// Position by position through a thread's sequences, so that it computes each position's angles once.
template <class Store>
void rotate(ExecContext& context, const RopeT<Store>& op) {
  const std::int64_t half = op.headDim / 2;
  const std::int32_t* offsets = op.sequences.offsets;
  context.parallelFor(static_cast<std::size_t>(op.last - op.first), [&](std::size_t part, std::size_t partEnd, int) {
    double turnsPerStep[kMaxHalf];
    float cosine[kMaxHalf];
    float sine[kMaxHalf];
    for (std::int64_t i = 0; i < half; ++i)
      turnsPerStep[i] = static_cast<double>(op.frequencies[i]) * 0.15915494309189535;
    const std::int64_t begin = op.first + static_cast<std::int64_t>(part);
    const std::int64_t end = op.first + static_cast<std::int64_t>(partEnd);
    std::int32_t firstSequence = 0;
    while (begin >= offsets[firstSequence + 1]) ++firstSequence;
    std::int32_t lastSequence = firstSequence;
    std::int64_t lowest = end;
    std::int64_t highest = 0;
    for (; lastSequence < op.sequences.count && offsets[lastSequence] < end; ++lastSequence) {
      const std::int64_t start = offsets[lastSequence];
      const std::int64_t stop = offsets[lastSequence + 1];
      const std::int64_t from = begin > start ? begin - start : 0;
      const std::int64_t to = (stop < end ? stop : end) - start;
      lowest = from < lowest ? from : lowest;
      highest = to > highest ? to : highest;
    }
    for (std::int64_t position = lowest; position < highest; ++position) {
      bool computed = false;
      for (std::int32_t i = firstSequence; i < lastSequence; ++i) {
        const std::int64_t row = offsets[i] + position;
        if (row < begin || row >= end || row >= offsets[i + 1]) continue;
        if (!computed) {
          cosSin(static_cast<double>(position), turnsPerStep, half, op.inverse ? -1.0F : 1.0F, cosine, sine);
          computed = true;
        }
        Store* x = op.x + row * op.ld + op.column;
        if (kLanes % op.headDim == 0) {
          rotateNarrowRow(op, x, cosine, sine);
        } else {
          rotateRow(op, x, cosine, sine);
        }
      }
    }
  });
}

}  // namespace

void rope(ExecContext& context, const Rope& op) { rotate(context, op); }
void rope(ExecContext& context, const RopeBf16& op) { rotate(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
