#include "rope.h"

#include <cmath>

namespace loratwin::ops::ref {

template <class Real>
void rope(const RopeT<Real>& op) {
  const std::int64_t half = op.headDim / 2;
  for (std::int32_t i = 0; i < op.sequences.count; ++i) {
    for (std::int64_t t = op.sequences.offsets[i]; t < op.sequences.offsets[i + 1]; ++t) {
      if (t < op.first || t >= op.last) continue;
      for (std::int64_t j = 0; j < half; ++j) {
        const double angle = static_cast<double>(t - op.sequences.offsets[i]) * op.frequencies[j];
        const double c = std::cos(angle);
        const double s = op.inverse ? -std::sin(angle) : std::sin(angle);
        for (std::int64_t h = 0; h < op.heads; ++h) {
          Real* x = op.x + t * op.ld + op.column + h * op.headDim + j;
          const double a = x[0];
          const double b = x[half];
          x[0] = static_cast<Real>(a * c - b * s);
          x[half] = static_cast<Real>(b * c + a * s);
        }
      }
    }
  }
}

template void rope<double>(const RopeT<double>&);

}  // namespace loratwin::ops::ref
