#include "cuda/block_sum.h"
#include "cuda/expert_rows.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

template <class Store>
__global__ void __launch_bounds__(kThreads) gather_places_kernel(ops::GatherRowsT<Store> op) {
  const std::int64_t chunks = chunksOf(op.columns);
  const std::int64_t place = globalThread() / chunks;
  if (place >= std::int64_t{op.rows} * op.perRow) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t width = op.columns;
  float values[kChunk];
  loadChunk(values, op.x + op.order[place] / op.perRow * width + column, width - column);
  storeChunk(op.y + place * width + column, values, width - column);
}

template <class Store, class Out>
__global__ void __launch_bounds__(kThreads) combine_kernel(ops::CombineT<float, Store, Out> op) {
  const std::int64_t chunks = chunksOf(op.columns);
  const std::int64_t row = globalThread() / chunks;
  if (row >= op.rows) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t width = op.columns;
  float sum[kChunk] = {};
  for (std::int64_t pair = row * op.perRow; pair < (row + 1) * op.perRow; ++pair) {
    const float weight = op.weights == nullptr ? 1.0F : op.weights[pair];
    float values[kChunk];
    loadChunk(values, op.x + op.places[pair] * width + column, width - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum[i] += weight * values[i];
  }
  if (op.residual != nullptr) {
    float values[kChunk];
    loadChunk(values, op.residual + row * width + column, width - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum[i] += values[i];
  }
  storeChunk(op.y + row * width + column, sum, width - column);
}

// A block a pair. A thread reads a chunk of x before it writes the chunk of dx in its place.
template <class Store>
__global__ void __launch_bounds__(kThreads) combine_backward_kernel(ops::CombineBackwardT<float, Store> op) {
  SIMT_SHARED(float, part, [kThreads / kWarp]);
  const auto pair = static_cast<std::int64_t>(blockIdx.x);
  const std::int64_t width = op.columns;
  const Store* const dy = op.dy + pair / op.perRow * width;
  const Store* const x = op.x + op.places[pair] * width;
  Store* const dx = op.dx + op.places[pair] * width;
  const float weight = op.weights[pair];
  float sum = 0.0F;
  for (std::int64_t column = static_cast<std::int64_t>(threadIdx.x) * kChunk; column < width;
       column += kThreads * kChunk) {
    float gradient[kChunk];
    float values[kChunk];
    loadChunk(gradient, dy + column, width - column);
    loadChunk(values, x + column, width - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      sum += gradient[i] * values[i];
      gradient[i] *= weight;
    }
    storeChunk(dx + column, gradient, width - column);
  }
  sum = blockSum<kThreads>(sum, part);
  if (threadIdx.x == 0) op.dweights[pair] = sum;
}

LaunchShape chunkAThread(std::int64_t rows, std::int64_t columns, void* stream) {
  return {.blocks = blocksFor(rows * chunksOf(columns), kThreads), .threads = kThreads, .stream = stream};
}

template <class Store>
void launchGather(const ops::GatherRowsT<Store>& op, void* stream) {
  const std::int64_t places = std::int64_t{op.rows} * op.perRow;
  if (places == 0 || op.columns == 0) return;
  launch("gather_places", gather_places_kernel<Store>, chunkAThread(places, op.columns, stream), op);
}

template <class Store, class Out>
void launchCombine(const ops::CombineT<float, Store, Out>& op, void* stream) {
  if (op.rows == 0 || op.columns == 0) return;
  launch("combine", combine_kernel<Store, Out>, chunkAThread(op.rows, op.columns, stream), op);
}

template <class Store>
void launchBackward(const ops::CombineBackwardT<float, Store>& op, void* stream) {
  const std::int64_t pairs = std::int64_t{op.rows} * op.perRow;
  if (pairs == 0) return;
  launch("combine_backward", combine_backward_kernel<Store>,
         {.blocks = static_cast<unsigned>(pairs), .threads = kThreads, .stream = stream}, op);
}

}  // namespace

void gather_rows(const ops::GatherRows& op, void* stream) { launchGather(op, stream); }
void gather_rows(const ops::GatherRowsBf16& op, void* stream) { launchGather(op, stream); }
void combine(const ops::Combine& op, void* stream) { launchCombine(op, stream); }
void combine(const ops::CombineBf16& op, void* stream) { launchCombine(op, stream); }
void combine(const ops::CombineBf16F32& op, void* stream) { launchCombine(op, stream); }
void combine_backward(const ops::CombineBackward& op, void* stream) { launchBackward(op, stream); }
void combine_backward(const ops::CombineBackwardBf16& op, void* stream) { launchBackward(op, stream); }

}  // namespace loratwin::cuda
