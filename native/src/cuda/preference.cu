#include "cuda/preference.h"

#include "cuda/simt.h"
#include "ops/preference_slope.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
// Blocks that share the rows of a side.
constexpr unsigned kShares = 32;

struct DeviceMath {
  SIMT_DEVICE static double exp(double x) { return ::exp(x); }
  SIMT_DEVICE static double log(double x) { return ::log(x); }
};

// Blocks 2i and 2i + 1: the chosen and the rejected of term i.
__global__ void __launch_bounds__(kThreads) preference_kernel(Preference op) {
  const ops::PreferenceTerm& term = op.terms[blockIdx.x / 2];
  const bool isChosen = blockIdx.x % 2 == 0;
  const std::int32_t loss = isChosen ? term.chosen.loss : term.rejected.loss;
  if (loss < 0 || term.curve == ops::PreferenceCurve::divergence) return;
  const ops::PreferenceSlope<DeviceMath> slope{op.terms, op.losses};
  const float factor = static_cast<float>(slope(term, isChosen));
  const ops::LossSegment rows = op.segments[loss];
  for (std::int64_t row = rows.rowStart + static_cast<std::int64_t>(blockIdx.y); row < rows.rowEnd; row += kShares) {
    float* const x = op.dx + row * op.hidden;
    for (std::int32_t column = static_cast<std::int32_t>(threadIdx.x); column < op.hidden; column += kThreads) {
      x[column] *= factor;
    }
  }
}

}  // namespace

void preference(const Preference& op, void* stream) {
  if (op.count == 0) return;
  launch("preference", preference_kernel,
         {.blocks = 2 * static_cast<unsigned>(op.count), .blocksY = kShares, .threads = kThreads, .stream = stream},
         op);
}

}  // namespace loratwin::cuda
