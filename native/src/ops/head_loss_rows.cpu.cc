#include "head_loss_rows.h"

#include <cmath>

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// The largest of value(v, lanes), the vectors of a row.
template <class Value>
float highestOf(std::int64_t vocabulary, Value value) {
  const Vec low = set1(-3.0e38F);
  const auto higher = [](Vec a, Vec b) { return max(a, b); };
  const auto highestSoFar = [&](std::int64_t v, auto lanes, Vec before) {
    return max(before, elseLanes(lanes, value(v, lanes), low));
  };
  return reduceMax(accumulateLanes(vocabulary, low, highestSoFar, higher));
}

// gradient[v] = factor exponentials[v], less lossScale at the target. `gradient` may start where the exponentials do.
template <class Store>
void scaleRow(const float* exponentials, std::int64_t vocabulary, std::int32_t target, float factor, float lossScale,
              Store* gradient) {
  const Vec scale = set1(factor);
  const float atTarget = exponentials[target] * factor - lossScale;
  forLanes(vocabulary,
           [&](std::int64_t v, auto lanes) { store(gradient + v, load(exponentials + v, lanes) * scale, lanes); });
  store(gradient + target, set1(atTarget), firstLanes(1));
}

// Of logits without a cap; belowTop: a logit less the largest, of an element of z. Returns the sum of exponentials.
template <class BelowTop>
float softmaxRow(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, RowGradient gradient,
                 BelowTop belowTop) {
  const Vec sum = sumLanes(vocabulary, [&](std::int64_t v, auto lanes, Vec before) {
    const Vec e = keepLanes(lanes, exp(belowTop(load(z + v, lanes))));
    store(z + v, e, lanes);
    return before + e;
  });
  const float total = reduceAdd(sum);
  const float factor = lossScale / total;
  if (gradient == RowGradient::float32) scaleRow(z, vocabulary, target, factor, lossScale, z);
  if (gradient == RowGradient::bfloat16) {
    scaleRow(z, vocabulary, target, factor, lossScale, reinterpret_cast<Bf16*>(z));
  }
  return total;
}

// gradient[v] = slope (1 - t^2) (probability - [v = target]) of t = tanhs[v]; `gradient` may start where the tanhs do.
template <class Probability, class Store>
void cappedGradient(const float* tanhs, std::int64_t vocabulary, std::int32_t target, float slope,
                    Probability probability, Store* gradient) {
  const Vec one = set1(1.0F);
  const auto through = [&, steepest = set1(slope)](Vec t, Vec d) { return steepest * ((one - t) * (one + t)) * d; };
  const Vec t = set1(tanhs[target]);
  const Vec atTarget = through(t, probability(t) - one);
  forLanes(vocabulary, [&](std::int64_t v, auto lanes) {
    const Vec at = load(tanhs + v, lanes);
    store(gradient + v, through(at, probability(at)), lanes);
  });
  store(gradient + target, atTarget, firstLanes(1));
}

// z becomes the tanhs, from which the gradient takes its exponentials anew.
double cappedRow(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, RowGradient gradient,
                 const LogitsKind& kind) {
  const Vec inner = set1(kind.scale / kind.softcap);
  const float highest = highestOf(vocabulary, [&](std::int64_t v, auto lanes) {
    const Vec t = tanh(load(z + v, lanes) * inner);
    store(z + v, t, lanes);
    return t;
  });
  const float top = kind.softcap * highest;
  const double belowTop = static_cast<double>(top) - static_cast<double>(kind.softcap) * static_cast<double>(z[target]);
  const auto exponential = [cap = set1(kind.softcap), shift = set1(-top)](Vec t) { return exp(fma(cap, t, shift)); };
  const Vec sum = sumLanes(vocabulary, [&](std::int64_t v, auto lanes, Vec before) {
    return before + keepLanes(lanes, exponential(load(z + v, lanes)));
  });
  const float total = reduceAdd(sum);
  const auto probability = [&, share = set1(1.0F / total)](Vec t) { return exponential(t) * share; };
  const float slope = lossScale * kind.scale;
  if (gradient == RowGradient::float32) cappedGradient(z, vocabulary, target, slope, probability, z);
  if (gradient == RowGradient::bfloat16) {
    cappedGradient(z, vocabulary, target, slope, probability, reinterpret_cast<Bf16*>(z));
  }
  return std::log(static_cast<double>(total)) + belowTop;
}

}  // namespace

double head_loss_row(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, RowGradient gradient,
                     const LogitsKind& kind) {
  if (kind.softcap != 0.0F) return cappedRow(z, vocabulary, target, lossScale, gradient, kind);
  const float highest = highestOf(vocabulary, [z](std::int64_t v, auto lanes) { return load(z + v, lanes); });
  const float atTarget = z[target];
  if (kind.isPlain()) {
    const auto belowTop = [shift = set1(highest)](Vec logit) { return logit - shift; };
    const float total = softmaxRow(z, vocabulary, target, lossScale, gradient, belowTop);
    return std::log(static_cast<double>(total)) + (static_cast<double>(highest) - static_cast<double>(atTarget));
  }
  const float top = kind.scale * highest;
  const auto belowTop = [scale = set1(kind.scale), shift = set1(-top)](Vec at) { return fma(scale, at, shift); };
  const float total = softmaxRow(z, vocabulary, target, lossScale * kind.scale, gradient, belowTop);
  return std::log(static_cast<double>(total)) +
         (static_cast<double>(top) - static_cast<double>(kind.scale) * static_cast<double>(atTarget));
}

double logits_row(float* z, std::int64_t vocabulary, const LogitsKind& kind) {
  const auto logit = [inner = set1(kind.softcap != 0.0F ? kind.scale / kind.softcap : kind.scale),
                      cap = set1(kind.softcap),
                      capped = kind.softcap != 0.0F](Vec at) { return capped ? cap * tanh(at * inner) : at * inner; };
  const float highest = highestOf(vocabulary, [&](std::int64_t v, auto lanes) {
    const Vec at = load(z + v, lanes);
    if (kind.isPlain()) return at;
    const Vec l = logit(at);
    store(z + v, l, lanes);
    return l;
  });
  const Vec sum = sumLanes(vocabulary, [z, shift = set1(highest)](std::int64_t v, auto lanes, Vec before) {
    return before + keepLanes(lanes, exp(load(z + v, lanes) - shift));
  });
  return std::log(static_cast<double>(reduceAdd(sum))) + static_cast<double>(highest);
}

}  // namespace loratwin::ops::LORATWIN_ISA
