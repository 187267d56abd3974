#include "head_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace loratwin::ops::ref {

template <class Real>
void head_loss(const HeadLossT<Real>& op) {
  const std::int64_t H = op.hidden;
  const std::int64_t V = op.vocabulary;
  const double scale = static_cast<double>(op.kind.scale);
  const double cap = static_cast<double>(op.kind.softcap);
  std::vector<double> z(static_cast<std::size_t>(V));
  std::vector<double> slope(static_cast<std::size_t>(V));
  if (op.dx != nullptr) std::fill(op.dx, op.dx + op.rows * H, Real{0});
  for (std::int32_t g = 0; g < op.segmentCount; ++g) {
    const LossSegment& segment = op.segments[g];
    op.losses[g] = 0;
    for (std::int64_t t = segment.rowStart; t < segment.rowEnd; ++t) {
      if (op.targets[t] < 0) continue;
      for (std::int64_t v = 0; v < V; ++v) {
        z[v] = 0;
        for (std::int64_t h = 0; h < H; ++h) z[v] += static_cast<double>(op.x[t * H + h]) * op.weight[v * H + h];
        const double tanh = cap == 0 ? 0 : std::tanh(scale * z[v] / cap);
        z[v] = cap == 0 ? scale * z[v] : cap * tanh;
        slope[v] = scale * (1 - tanh * tanh);
      }
      const double max = *std::max_element(z.begin(), z.end());
      double sum = 0;
      for (std::int64_t v = 0; v < V; ++v) sum += std::exp(z[v] - max);
      op.losses[g] += max + std::log(sum) - z[op.targets[t]];
      if (op.dx == nullptr) continue;
      std::vector<double> dx(static_cast<std::size_t>(H));
      for (std::int64_t v = 0; v < V; ++v) {
        const double dl = segment.lossScale * (std::exp(z[v] - max) / sum - (v == op.targets[t] ? 1.0 : 0.0));
        const double dz = slope[v] * dl;
        for (std::int64_t h = 0; h < H; ++h) dx[h] += dz * op.weight[v * H + h];
      }
      for (std::int64_t h = 0; h < H; ++h) op.dx[t * H + h] = static_cast<Real>(dx[h]);
    }
  }
}

template void head_loss<double>(const HeadLossT<double>&);

}  // namespace loratwin::ops::ref
