#include "head_norm.h"

#include <cmath>

namespace loratwin::ops::ref {

namespace {

// The norms of `count` heads from `column` on, in row `at`: body(first element, values, their weights or null).
template <class Real>
void forNorms(const NormedHeads& columns, const HeadNormWeights<Real>& weights, std::int64_t at, std::int64_t column,
              std::int64_t count, const Real* weight, auto body) {
  const std::int64_t D = columns.headDim;
  const std::int64_t norms = weights.whole ? 1 : count;
  const std::int64_t width = weights.whole ? count * D : D;
  for (std::int64_t n = 0; n < norms; ++n) body(at + column + n * width, width, weight);
}

template <class Real>
double reciprocal(const Real* x, std::int64_t width, float eps) {
  double sum = 0;
  for (std::int64_t i = 0; i < width; ++i) sum += static_cast<double>(x[i]) * x[i];
  return 1.0 / std::sqrt(sum / static_cast<double>(width) + eps);
}

}  // namespace

template <class Real>
void head_norm(const HeadNormT<Real>& op) {
  const NormedHeads& c = op.columns;
  for (std::int64_t t = 0; t < op.rows; ++t) {
    const auto norm = [&op](std::int64_t first, std::int64_t width, const Real* weight) {
      const double rstd = reciprocal(op.x + first, width, op.weights.eps);
      for (std::int64_t i = 0; i < width; ++i) {
        const double w = weight != nullptr ? weight[i] : 1;
        op.y[first + i] = static_cast<Real>(op.x[first + i] * rstd * w);
      }
    };
    forNorms(c, op.weights, t * op.ld, c.q, c.heads, op.weights.q, norm);
    forNorms(c, op.weights, t * op.ld, c.k, c.kvHeads, op.weights.k, norm);
    for (std::int64_t i = 0; i < std::int64_t{c.kvHeads} * c.headDim; ++i) {
      op.y[t * op.ld + c.v + i] = op.x[t * op.ld + c.v + i];
    }
  }
}

template <class Real>
void head_norm_backward(const HeadNormBackwardT<Real>& op) {
  const NormedHeads& c = op.columns;
  for (std::int64_t t = 0; t < op.rows; ++t) {
    const auto norm = [&op](std::int64_t first, std::int64_t width, const Real* weight) {
      const double rstd = reciprocal(op.x + first, width, op.weights.eps);
      double dot = 0;
      for (std::int64_t i = 0; i < width; ++i) {
        const double w = weight != nullptr ? weight[i] : 1;
        dot += w * op.dy[first + i] * op.x[first + i];
      }
      const double mean = dot / static_cast<double>(width);
      for (std::int64_t i = 0; i < width; ++i) {
        const double w = weight != nullptr ? weight[i] : 1;
        op.dx[first + i] = static_cast<Real>(rstd * (w * op.dy[first + i] - op.x[first + i] * rstd * rstd * mean));
      }
    };
    forNorms(c, op.weights, t * op.ld, c.q, c.heads, op.weights.q, norm);
    forNorms(c, op.weights, t * op.ld, c.k, c.kvHeads, op.weights.k, norm);
    for (std::int64_t i = 0; i < std::int64_t{c.kvHeads} * c.headDim; ++i) {
      op.dx[t * op.ld + c.v + i] = op.dy[t * op.ld + c.v + i];
    }
  }
}

template void head_norm<double>(const HeadNormT<double>&);
template void head_norm_backward<double>(const HeadNormBackwardT<double>&);

}  // namespace loratwin::ops::ref
