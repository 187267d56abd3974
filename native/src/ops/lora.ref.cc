#include "lora.h"

#include <vector>

#include "dropout.h"

namespace loratwin::ops::ref {

namespace {

// The factor of x[row, column]: 0 or 1 / (1 - p).
template <class Real>
double dropFactor(const LoraSegmentsT<Real>& segments, const LoraSegmentT<Real>& g, std::int64_t row,
                  std::int64_t column) {
  if (g.dropout <= 0) return 1;
  const DropoutRow hash = dropoutRow(g.seed, segments.rowKeys[row], segments.target);
  const bool keep = dropoutKeep(hash, static_cast<std::uint32_t>(column), dropoutThreshold(g.dropout));
  return keep ? 1.0 / (1.0 - static_cast<double>(g.dropout)) : 0.0;
}

}  // namespace

template <class Real>
void lora(const LoraT<Real>& op) {
  const std::int64_t K = op.inFeatures;
  for (std::int32_t i = 0; i < op.segments.count; ++i) {
    const LoraSegmentT<Real>& g = op.segments.items[i];
    if (g.a == nullptr) continue;
    const std::int64_t R = g.rank;
    for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
      for (std::int64_t r = 0; r < R; ++r) {
        double sum = 0;
        for (std::int64_t k = 0; k < K; ++k) {
          sum += static_cast<double>(op.x[t * op.ldx + k]) * dropFactor(op.segments, g, t, k) * g.a[r * K + k];
        }
        op.s[t * op.lds + r] = static_cast<Real>(sum);
      }
      for (std::int64_t n = 0; n < op.outFeatures; ++n) {
        double sum = 0;
        for (std::int64_t r = 0; r < R; ++r) sum += static_cast<double>(op.s[t * op.lds + r]) * g.b[n * R + r];
        op.y[t * op.ldy + op.yColumn + n] += static_cast<Real>(g.scale * sum);
      }
    }
  }
}

template <class Real>
void lora_backward(const LoraBackwardT<Real>& op) {
  const std::int64_t K = op.inFeatures;
  const std::int64_t N = op.outFeatures;
  for (std::int32_t i = 0; i < op.segments.count; ++i) {
    const LoraSegmentT<Real>& g = op.segments.items[i];
    if (g.a == nullptr) continue;
    const std::int64_t R = g.rank;
    std::vector<double> dA(static_cast<std::size_t>(R * K));
    std::vector<double> dB(static_cast<std::size_t>(N * R));
    std::vector<double> ds(static_cast<std::size_t>(R));
    for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
      const Real* dy = op.dy + t * op.lddy + op.dyColumn;
      for (std::int64_t r = 0; r < R; ++r) {
        double sum = 0;
        for (std::int64_t n = 0; n < N; ++n) sum += static_cast<double>(dy[n]) * g.b[n * R + r];
        ds[r] = g.scale * sum;
      }
      for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t r = 0; r < R; ++r)
          dB[n * R + r] += static_cast<double>(g.scale) * dy[n] * op.s[t * op.lds + r];
      }
      for (std::int64_t k = 0; k < K; ++k) {
        const double factor = dropFactor(op.segments, g, t, k);
        double dx = 0;
        for (std::int64_t r = 0; r < R; ++r) {
          dx += ds[r] * g.a[r * K + k];
          dA[r * K + k] += ds[r] * factor * op.x[t * op.ldx + k];
        }
        if (op.dx != nullptr) op.dx[t * op.lddx + k] += static_cast<Real>(factor * dx);
      }
    }
    for (std::int64_t j = 0; j < R * K; ++j) g.da[j] += static_cast<Real>(dA[j]);
    for (std::int64_t j = 0; j < N * R; ++j) g.db[j] += static_cast<Real>(dB[j]);
  }
}

template void lora<double>(const LoraT<double>&);
template void lora_backward<double>(const LoraBackwardT<double>&);

}  // namespace loratwin::ops::ref
