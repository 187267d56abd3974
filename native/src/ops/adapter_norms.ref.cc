#include "adapter_norms.h"

#include <cmath>

namespace loratwin::ops::ref {

void adapter_norms(const double* w, const double* a, const double* b, std::int32_t outFeatures, std::int32_t inFeatures,
                   std::int32_t rank, double scale, double* norm) {
  const std::int64_t K = inFeatures;
  for (std::int64_t n = 0; n < outFeatures; ++n) {
    double squares = 0;
    for (std::int64_t k = 0; k < K; ++k) {
      double value = w[n * K + k];
      for (std::int64_t r = 0; r < rank; ++r) value += scale * b[n * rank + r] * a[r * K + k];
      squares += value * value;
    }
    norm[n] = squares > 0 ? std::sqrt(squares) : 1;
  }
}

}  // namespace loratwin::ops::ref
