#include "matmul.h"

namespace loratwin::ops::ref {

template <class Real>
void matmul(const MatmulT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t n = 0; n < op.outFeatures; ++n) {
      double sum = op.bias != nullptr ? op.bias[n] : 0;
      for (std::int64_t k = 0; k < op.inFeatures; ++k) {
        sum += static_cast<double>(op.x[t * op.ldx + k]) * op.weight[n * op.inFeatures + k];
      }
      if (op.residual != nullptr) sum += op.residual[t * op.ldr + n];
      op.y[t * op.ldy + n] = static_cast<Real>(sum);
    }
  }
}

template <class Real>
void matmul_backward(const MatmulBackwardT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t k = 0; k < op.inFeatures; ++k) {
      double sum = 0;
      for (std::int64_t n = 0; n < op.outFeatures; ++n) {
        sum += static_cast<double>(op.dy[t * op.lddy + n]) * op.weight[n * op.inFeatures + k];
      }
      op.dx[t * op.lddx + k] = static_cast<Real>(sum);
    }
  }
}

template void matmul<double>(const MatmulT<double>&);
template void matmul_backward<double>(const MatmulBackwardT<double>&);

}  // namespace loratwin::ops::ref
