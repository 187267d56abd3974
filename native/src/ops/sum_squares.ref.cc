#include "sum_squares.h"

namespace loratwin::ops::ref {

template <class Real>
double sum_squares(const Real* x, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

template double sum_squares<double>(const double*, std::size_t);

}  // namespace loratwin::ops::ref
