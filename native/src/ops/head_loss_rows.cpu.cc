#include "head_loss_rows.h"

#include <cmath>

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

// z [V] becomes lossScale (softmax(z) - onehot(target)); returns the row's loss.
double head_loss_row(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, bool gradient) {
  const Vec low = set1(-3.0e38F);
  Vec highest = low;
  for (std::int64_t v = 0; v < vocabulary; v += kLanes) {
    const Mask m = firstLanes(vocabulary - v);
    highest = max(highest, elseLanes(m, load(z + v, m), low));
  }
  const float top = reduceMax(highest);
  const float targetLogit = z[target];
  const Vec shift = set1(top);
  Vec sum{};
  for (std::int64_t v = 0; v < vocabulary; v += kLanes) {
    const Mask m = firstLanes(vocabulary - v);
    const Vec e = keepLanes(m, exp(load(z + v, m) - shift));
    sum = sum + e;
    store(z + v, e, m);
  }
  const float total = reduceAdd(sum);
  if (gradient) {
    const Vec factor = set1(lossScale / total);
    for (std::int64_t v = 0; v < vocabulary; v += kLanes) {
      const Mask m = firstLanes(vocabulary - v);
      store(z + v, load(z + v, m) * factor, m);
    }
    z[target] -= lossScale;
  }
  return std::log(static_cast<double>(total)) + (static_cast<double>(top) - static_cast<double>(targetLogit));
}

}  // namespace loratwin::ops::LORATWIN_ISA
