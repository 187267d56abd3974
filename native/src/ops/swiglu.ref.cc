#include "swiglu.h"

#include <cmath>

namespace loratwin::ops::ref {

template <class Real>
void swiglu(const SwigluT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t i = 0; i < op.intermediate; ++i) {
      const double gate = op.gateUp[t * op.ld + i];
      const double up = op.gateUp[t * op.ld + op.intermediate + i];
      op.out[t * op.ldo + i] = static_cast<Real>(gate / (1.0 + std::exp(-gate)) * up);
    }
  }
}

template <class Real>
void swiglu_backward(const SwigluBackwardT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t i = 0; i < op.intermediate; ++i) {
      const double gate = op.gateUp[t * op.ld + i];
      const double up = op.gateUp[t * op.ld + op.intermediate + i];
      const double sigma = 1.0 / (1.0 + std::exp(-gate));
      const double dout = op.dout[t * op.lddo + i];
      op.dgateUp[t * op.ldd + i] = static_cast<Real>(dout * up * sigma * (1.0 + gate * (1.0 - sigma)));
      op.dgateUp[t * op.ldd + op.intermediate + i] = static_cast<Real>(dout * gate * sigma);
    }
  }
}

template void swiglu<double>(const SwigluT<double>&);
template void swiglu_backward<double>(const SwigluBackwardT<double>&);

}  // namespace loratwin::ops::ref
