#include "expert_matmul.h"

namespace loratwin::ops::ref {

template <class Real>
void expert_matmul(const ExpertMatmulT<Real>& op) {
  const std::int64_t matrix = std::int64_t{op.outFeatures} * op.inFeatures;
  for (std::int32_t e = 0; e < op.experts; ++e) {
    const std::int64_t first = op.starts[e];
    matmul(MatmulT<Real>{op.x + first * op.ldx, op.ldx, op.weight + e * matrix, op.y + first * op.ldy, op.ldy,
                         op.bias == nullptr ? nullptr : op.bias + std::int64_t{e} * op.outFeatures, nullptr, 0,
                         op.starts[e + 1] - op.starts[e], op.outFeatures, op.inFeatures});
  }
}

template <class Real>
void expert_matmul_backward(const ExpertMatmulBackwardT<Real>& op) {
  const std::int64_t matrix = std::int64_t{op.outFeatures} * op.inFeatures;
  for (std::int32_t e = 0; e < op.experts; ++e) {
    const std::int64_t first = op.starts[e];
    matmul_backward(MatmulBackwardT<Real>{op.dy + first * op.lddy, op.lddy, op.weight + e * matrix,
                                          op.dx + first * op.lddx, op.lddx, op.starts[e + 1] - op.starts[e],
                                          op.outFeatures, op.inFeatures});
  }
}

template void expert_matmul<double>(const ExpertMatmulT<double>&);
template void expert_matmul_backward<double>(const ExpertMatmulBackwardT<double>&);

}  // namespace loratwin::ops::ref
