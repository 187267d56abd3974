#include "preference.h"

#include <cmath>
#include <cstddef>
#include <initializer_list>

#include "preference_slope.h"

namespace loratwin::ops {

namespace {

struct HostMath {
  static double exp(double x) { return std::exp(x); }
  static double log(double x) { return std::log(x); }
};

void scaleRows(ExecContext& context, const Preference& op, const LossSegment& rows, float factor) {
  const std::size_t hidden = static_cast<std::size_t>(op.hidden);
  context.parallelFor(static_cast<std::size_t>(rows.rowEnd - rows.rowStart),
                      [&](std::size_t begin, std::size_t end, int) {
                        const std::size_t first = static_cast<std::size_t>(rows.rowStart);
                        float* const to = op.dx + (first + end) * hidden;
                        for (float* x = op.dx + (first + begin) * hidden; x < to; ++x) *x *= factor;
                      });
}

}  // namespace

void preference(ExecContext& context, const Preference& op) {
  const PreferenceSlope<HostMath> slope{op.terms, op.losses};
  for (std::int32_t i = 0; i < op.count; ++i) {
    const PreferenceTerm& term = op.terms[i];
    if (term.curve == PreferenceCurve::divergence) continue;
    for (const bool isChosen : {true, false}) {
      const std::int32_t loss = isChosen ? term.chosen.loss : term.rejected.loss;
      if (loss >= 0) scaleRows(context, op, op.segments[loss], static_cast<float>(slope(term, isChosen)));
    }
  }
}

}  // namespace loratwin::ops
