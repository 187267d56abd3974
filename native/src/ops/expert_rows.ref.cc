#include "expert_rows.h"

namespace loratwin::ops::ref {

template <class Real>
void gather_rows(const GatherRowsT<Real>& op) {
  for (std::int64_t p = 0; p < std::int64_t{op.rows} * op.perRow; ++p) {
    for (std::int64_t c = 0; c < op.columns; ++c) {
      op.y[p * op.columns + c] = op.x[op.order[p] / op.perRow * op.columns + c];
    }
  }
}

template <class Real>
void combine(const CombineT<Real>& op) {
  const std::int64_t C = op.columns;
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t c = 0; c < C; ++c) {
      double sum = op.residual == nullptr ? 0 : op.residual[t * C + c];
      for (std::int64_t pair = t * op.perRow; pair < (t + 1) * op.perRow; ++pair) {
        const double weight = op.weights == nullptr ? 1 : op.weights[pair];
        sum += weight * op.x[op.places[pair] * C + c];
      }
      op.y[t * C + c] = static_cast<Real>(sum);
    }
  }
}

template <class Real>
void combine_backward(const CombineBackwardT<Real>& op) {
  const std::int64_t C = op.columns;
  for (std::int64_t pair = 0; pair < std::int64_t{op.rows} * op.perRow; ++pair) {
    const Real* const dy = op.dy + pair / op.perRow * C;
    const std::int64_t place = op.places[pair] * C;
    double sum = 0;
    for (std::int64_t c = 0; c < C; ++c) {
      sum += static_cast<double>(dy[c]) * op.x[place + c];
      op.dx[place + c] = static_cast<Real>(static_cast<double>(op.weights[pair]) * dy[c]);
    }
    op.dweights[pair] = static_cast<Real>(sum);
  }
}

template void gather_rows<double>(const GatherRowsT<double>&);
template void combine<double>(const CombineT<double>&);
template void combine_backward<double>(const CombineBackwardT<double>&);

}  // namespace loratwin::ops::ref
