#include "swiglu.h"

#include <algorithm>
#include <cmath>

namespace loratwin::ops::ref {

namespace {

// act(g) and act'(g)
struct Activated {
  double value;
  double slope;
};

Activated activate(Activation activation, double g) {
  if (activation == Activation::silu) {
    const double sigma = 1.0 / (1.0 + std::exp(-g));
    return {g * sigma, sigma * (1.0 + g * (1.0 - sigma))};
  }
  const double root = std::sqrt(2.0 / 3.14159265358979323846);
  const double t = std::tanh(root * (g + 0.044715 * g * g * g));
  return {0.5 * g * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * g * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044715 * g * g)};
}

// out = act up, and its slopes
struct Gated {
  Activated act;
  double up;       // what act multiplies
  double upSlope;  // of up: 0 where it is cut
};

template <class Op>
Gated gated(const Op& op, double gate, double up) {
  if (op.activation != Activation::clamped) return {activate(op.activation, gate), up, 1};
  const double limit = op.limit;
  const double g = std::min(gate, limit);
  const double sigma = 1.0 / (1.0 + std::exp(-op.alpha * g));
  const double slope = gate > limit ? 0 : sigma * (1.0 + op.alpha * g * (1.0 - sigma));
  return {{g * sigma, slope}, std::clamp(up, -limit, limit) + 1, std::fabs(up) > limit ? 0.0 : 1.0};
}

}  // namespace

template <class Real>
void swiglu(const SwigluT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t i = 0; i < op.intermediate; ++i) {
      const double gate = op.gateUp[t * op.ld + i];
      const double up = op.gateUp[t * op.ld + op.intermediate + i];
      const Gated value = gated(op, gate, up);
      op.out[t * op.ldo + i] = static_cast<Real>(value.act.value * value.up);
    }
  }
}

template <class Real>
void swiglu_backward(const SwigluBackwardT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t i = 0; i < op.intermediate; ++i) {
      const double gate = op.gateUp[t * op.ld + i];
      const double up = op.gateUp[t * op.ld + op.intermediate + i];
      const Gated value = gated(op, gate, up);
      const double dout = op.dout[t * op.lddo + i];
      op.dgateUp[t * op.ldd + i] = static_cast<Real>(dout * value.up * value.act.slope);
      op.dgateUp[t * op.ldd + op.intermediate + i] = static_cast<Real>(dout * value.act.value * value.upSlope);
    }
  }
}

template void swiglu<double>(const SwigluT<double>&);
template void swiglu_backward<double>(const SwigluBackwardT<double>&);

}  // namespace loratwin::ops::ref
