// Terms of preference.h with losses to go with them, and what each loss's coefficient has to be: central differences of
// the reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ops/preference.h"

namespace loratwin::test {

struct PreferenceCase {
  std::string name;
  std::vector<ops::PreferenceTerm> terms;
  std::vector<double> losses;

  // Of the loss that a term's side is; 1 of all others.
  std::vector<double> coefficients() const {
    constexpr double kStep = 1e-6;
    std::vector<double> result(losses.size(), 1.0);
    const auto differentiate = [&](const ops::PreferenceSide& side) {
      if (side.loss < 0) return;
      std::vector<double> moved = losses;
      const auto at = [&](double by) {
        moved[static_cast<std::size_t>(side.loss)] = losses[static_cast<std::size_t>(side.loss)] + by;
        return ops::ref::preference_loss(terms.data(), static_cast<std::int32_t>(terms.size()), moved.data());
      };
      result[static_cast<std::size_t>(side.loss)] = (at(kStep) - at(-kStep)) / (2 * kStep);
    };
    for (const ops::PreferenceTerm& term : terms) {
      if (term.curve == ops::PreferenceCurve::divergence) continue;
      differentiate(term.chosen);
      differentiate(term.rejected);
    }
    return result;
  }
};

// Losses 0 .. 3 of two pairs, 4 .. 7 the base's of them, and one that no term has.
inline std::vector<PreferenceCase> preferenceCases() {
  using Curve = ops::PreferenceCurve;
  const std::vector<double> sums{41.8, 19.8, 48.6, 41.3, 41.7, 20.6, 51.6, 40.3, 7.0};
  const auto pairs = [](Curve curve, double beta, bool references, bool means) {
    std::vector<ops::PreferenceTerm> terms(2);
    for (std::int32_t i = 0; i < 2; ++i) {
      ops::PreferenceTerm& term = terms[static_cast<std::size_t>(i)];
      term.curve = curve;
      term.chosen = {2 * i, references ? 4 + 2 * i : -1, means ? 1.0 / (8 + i) : 1.0};
      term.rejected = {2 * i + 1, references ? 5 + 2 * i : -1, means ? 1.0 / (4 + i) : 1.0};
      term.beta = beta;
      term.weight = 0.5;
    }
    return terms;
  };
  std::vector<PreferenceCase> cases{{"pairs against the base", pairs(Curve::logistic, 0.1, true, false), sums},
                                    {"pairs of large differences", pairs(Curve::logistic, 40, true, false), sums},
                                    {"squares of means", pairs(Curve::square, 1, true, true), sums},
                                    {"hinges", pairs(Curve::hinge, 0.6, true, false), sums},
                                    {"pairs without a base", pairs(Curve::logistic, 0.3, false, false), sums},
                                    {"log-odds", pairs(Curve::logistic, 1, false, true), sums}};
  for (ops::PreferenceTerm& term : cases[2].terms) term.offset = -5;
  for (ops::PreferenceTerm& term : cases[4].terms) {
    term.up = 0.9;
    term.down = 0.1;
    term.chosenWeight = 1.0 / 18;
  }
  for (ops::PreferenceTerm& term : cases[5].terms) {
    term.odds = 1;
    term.chosenWeight = 1.0 / 27;
  }
  std::vector<ops::PreferenceTerm> labels(4);
  labels[0].curve = labels[1].curve = Curve::divergence;
  labels[0].chosen = {2, 6, 1.0};
  labels[1].chosen = {3, 7, 1.0};
  labels[2].curve = labels[3].curve = Curve::sigmoid;
  labels[2].chosen = {0, 4, 1.0};
  labels[3].rejected = {1, 5, 1.0};
  for (std::size_t i = 2; i < 4; ++i) {
    labels[i].beta = 0.2;
    labels[i].divergenceCount = 2;
  }
  cases.push_back({"labels with a divergence", labels, sums});
  std::vector<double> less = sums;
  less[2] += 9;
  cases.push_back({"labels with a divergence below 0", labels, less});
  cases.push_back({"no terms", {}, sums});
  return cases;
}

// Rows of each loss, one of them none, and rows of nobody's before and behind them.
inline std::vector<ops::LossSegment> preferenceRows(std::size_t losses) {
  std::vector<ops::LossSegment> rows;
  std::int32_t row = 2;
  for (std::size_t i = 0; i < losses; ++i) {
    const auto count = static_cast<std::int32_t>(i == 1 ? 0 : i == 2 ? 67 : 3 + i);
    rows.push_back({row, row + count, 1.0F});
    row += count;
  }
  return rows;
}

}  // namespace loratwin::test
