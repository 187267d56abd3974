#include "cuda/rows.h"
#include "cuda/select_rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

template <class Store>
__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(const Store* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, Store* y) {
  const std::int64_t chunks = chunksOf(columns);
  const std::int64_t i = globalThread() / chunks;
  if (i >= count) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t width = columns;
  float values[kChunk];
  loadChunk(values, x + index[i] * width + column, width - column);
  storeChunk(y + i * width + column, values, width - column);
}

__global__ void __launch_bounds__(kThreads)
    scatter_rows_kernel(const float* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, float* y) {
  const std::int64_t chunks = chunksOf(columns);
  const std::int64_t i = globalThread() / chunks;
  if (i >= count) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t width = columns;
  float values[kChunk] = {};
  if (x != nullptr) loadChunk(values, x + i * width + column, width - column);
  storeChunk(y + index[i] * width + column, values, width - column);
}

LaunchShape shapeOf(std::int32_t count, std::int32_t columns, void* stream) {
  return {.blocks = blocksFor(count * chunksOf(columns), kThreads), .threads = kThreads, .stream = stream};
}

template <class Store>
void launchGather(const Store* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, Store* y,
                  void* stream) {
  if (count == 0 || columns == 0) return;
  launch("gather_rows", gather_rows_kernel<Store>, shapeOf(count, columns, stream), x, index, count, columns, y);
}

}  // namespace

void gather_rows(const float* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, float* y,
                 void* stream) {
  launchGather(x, index, count, columns, y, stream);
}

void gather_rows(const Bf16* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, Bf16* y,
                 void* stream) {
  launchGather(x, index, count, columns, y, stream);
}

void scatter_rows(const float* x, const std::int32_t* index, std::int32_t count, std::int32_t columns, float* y,
                  void* stream) {
  if (count == 0 || columns == 0) return;
  launch("scatter_rows", scatter_rows_kernel, shapeOf(count, columns, stream), x, index, count, columns, y);
}

}  // namespace loratwin::cuda
