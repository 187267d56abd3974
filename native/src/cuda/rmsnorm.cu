#include "cuda/rmsnorm.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kRowsOfBlock = kThreads / kWarp;

// The row of this thread's warp.
SIMT_DEVICE std::int64_t warpRow() { return globalThread() / kWarp; }

SIMT_DEVICE std::int64_t firstColumn() { return static_cast<std::int64_t>(threadIdx.x) % kWarp * kChunk; }

// The second reading of a row comes from the cache: four rows of a block are at most a few ten kilobytes.
template <class Store>
__global__ void __launch_bounds__(kThreads) rmsnorm_kernel(RmsnormT<Store> op) {
  const std::int64_t row = warpRow();
  if (row >= op.rows) return;
  const float* const x = op.x + row * op.hidden;
  float sum = 0.0F;
  for (std::int64_t column = firstColumn(); column < op.hidden; column += kWarp * kChunk) {
    float values[kChunk];
    loadChunk(values, x + column, op.hidden - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum += values[i] * values[i];
  }
  const float rstd = 1.0F / sqrtf(warpSum(sum) / static_cast<float>(op.hidden) + op.eps);
  if (threadIdx.x % kWarp == 0) op.rstd[row] = rstd;
  for (std::int64_t column = firstColumn(); column < op.hidden; column += kWarp * kChunk) {
    float values[kChunk];
    float weight[kChunk];
    loadChunk(values, x + column, op.hidden - column);
    loadChunk(weight, op.weight + column, op.hidden - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] *= rstd * weight[i];
    storeChunk(op.y + row * op.hidden + column, values, op.hidden - column);
  }
}

__global__ void __launch_bounds__(kThreads) rmsnorm_backward_kernel(RmsnormBackward op) {
  const std::int64_t row = warpRow();
  if (row >= op.rows) return;
  const std::int64_t start = row * op.hidden;
  float dot = 0.0F;
  for (std::int64_t column = firstColumn(); column < op.hidden; column += kWarp * kChunk) {
    float x[kChunk];
    float dy[kChunk];
    float weight[kChunk];
    loadChunk(x, op.x + start + column, op.hidden - column);
    loadChunk(dy, op.dy + start + column, op.hidden - column);
    loadChunk(weight, op.weight + column, op.hidden - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) dot += weight[i] * dy[i] * x[i];
  }
  const float rstd = op.rstd[row];
  const float pull = warpSum(dot) / static_cast<float>(op.hidden) * rstd * rstd;
  for (std::int64_t column = firstColumn(); column < op.hidden; column += kWarp * kChunk) {
    const std::int64_t count = op.hidden - column;
    float x[kChunk];
    float dy[kChunk];
    float weight[kChunk];
    float dx[kChunk] = {};
    loadChunk(x, op.x + start + column, count);
    loadChunk(dy, op.dy + start + column, count);
    loadChunk(weight, op.weight + column, count);
    if (op.residual != nullptr) loadChunk(dx, op.residual + start + column, count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) dx[i] += rstd * (weight[i] * dy[i] - x[i] * pull);
    storeChunk(op.dx + start + column, dx, count);
    if (op.dxCompute != nullptr) storeChunk(op.dxCompute + start + column, dx, count);
  }
}

LaunchShape shapeOf(std::int32_t rows, void* stream) {
  return {.blocks = blocksFor(rows, kRowsOfBlock), .threads = kThreads, .stream = stream};
}

}  // namespace

void rmsnorm(const Rmsnorm& op, void* stream) {
  if (op.rows > 0) launch("rmsnorm", rmsnorm_kernel<float>, shapeOf(op.rows, stream), op);
}

void rmsnorm(const RmsnormBf16& op, void* stream) {
  if (op.rows > 0) launch("rmsnorm", rmsnorm_kernel<Bf16>, shapeOf(op.rows, stream), op);
}

void rmsnorm_backward(const RmsnormBackward& op, void* stream) {
  if (op.rows > 0) launch("rmsnorm_backward", rmsnorm_backward_kernel, shapeOf(op.rows, stream), op);
}

}  // namespace loratwin::cuda
