// preference: dx of rows whose losses are compared, from the dx of their losses
//
//   loss of a run = sum over terms of weight curve(z) + chosenWeight losses[chosen.loss]
//   z = beta (v(chosen) - v(rejected)) + offset
//   v(side) = share (losses[reference] - losses[loss]), without a reference - share losses[loss]; with odds then
//             v - log(1 - exp(v)); of a side that is not there max(0, mean of v(chosen) of the divergences), or 0
//   logistic  - up logsigmoid(z) - down logsigmoid(-z)
//   square    z^2
//   hinge     max(0, 1 - z)
//   sigmoid   1 - sigmoid(z)
//   divergence: no loss of its own, and no gradient
//   dx[t,:] *= d loss / d losses[l] for the rows t of losses[l], of each l that is a side's loss
//
//   losses [L] f64, as head_loss leaves them; dx [T,H], whose rows of these l are the gradients of their own loss
//   No l is a side's loss twice. Coefficients in f64, products in f32. NMSE against the reference: 1e-12
//   Source: DPO (arXiv 2305.18290), IPO (2310.12036), robust (2403.00409), APO (2408.06266), CPO (2401.08417),
//   SimPO (2405.14734), ORPO (2403.07691), KTO (2402.01306)
#pragma once

#include <cstdint>

#include "exec_context.h"
#include "segments.h"

namespace loratwin::ops {

enum class PreferenceCurve : std::int32_t { logistic, square, hinge, sigmoid, divergence };
constexpr std::int64_t kPreferenceCurves = 5;

// An answer: indices of losses, -1 for none.
struct PreferenceSide {
  std::int32_t loss = -1;
  std::int32_t reference = -1;
  double share = 1;
};

struct PreferenceTerm {
  PreferenceCurve curve = PreferenceCurve::logistic;
  std::int32_t odds = 0;
  PreferenceSide chosen;
  PreferenceSide rejected;
  double beta = 1;
  double offset = 0;
  double up = 1;
  double down = 0;
  double weight = 1;
  double chosenWeight = 0;
  // Terms of the same list.
  std::int32_t divergenceFirst = 0;
  std::int32_t divergenceCount = 0;
};

struct Preference {
  const PreferenceTerm* terms;
  std::int32_t count;
  const LossSegment* segments;  // [L]
  const double* losses;         // [L]
  float* dx;                    // [T,H]
  std::int32_t hidden;
};

void preference(ExecContext& context, const Preference& op);

namespace ref {
// The loss of terms, from which finite differences give the coefficients.
double preference_loss(const PreferenceTerm* terms, std::int32_t count, const double* losses);
}  // namespace ref

}  // namespace loratwin::ops
