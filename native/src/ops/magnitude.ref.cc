#include "magnitude.h"

namespace loratwin::ops::ref {

template <class Real>
void magnitude(const MagnitudeT<Real>& op) {
  for (std::int32_t i = 0; i < op.count; ++i) {
    const MagnitudeSegmentT<Real>& g = op.segments[i];
    for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
      for (std::int64_t n = 0; n < op.outFeatures; ++n) {
        Real& y = op.y[t * op.ldy + op.column + n];
        const Real bias = op.bias == nullptr ? Real{0} : op.bias[op.column + n];
        const Real added = bias + (op.residual == nullptr ? Real{0} : op.residual[t * op.ldr + op.column + n]);
        const Real u = y - added;
        if (op.u != nullptr) op.u[t * op.ldu + n] = u;
        y = g.magnitude[n] / g.norm[n] * u + added;
      }
    }
  }
}

template <class Real>
void magnitude_backward(const MagnitudeBackwardT<Real>& op) {
  for (std::int32_t i = 0; i < op.count; ++i) {
    const MagnitudeSegmentT<Real>& g = op.segments[i];
    for (std::int64_t n = 0; n < op.outFeatures; ++n) {
      double sum = 0;
      for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
        Real& dy = op.dy[t * op.lddy + op.column + n];
        sum += static_cast<double>(dy) * op.u[t * op.ldu + n];
        dy *= g.magnitude[n] / g.norm[n];
      }
      const Real divisor = op.scaled ? g.magnitude[n] : g.norm[n];
      if (divisor != 0) g.dMagnitude[n] += static_cast<Real>(sum / divisor);
    }
  }
}

template void magnitude<double>(const MagnitudeT<double>&);
template void magnitude_backward<double>(const MagnitudeBackwardT<double>&);

}  // namespace loratwin::ops::ref
