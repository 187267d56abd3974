#include "cuda/magnitude.h"

#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kColumns = kWarp;                 // of a block of the backward
constexpr int kRowLanes = kThreads / kColumns;  // rows that it sums at a time

template <class Store, class Out>
__global__ void __launch_bounds__(kThreads) magnitude_kernel(MagnitudeT<Store, Out> op) {
  const MagnitudeSegment segment = op.segments.items[blockIdx.y];
  const std::int64_t chunks = chunksOf(op.outFeatures);
  const std::int64_t row = segment.rowStart + globalThread() / chunks;
  if (row >= segment.rowEnd) return;
  const std::int64_t first = globalThread() % chunks * kChunk;
  const std::int64_t count = op.outFeatures - first;
  Out* const to = op.y + row * op.ldy + op.column + first;
  float y[kChunk];
  float magnitude[kChunk];
  float norm[kChunk];
  float added[kChunk] = {};
  loadChunk(y, to, count);
  loadChunk(magnitude, segment.magnitude + first, count);
  loadChunk(norm, segment.norm + first, count);
  if (op.bias != nullptr) loadChunk(added, op.bias + op.column + first, count);
  if (op.residual != nullptr) {
    float residual[kChunk];
    loadChunk(residual, op.residual + row * op.ldr + op.column + first, count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) added[i] += residual[i];
  }
  float u[kChunk];
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    u[i] = y[i] - added[i];
    y[i] = i < count ? magnitude[i] / norm[i] * u[i] + added[i] : 0.0F;
  }
  if (op.u != nullptr) storeChunk(op.u + row * op.ldu + first, u, count);
  storeChunk(to, y, count);
}

template <class Store>
__global__ void __launch_bounds__(kThreads) magnitude_backward_kernel(MagnitudeBackwardT<Store> op) {
  SIMT_SHARED(float, part, [kThreads]);
  const MagnitudeSegment segment = op.segments.items[blockIdx.y];
  const auto thread = static_cast<std::int64_t>(threadIdx.x);
  const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * kColumns + thread % kColumns;
  const bool isOwn = n < op.outFeatures;
  const float norm = isOwn ? segment.norm[n] : 1.0F;
  float sum = 0.0F;
  if (isOwn) {
    const float gain = segment.magnitude[n] / norm;
    for (std::int64_t row = segment.rowStart + thread / kColumns; row < segment.rowEnd; row += kRowLanes) {
      Store& dy = op.dy[row * op.lddy + op.column + n];
      const float gradient = f32(dy);
      sum += gradient * f32(op.u[row * op.ldu + n]);
      assign(dy, gradient * gain);
    }
  }
  part[thread] = sum;
  __syncthreads();
  if (thread >= kColumns || !isOwn) return;
  for (int lane = 1; lane < kRowLanes; ++lane) sum += part[lane * kColumns + thread];
  const float divisor = op.scaled ? segment.magnitude[n] : norm;
  if (divisor != 0.0F) segment.dMagnitude[n] += sum / divisor;
}

}  // namespace

template <class Store, class Out>
void magnitude(const MagnitudeT<Store, Out>& op, void* stream) {
  if (op.segments.count == 0 || op.segments.maxRows == 0) return;
  const LaunchShape shape{.blocks = blocksFor(op.segments.maxRows * chunksOf(op.outFeatures), kThreads),
                          .blocksY = static_cast<unsigned>(op.segments.count),
                          .threads = kThreads,
                          .stream = stream};
  launch("magnitude", magnitude_kernel<Store, Out>, shape, op);
}

template <class Store>
void magnitude_backward(const MagnitudeBackwardT<Store>& op, void* stream) {
  if (op.segments.count == 0 || op.segments.maxRows == 0) return;
  const LaunchShape shape{.blocks = blocksFor(op.outFeatures, kColumns),
                          .blocksY = static_cast<unsigned>(op.segments.count),
                          .threads = kThreads,
                          .stream = stream};
  launch("magnitude_backward", magnitude_backward_kernel<Store>, shape, op);
}

template void magnitude(const MagnitudeT<float, float>&, void*);
template void magnitude(const MagnitudeT<Bf16, Bf16>&, void*);
template void magnitude(const MagnitudeT<Bf16, float>&, void*);
template void magnitude_backward(const MagnitudeBackwardT<float>&, void*);
template void magnitude_backward(const MagnitudeBackwardT<Bf16>&, void*);

}  // namespace loratwin::cuda
