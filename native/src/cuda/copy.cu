#include "cuda/copy.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

template <class From, class To>
__global__ void __launch_bounds__(kThreads) copy_kernel(const From* x, To* y, std::int64_t count) {
  const std::int64_t first = globalThread() * kChunk;
  if (first >= count) return;
  float values[kChunk];
  loadChunk(values, x + first, count - first);
  storeChunk(y + first, values, count - first);
}

template <class From, class To>
__global__ void __launch_bounds__(kThreads) scaled_copy_kernel(ScaledCopyT<From, To> op) {
  const std::int64_t first = globalThread() * kChunk;
  const std::int64_t count = op.count - first;
  if (count <= 0) return;
  float values[kChunk];
  float residual[kChunk] = {};
  loadChunk(values, op.x + first, count);
  if (op.residual != nullptr) loadChunk(residual, op.residual + first, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) values[i] = op.scale * values[i] + residual[i];
  storeChunk(op.y + first, values, count);
}

LaunchShape shapeOf(std::int64_t count, void* stream) {
  return {.blocks = blocksFor(chunksOf(count), kThreads), .threads = kThreads, .stream = stream};
}

template <class From, class To>
void launchCopy(const From* x, To* y, std::int64_t count, void* stream) {
  if (count > 0) launch("copy", copy_kernel<From, To>, shapeOf(count, stream), x, y, count);
}

template <class From, class To>
void launchScaled(const ScaledCopyT<From, To>& op, void* stream) {
  if (op.count > 0) launch("copy", scaled_copy_kernel<From, To>, shapeOf(op.count, stream), op);
}

}  // namespace

void copy(const float* x, Bf16* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }
void copy(const Bf16* x, float* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }
void copy(const float* x, float* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }
void copy(const Bf16* x, Bf16* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }

void scaled_copy(const ScaledCopyT<float, Bf16>& op, void* stream) { launchScaled(op, stream); }
void scaled_copy(const ScaledCopyT<Bf16, float>& op, void* stream) { launchScaled(op, stream); }
void scaled_copy(const ScaledCopyT<float, float>& op, void* stream) { launchScaled(op, stream); }
void scaled_copy(const ScaledCopyT<Bf16, Bf16>& op, void* stream) { launchScaled(op, stream); }

}  // namespace loratwin::cuda
