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
void launchCopy(const From* x, To* y, std::int64_t count, void* stream) {
  if (count == 0) return;
  const LaunchShape shape{.blocks = blocksFor(chunksOf(count), kThreads), .threads = kThreads, .stream = stream};
  launch("copy", copy_kernel<From, To>, shape, x, y, count);
}

}  // namespace

void copy(const float* x, Bf16* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }
void copy(const Bf16* x, float* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }
void copy(const float* x, float* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }
void copy(const Bf16* x, Bf16* y, std::int64_t count, void* stream) { launchCopy(x, y, count, stream); }

}  // namespace loratwin::cuda
