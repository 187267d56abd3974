#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "route.h"

namespace loratwin::ops::ref {

namespace {

template <class Real>
std::vector<double> softmax(const Real* logits, std::int32_t experts) {
  const double most = *std::max_element(logits, logits + experts);
  std::vector<double> p(static_cast<std::size_t>(experts));
  double sum = 0;
  for (std::int32_t e = 0; e < experts; ++e) sum += p[e] = std::exp(logits[e] - most);
  for (double& each : p) each /= sum;
  return p;
}

}  // namespace

template <class Real>
void route(const RouteT<Real>& op) {
  const std::int32_t k = op.perRow;
  for (std::int32_t t = 0; t < op.rows; ++t) {
    const Real* const logits = op.logits + t * op.experts;
    std::vector<std::int32_t> experts(static_cast<std::size_t>(op.experts));
    std::iota(experts.begin(), experts.end(), 0);
    std::stable_sort(experts.begin(), experts.end(), [&](int a, int b) { return logits[a] > logits[b]; });
    const std::vector<double> p = softmax(logits, op.experts);
    double sum = 0;
    for (std::int32_t j = 0; j < k; ++j) sum += p[experts[j]];
    for (std::int32_t j = 0; j < k; ++j) {
      op.chosen[t * k + j] = experts[j];
      op.weights[t * k + j] = static_cast<Real>(op.normalized ? p[experts[j]] / sum : p[experts[j]]);
    }
  }
  std::int32_t place = 0;
  for (std::int32_t e = 0; e < op.experts; ++e) {
    op.starts[e] = place;
    for (std::int32_t pair = 0; pair < op.rows * k; ++pair) {
      if (op.chosen[pair] != e) continue;
      op.order[place] = pair;
      op.places[pair] = place++;
    }
  }
  op.starts[op.experts] = place;
}

template <class Real>
void route_backward(const RouteBackwardT<Real>& op) {
  for (std::int32_t t = 0; t < op.rows; ++t) {
    const Real* const logits = op.logits + t * op.experts;
    const std::vector<double> p = softmax(logits, op.experts);
    // w = p_c / s, with s = 1 or the sum of the k chosen p: dp, then the softmax's own.
    std::vector<double> dp(p.size());
    double chosen = 0;
    double mean = 0;
    for (std::int32_t j = 0; j < op.perRow; ++j) {
      chosen += p[op.chosen[t * op.perRow + j]];
      mean += static_cast<double>(op.weights[t * op.perRow + j]) * op.dweights[t * op.perRow + j];
    }
    for (std::int32_t j = 0; j < op.perRow; ++j) {
      const double dweight = op.dweights[t * op.perRow + j];
      dp[op.chosen[t * op.perRow + j]] = op.normalized ? (dweight - mean) / chosen : dweight;
    }
    double sum = 0;
    for (std::size_t e = 0; e < p.size(); ++e) sum += p[e] * dp[e];
    for (std::size_t e = 0; e < p.size(); ++e) {
      op.dlogits[static_cast<std::size_t>(t * op.experts) + e] = static_cast<Real>(p[e] * (dp[e] - sum));
    }
  }
}

template void route<double>(const RouteT<double>&);
template void route_backward<double>(const RouteBackwardT<double>&);

}  // namespace loratwin::ops::ref
