#include "sum_squares.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

double sum_squares(ExecContext& context, const float* x, std::size_t count) {
  constexpr std::size_t kParts = 64;
  double parts[kParts];
  const std::size_t part = (count + kParts - 1) / kParts;
  context.parallelFor(kParts, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t p = begin; p < end; ++p) {
      const std::size_t first = p * part < count ? p * part : count;
      const std::size_t last = first + part < count ? first + part : count;
      double lanes[16] = {};
      std::size_t i = first;
      for (; i + 16 <= last; i += 16) {
        for (int j = 0; j < 16; ++j) lanes[j] += static_cast<double>(x[i + j]) * x[i + j];
      }
      for (; i < last; ++i) lanes[0] += static_cast<double>(x[i]) * x[i];
      parts[p] = 0;
      for (const double lane : lanes) parts[p] += lane;
    }
  });
  double sum = 0;
  for (const double value : parts) sum += value;
  return sum;
}

}  // namespace loratwin::ops::LORATWIN_ISA
