#include <cmath>

#include "cuda/adamw.h"
#include "cuda/flat_chunks.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

SIMT_DEVICE float clipOf(const AdamwVector& vector) {
  if (vector.sumSquares == nullptr) return 1.0F;
  const double clip = vector.maxNorm / (sqrt(*vector.sumSquares) + 1e-6);
  return clip < 1.0 ? static_cast<float>(clip) : 1.0F;
}

__global__ void __launch_bounds__(kFlatThreads) adamw_kernel(Adamw op) {
  const std::int32_t chunk = static_cast<std::int32_t>(blockIdx.x);
  const std::int32_t owner = ownerOf(chunk, op.firstChunk, op.vectorCount);
  const AdamwVector& vector = op.vectors[owner];
  const std::int64_t first =
      (chunk - op.firstChunk[owner]) * kFlatChunk + static_cast<std::int64_t>(threadIdx.x) * kChunk;
  const std::int64_t count = vector.count - first;
  if (count <= 0) return;
  const AdamwCoefficients c = vector.coefficients;
  const float clip = clipOf(vector);
  float p[kChunk];
  float m[kChunk];
  float v[kChunk];
  float g[kChunk];
  loadChunk(p, vector.parameters + first, count);
  loadChunk(m, vector.firstMoment + first, count);
  loadChunk(v, vector.secondMoment + first, count);
  loadChunk(g, vector.gradients + first, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    const float gradient = clip * g[i];
    m[i] += c.approach1 * (gradient - m[i]);
    v[i] = c.beta2 * v[i] + c.approach2 * gradient * gradient;
    p[i] = p[i] * c.keep - c.stepSize * m[i] / (sqrtf(v[i]) * c.inverseRoot2 + c.eps);
    g[i] = 0.0F;
  }
  storeChunk(vector.parameters + first, p, count);
  storeChunk(vector.firstMoment + first, m, count);
  storeChunk(vector.secondMoment + first, v, count);
  storeChunk(vector.gradients + first, g, count);
  if (vector.compute != nullptr) storeChunk(vector.compute + first, p, count);
}

}  // namespace

AdamwCoefficients adamwCoefficients(std::int64_t step, double learningRate, double beta1, double beta2, double eps,
                                    double weightDecay) {
  const double steps = static_cast<double>(step);
  return {.keep = static_cast<float>(1.0 - learningRate * weightDecay),
          .approach1 = static_cast<float>(1.0 - beta1),
          .beta2 = static_cast<float>(beta2),
          .approach2 = static_cast<float>(1.0 - beta2),
          .stepSize = static_cast<float>(learningRate / (1.0 - std::pow(beta1, steps))),
          .inverseRoot2 = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, steps))),
          .eps = static_cast<float>(eps)};
}

void adamw(const Adamw& op, void* stream) {
  static_assert(kFlatThreads * kChunk == kFlatChunk);
  if (op.chunks == 0) return;
  launch("adamw", adamw_kernel, {.blocks = static_cast<unsigned>(op.chunks), .threads = kFlatThreads, .stream = stream},
         op);
}

}  // namespace loratwin::cuda
