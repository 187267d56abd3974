#include <algorithm>
#include <cmath>

#include "preference.h"

namespace loratwin::ops::ref {

namespace {

double logSigmoid(double z) { return z < 0 ? z - std::log1p(std::exp(z)) : -std::log1p(std::exp(-z)); }

double ratioOf(const PreferenceSide& side, const double* losses) {
  const double reference = side.reference < 0 ? 0 : -losses[side.reference];
  return side.share * (-losses[side.loss] - reference);
}

double lossAt(const PreferenceTerm& term, double z) {
  switch (term.curve) {
    case PreferenceCurve::logistic:
      return -term.up * logSigmoid(z) - term.down * logSigmoid(-z);
    case PreferenceCurve::square:
      return z * z;
    case PreferenceCurve::hinge:
      return std::max(0.0, 1 - z);
    case PreferenceCurve::sigmoid:
      return 1 - std::exp(logSigmoid(z));
    case PreferenceCurve::divergence:
      return 0;
  }
  return 0;
}

}  // namespace

double preference_loss(const PreferenceTerm* terms, std::int32_t count, const double* losses) {
  double total = 0;
  for (std::int32_t i = 0; i < count; ++i) {
    const PreferenceTerm& term = terms[i];
    double divergence = 0;
    for (std::int32_t k = 0; k < term.divergenceCount; ++k) {
      divergence += ratioOf(terms[term.divergenceFirst + k].chosen, losses) / term.divergenceCount;
    }
    const auto valueOf = [&](const PreferenceSide& side) {
      if (side.loss < 0) return std::max(0.0, divergence);
      const double ratio = ratioOf(side, losses);
      return term.odds == 0 ? ratio : ratio - std::log1p(-std::exp(ratio));
    };
    const double z = term.beta * (valueOf(term.chosen) - valueOf(term.rejected)) + term.offset;
    total += term.weight * lossAt(term, z);
    if (term.chosen.loss >= 0) total += term.chosenWeight * losses[term.chosen.loss];
  }
  return total;
}

}  // namespace loratwin::ops::ref
