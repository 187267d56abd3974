#include "rope.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kMaxHalf = 512;

// Cosine and sine of 2 pi position turnsPerStep[i], by cosFactor and sinFactor: f64 reduction to a quarter turn, then
// Taylor polynomials on [-pi/4, pi/4] (below 4e-8 absolute).
void cosSin(double position, const double* turnsPerStep, std::int64_t count, float cosFactor, float sinFactor,
            float* cosine, float* sine) {
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
    const float sinSign = (quadrant & 2) != 0 ? -sinFactor : sinFactor;
    const float cosSign = ((quadrant + 1) & 2) != 0 ? -cosFactor : cosFactor;
    sine[i] = sinSign * (swap ? c : s);
    cosine[i] = cosSign * (swap ? s : c);
  }
}

// One row's heads, the first columns of pairs in whole vectors and a rest.
template <class Store>
void rotateRow(const RopeT<Store>& op, Store* head, const float* cosine, const float* sine) {
  const std::int64_t half = op.turned;
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

// One row's heads in pairs; `cosine` and `sine` have one value for each column, a pair's first sine negative.
template <class Store>
void rotatePairs(const RopeT<Store>& op, Store* head, const float* cosine, const float* sine) {
  for (std::int32_t h = 0; h < op.heads; ++h, head += op.headDim) {
    forLanes(2 * std::int64_t{op.turned}, [&](std::int64_t i, auto lanes) {
      const Vec x = load(head + i, lanes);
      store(head + i, fma(swapLanes(x, 1), load(sine + i, lanes), x * load(cosine + i, lanes)), lanes);
    });
  }
}

// Each value twice, from the end, so that it can be done in place.
void spreadPairs(std::int64_t count, float* cosine, float* sine) {
  for (std::int64_t i = count - 1; i >= 0; --i) {
    const float c = cosine[i];
    const float s = sine[i];
    cosine[2 * i] = cosine[2 * i + 1] = c;
    sine[2 * i] = -s;
    sine[2 * i + 1] = s;
  }
}

// What sequences share that have the same frequencies: the angles of the position at which a thread is.
struct Angles {
  double turnsPerStep[kMaxHalf];
  float cosine[2 * kMaxHalf];
  float sine[2 * kMaxHalf];
  std::int64_t position;

  void begin(const float* frequencies, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
      turnsPerStep[i] = static_cast<double>(frequencies[i]) * 0.15915494309189535;
    position = -1;
  }
  template <class Store>
  void moveTo(std::int64_t wanted, const RopeT<Store>& op) {
    cosSin(static_cast<double>(wanted), turnsPerStep, op.turned, op.factor, op.inverse ? -op.factor : op.factor, cosine,
           sine);
    if (op.pairs) spreadPairs(op.turned, cosine, sine);
    position = wanted;
  }
};

// Position by position through a thread's sequences, so that it computes each position's angles once; of cached ones,
// which may be far apart, row by row.
// turnRow(op, first head, cosines, sines)
template <class Store, class TurnRow>
void rotateRows(ExecContext& context, const RopeT<Store>& op, TurnRow turnRow) {
  const std::int32_t* offsets = op.sequences.offsets;
  context.parallelFor(static_cast<std::size_t>(op.last - op.first), [&](std::size_t part, std::size_t partEnd, int) {
    Angles angles;
    Angles longAngles;
    angles.begin(op.frequencies, op.turned);
    if (op.longFrequencies != nullptr) longAngles.begin(op.longFrequencies, op.turned);
    const std::int64_t begin = op.first + static_cast<std::int64_t>(part);
    const std::int64_t end = op.first + static_cast<std::int64_t>(partEnd);
    std::int32_t firstSequence = 0;
    while (begin >= offsets[firstSequence + 1]) ++firstSequence;
    const auto turn = [&](std::int32_t sequence, std::int64_t row, std::int64_t position) {
      const bool isLong = op.longFrequencies != nullptr && op.sequences.length(sequence) > op.longFrom;
      Angles& own = isLong ? longAngles : angles;
      if (own.position != position) own.moveTo(position, op);
      turnRow(op, op.x + row * op.ld + op.column, own.cosine, own.sine);
    };
    if (op.sequences.cached != nullptr) {
      std::int32_t sequence = firstSequence;
      for (std::int64_t row = begin; row < end; ++row) {
        while (row >= offsets[sequence + 1]) ++sequence;
        turn(sequence, row, op.sequences.position(sequence, row));
      }
      return;
    }
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
      for (std::int32_t i = firstSequence; i < lastSequence; ++i) {
        const std::int64_t row = offsets[i] + position;
        if (row >= begin && row < end && row < offsets[i + 1]) turn(i, row, position);
      }
    }
  });
}

template <class Store>
void rotate(ExecContext& context, const RopeT<Store>& op) {
  const auto pairs = [](const auto&... row) { rotatePairs(row...); };
  const auto narrow = [](const auto&... row) { rotateNarrowRow(row...); };
  const auto halves = [](const auto&... row) { rotateRow(row...); };
  if (op.pairs) {
    rotateRows(context, op, pairs);
  } else if (kLanes % op.headDim == 0 && op.turned == op.headDim / 2) {
    rotateRows(context, op, narrow);
  } else {
    rotateRows(context, op, halves);
  }
}

}  // namespace

void rope(ExecContext& context, const Rope& op) { rotate(context, op); }
void rope(ExecContext& context, const RopeBf16& op) { rotate(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
