// The coefficients of preference.h, for the host and for kernels: `Math` has exp and log in double precision.
#pragma once

#include <cstdint>

#include "preference.h"

namespace loratwin::ops {

template <class Math>
struct PreferenceSlope {
  const PreferenceTerm* terms;
  const double* losses;

  // d loss / d losses[l] of a term's side; the side is there.
  constexpr double operator()(const PreferenceTerm& term, bool isChosen) const {
    const PreferenceSide& side = isChosen ? term.chosen : term.rejected;
    const double own = valueOf(side);
    const double z = term.beta * (compared(term, term.chosen) - compared(term, term.rejected)) + term.offset;
    const double inner = term.odds != 0 ? 1 / (1 - Math::exp(own)) : 1;
    const double down = term.weight * slopeAt(term, z) * term.beta * side.share * inner;
    return isChosen ? term.chosenWeight - down : down;
  }

 private:
  constexpr double valueOf(const PreferenceSide& side) const {
    return side.share * ((side.reference < 0 ? 0.0 : losses[side.reference]) - losses[side.loss]);
  }

  constexpr double compared(const PreferenceTerm& term, const PreferenceSide& side) const {
    if (side.loss < 0) return divergence(term);
    const double value = valueOf(side);
    return term.odds != 0 ? value - Math::log(1 - Math::exp(value)) : value;
  }

  constexpr double divergence(const PreferenceTerm& term) const {
    double sum = 0;
    for (std::int32_t i = 0; i < term.divergenceCount; ++i) sum += valueOf(terms[term.divergenceFirst + i].chosen);
    return sum > 0 ? sum / term.divergenceCount : 0;
  }

  // 1 / (1 + exp(-z))
  static constexpr double sigmoid(double z) {
    if (z >= 0) return 1 / (1 + Math::exp(-z));
    const double e = Math::exp(z);
    return e / (1 + e);
  }

  static constexpr double slopeAt(const PreferenceTerm& term, double z) {
    switch (term.curve) {
      case PreferenceCurve::logistic:
        return term.down * sigmoid(z) - term.up * sigmoid(-z);
      case PreferenceCurve::square:
        return 2 * z;
      case PreferenceCurve::hinge:
        return z < 1 ? -1 : 0;
      case PreferenceCurve::sigmoid:
        return -sigmoid(z) * sigmoid(-z);
      case PreferenceCurve::divergence:
        return 0;
    }
    return 0;
  }
};

}  // namespace loratwin::ops
