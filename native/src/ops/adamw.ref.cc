#include "adamw.h"

#include <cmath>

namespace loratwin::ops::ref {

template <class Real>
void adamw(const AdamwT<Real>& op) {
  const double correction1 = 1.0 - std::pow(op.beta1, static_cast<double>(op.step));
  const double correction2 = 1.0 - std::pow(op.beta2, static_cast<double>(op.step));
  for (std::size_t i = 0; i < op.count; ++i) {
    const double g = op.gradientScale * op.gradients[i];
    const double m = op.beta1 * op.firstMoment[i] + (1.0 - op.beta1) * g;
    const double v = op.beta2 * op.secondMoment[i] + (1.0 - op.beta2) * g * g;
    const double decayed = op.parameters[i] * (1.0 - op.learningRate * op.weightDecay);
    const double update = m / correction1 / (std::sqrt(v / correction2) + op.eps);
    op.parameters[i] = static_cast<Real>(decayed - op.learningRate * update);
    op.firstMoment[i] = static_cast<Real>(m);
    op.secondMoment[i] = static_cast<Real>(v);
    op.gradients[i] = 0;
  }
}

template void adamw<double>(const AdamwT<double>&);

}  // namespace loratwin::ops::ref
