#include "adamw.h"

#include <cmath>

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

void adamw(ExecContext& context, const Adamw& op) {
  const double correction1 = 1.0 - std::pow(op.beta1, static_cast<double>(op.step));
  const double correction2 = 1.0 - std::pow(op.beta2, static_cast<double>(op.step));
  const Vec decay = set1(static_cast<float>(1.0 - op.learningRate * op.weightDecay));
  const Vec beta1 = set1(static_cast<float>(op.beta1));
  const Vec beta2 = set1(static_cast<float>(op.beta2));
  const Vec rest1 = set1(static_cast<float>(1.0 - op.beta1));
  const Vec rest2 = set1(static_cast<float>(1.0 - op.beta2));
  const Vec rootCorrection2 = set1(static_cast<float>(1.0 / std::sqrt(correction2)));
  const Vec minusStep = set1(static_cast<float>(-op.learningRate / correction1));
  const Vec eps = set1(static_cast<float>(op.eps));
  const Vec gradientScale = set1(static_cast<float>(op.gradientScale));
  const std::int64_t count = static_cast<std::int64_t>(op.count);
  context.parallelFor((op.count + 1023) / 1024, [&](std::size_t begin, std::size_t end, int) {
    const std::int64_t last =
        static_cast<std::int64_t>(end) * 1024 < count ? static_cast<std::int64_t>(end) * 1024 : count;
    const std::int64_t start = static_cast<std::int64_t>(begin) * 1024;
    forLanes(last - start, [&](std::int64_t offset, auto lanes) {
      const std::int64_t i = start + offset;
      const Vec g = load(op.gradients + i, lanes) * gradientScale;
      const Vec first = fma(rest1, g, beta1 * load(op.firstMoment + i, lanes));
      const Vec second = fma(rest2 * g, g, beta2 * load(op.secondMoment + i, lanes));
      const Vec denominator = fma(sqrt(second), rootCorrection2, eps);
      store(op.parameters + i, fma(minusStep, first / denominator, load(op.parameters + i, lanes) * decay), lanes);
      store(op.firstMoment + i, first, lanes);
      store(op.secondMoment + i, second, lanes);
      store(op.gradients + i, Vec{}, lanes);
    });
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
