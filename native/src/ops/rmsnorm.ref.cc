#include "rmsnorm.h"

#include <cmath>

namespace loratwin::ops::ref {

template <class Real>
void rmsnorm(const RmsnormT<Real>& op) {
  const std::int64_t H = op.hidden;
  for (std::int64_t t = 0; t < op.rows; ++t) {
    double sum = 0;
    for (std::int64_t h = 0; h < H; ++h) sum += static_cast<double>(op.x[t * H + h]) * op.x[t * H + h];
    const double rstd = 1.0 / std::sqrt(sum / static_cast<double>(H) + op.eps);
    for (std::int64_t h = 0; h < H; ++h) {
      const double base = op.residual != nullptr ? op.residual[t * H + h] : 0;
      op.y[t * H + h] = static_cast<Real>(base + op.x[t * H + h] * rstd * op.weight[h]);
    }
    op.rstd[t] = static_cast<Real>(rstd);
  }
}

template <class Real>
void rmsnorm_backward(const RmsnormBackwardT<Real>& op) {
  const std::int64_t H = op.hidden;
  for (std::int64_t t = 0; t < op.rows; ++t) {
    const double rstd = op.rstd[t];
    double dot = 0;
    for (std::int64_t h = 0; h < H; ++h) dot += static_cast<double>(op.weight[h]) * op.dy[t * H + h] * op.x[t * H + h];
    const double mean = dot / static_cast<double>(H);
    for (std::int64_t h = 0; h < H; ++h) {
      const double base = op.residual != nullptr ? op.residual[t * H + h] : 0;
      const double wdy = static_cast<double>(op.weight[h]) * op.dy[t * H + h];
      op.dx[t * H + h] = static_cast<Real>(base + rstd * (wdy - op.x[t * H + h] * rstd * rstd * mean));
    }
  }
}

template void rmsnorm<double>(const RmsnormT<double>&);
template void rmsnorm_backward<double>(const RmsnormBackwardT<double>&);

}  // namespace loratwin::ops::ref
