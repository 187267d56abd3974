#include "temperature.h"

#include <cmath>

namespace loratwin::ops::ref {

template <class Real>
void temperature(const TemperatureT<Real>& op) {
  for (std::int32_t i = 0; i < op.sequences.count; ++i) {
    for (std::int64_t t = op.sequences.offsets[i]; t < op.sequences.offsets[i + 1]; ++t) {
      if (t < op.first || t >= op.last) continue;
      const double steps = std::floor(static_cast<double>(op.sequences.position(i, t) + 1) / op.step);
      const double factor = 1.0 + op.scale * std::log(1.0 + steps);
      for (std::int64_t j = 0; j < op.columns; ++j) {
        Real& x = op.x[t * op.ld + op.column + j];
        x = static_cast<Real>(x * factor);
      }
    }
  }
}

template void temperature<double>(const TemperatureT<double>&);

}  // namespace loratwin::ops::ref
