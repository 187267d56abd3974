#include "cuda/fill_rows.h"

#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

template <class Store>
__global__ void __launch_bounds__(kThreads)
    fill_rows_kernel(const float* v, std::int32_t columns, Store* y, std::int64_t ld, std::int32_t rows) {
  const std::int64_t chunks = chunksOf(columns);
  const std::int64_t row = globalThread() / chunks;
  if (row >= rows) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  float values[kChunk];
  loadChunk(values, v + column, columns - column);
  storeChunk(y + row * ld + column, values, columns - column);
}

template <class Store>
void launchFill(const float* v, std::int32_t columns, Store* y, std::int64_t ld, std::int32_t rows, void* stream) {
  if (rows == 0 || columns == 0) return;
  const LaunchShape shape{
      .blocks = blocksFor(rows * chunksOf(columns), kThreads), .threads = kThreads, .stream = stream};
  launch("fill_rows", fill_rows_kernel<Store>, shape, v, columns, y, ld, rows);
}

}  // namespace

void fill_rows(const float* v, std::int32_t columns, float* y, std::int64_t ld, std::int32_t rows, void* stream) {
  launchFill(v, columns, y, ld, rows, stream);
}

void fill_rows(const float* v, std::int32_t columns, Bf16* y, std::int64_t ld, std::int32_t rows, void* stream) {
  launchFill(v, columns, y, ld, rows, stream);
}

}  // namespace loratwin::cuda
