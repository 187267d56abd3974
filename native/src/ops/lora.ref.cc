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
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraProjectionT<Real>& projection = op.projections[p];
    for (std::int32_t i = 0; i < projection.segments.count; ++i) {
      const LoraSegmentT<Real>& g = projection.segments.items[i];
      if (g.a == nullptr) continue;
      const std::int64_t R = g.rank;
      for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
        Real* const s = projection.s + t * projection.lds;
        for (std::int64_t r = 0; r < R; ++r) {
          double sum = 0;
          for (std::int64_t k = 0; k < K; ++k) {
            const double x = op.x[t * op.ldx + k];
            sum += x * dropFactor(projection.segments, g, t, k) * g.a[r * K + k];
          }
          s[r] = static_cast<Real>(sum);
        }
        for (std::int64_t n = 0; n < projection.outFeatures; ++n) {
          double sum = 0;
          for (std::int64_t r = 0; r < R; ++r) sum += static_cast<double>(s[r]) * g.b[n * R + r];
          op.y[t * op.ldy + projection.column + n] += static_cast<Real>(g.scale * sum);
        }
      }
    }
  }
}

template <class Real>
void lora_backward(const LoraBackwardT<Real>& op) {
  const std::int64_t K = op.inFeatures;
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraProjectionT<Real>& projection = op.projections[p];
    const std::int64_t N = projection.outFeatures;
    for (std::int32_t i = 0; i < projection.segments.count; ++i) {
      const LoraSegmentT<Real>& g = projection.segments.items[i];
      if (g.a == nullptr) continue;
      const std::int64_t R = g.rank;
      std::vector<double> dA(static_cast<std::size_t>(R * K));
      std::vector<double> dB(static_cast<std::size_t>(N * R));
      std::vector<double> ds(static_cast<std::size_t>(R));
      for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
        const Real* const dy = op.dy + t * op.lddy + projection.column;
        const Real* const s = projection.s + t * projection.lds;
        for (std::int64_t r = 0; r < R; ++r) {
          double sum = 0;
          for (std::int64_t n = 0; n < N; ++n) sum += static_cast<double>(dy[n]) * g.b[n * R + r];
          ds[r] = g.scale * sum;
        }
        for (std::int64_t n = 0; n < N; ++n) {
          for (std::int64_t r = 0; r < R; ++r) dB[n * R + r] += static_cast<double>(g.scale) * dy[n] * s[r];
        }
        for (std::int64_t k = 0; k < K; ++k) {
          const double factor = dropFactor(projection.segments, g, t, k);
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
}

template void lora<double>(const LoraT<double>&);
template void lora_backward<double>(const LoraBackwardT<double>&);

}  // namespace loratwin::ops::ref
