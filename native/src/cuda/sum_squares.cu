#include "cuda/block_sum.h"
#include "cuda/flat_chunks.h"
#include "cuda/rows.h"
#include "cuda/sum_squares.h"

namespace loratwin::cuda {

namespace {

__global__ void __launch_bounds__(kFlatThreads) sum_chunks_kernel(SumSquares op) {
  SIMT_SHARED(double, part, [kFlatThreads / kWarp]);
  const std::int32_t chunk = static_cast<std::int32_t>(blockIdx.x);
  const std::int32_t owner = ownerOf(chunk, op.firstChunk, op.vectorCount);
  const FlatVector vector = op.vectors[owner];
  const std::int64_t first =
      (chunk - op.firstChunk[owner]) * kFlatChunk + static_cast<std::int64_t>(threadIdx.x) * kChunk;
  float values[kChunk] = {};
  if (first < vector.count) loadChunk(values, vector.x + first, vector.count - first);
  double sum = 0;
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  sum = blockSum<kFlatThreads>(sum, part);
  if (threadIdx.x == 0) op.partials[chunk] = sum;
}

__global__ void __launch_bounds__(kFlatThreads) add_chunks_kernel(SumSquares op) {
  SIMT_SHARED(double, part, [kFlatThreads / kWarp]);
  const std::int32_t end = op.firstChunk[blockIdx.x + 1];
  double sum = 0;
  for (std::int32_t chunk = op.firstChunk[blockIdx.x] + static_cast<std::int32_t>(threadIdx.x); chunk < end;
       chunk += kFlatThreads) {
    sum += op.partials[chunk];
  }
  sum = blockSum<kFlatThreads>(sum, part);
  if (threadIdx.x != 0) return;
  op.sums[blockIdx.x] = sum;
  double* const kept = op.vectors[blockIdx.x].kept;
  if (kept != nullptr) *kept = sum;
}

}  // namespace

void sum_squares(const SumSquares& op, void* stream) {
  static_assert(kFlatThreads * kChunk == kFlatChunk);
  if (op.chunks > 0) {
    launch("sum_squares", sum_chunks_kernel,
           {.blocks = static_cast<unsigned>(op.chunks), .threads = kFlatThreads, .stream = stream}, op);
  }
  if (op.vectorCount > 0) {
    launch("sum_squares", add_chunks_kernel,
           {.blocks = static_cast<unsigned>(op.vectorCount), .threads = kFlatThreads, .stream = stream}, op);
  }
}

}  // namespace loratwin::cuda
