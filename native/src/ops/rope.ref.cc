#include "rope.h"

#include <cmath>

namespace loratwin::ops::ref {

template <class Real>
void rope(const RopeT<Real>& op) {
  for (std::int32_t i = 0; i < op.sequences.count; ++i) {
    const std::int64_t start = op.sequences.offsets[i];
    const std::int64_t end = op.sequences.offsets[i + 1];
    const bool isLong = op.longFrequencies != nullptr && op.sequences.length(i) > op.longFrom;
    const float* frequencies = isLong ? op.longFrequencies : op.frequencies;
    for (std::int64_t t = start; t < end; ++t) {
      if (t < op.first || t >= op.last) continue;
      for (std::int64_t j = 0; j < op.turned; ++j) {
        const double angle = static_cast<double>(op.sequences.position(i, t)) * frequencies[j];
        const double c = op.factor * std::cos(angle);
        const double s = op.factor * (op.inverse ? -std::sin(angle) : std::sin(angle));
        for (std::int64_t h = 0; h < op.heads; ++h) {
          Real* head = op.x + t * op.ld + op.column + h * op.headDim;
          Real& first = head[op.pairs ? 2 * j : j];
          Real& second = head[op.pairs ? 2 * j + 1 : op.turned + j];
          const double a = first;
          const double b = second;
          first = static_cast<Real>(a * c - b * s);
          second = static_cast<Real>(b * c + a * s);
        }
      }
    }
  }
}

template void rope<double>(const RopeT<double>&);

}  // namespace loratwin::ops::ref
