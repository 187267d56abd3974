#include "head_loss_rows.h"

#include <cmath>

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

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

}  // namespace

double head_loss_row(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, RowGradient gradient) {
  const Vec low = set1(-3.0e38F);
  const auto higher = [](Vec a, Vec b) { return max(a, b); };
  const auto highestSoFar = [&](std::int64_t v, auto lanes, Vec before) {
    return max(before, elseLanes(lanes, load(z + v, lanes), low));
  };
  const Vec highest = accumulateLanes(vocabulary, low, highestSoFar, higher);
  const float top = reduceMax(highest);
  const float targetLogit = z[target];
  const Vec shift = set1(top);
  const Vec sum = sumLanes(vocabulary, [&](std::int64_t v, auto lanes, Vec before) {
    const Vec e = keepLanes(lanes, exp(load(z + v, lanes) - shift));
    store(z + v, e, lanes);
    return before + e;
  });
  const float total = reduceAdd(sum);
  const float factor = lossScale / total;
  if (gradient == RowGradient::float32) scaleRow(z, vocabulary, target, factor, lossScale, z);
  if (gradient == RowGradient::bfloat16) {
    scaleRow(z, vocabulary, target, factor, lossScale, reinterpret_cast<Bf16*>(z));
  }
  return std::log(static_cast<double>(total)) + (static_cast<double>(top) - static_cast<double>(targetLogit));
}

}  // namespace loratwin::ops::LORATWIN_ISA
