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
template <bool kResidual, class To, class From>
__global__ void __launch_bounds__(kThreads) rmsnorm_kernel(RmsnormT<To, From> op) {
  const std::int64_t row = warpRow();
  if (row >= op.rows) return;
  const From* const x = op.x + row * op.hidden;
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
    if constexpr (kResidual) {
      float residual[kChunk];
      loadChunk(residual, op.residual + row * op.hidden + column, op.hidden - column);
      SIMT_UNROLL
      for (int i = 0; i < kChunk; ++i) values[i] += residual[i];
    }
    storeChunk(op.y + row * op.hidden + column, values, op.hidden - column);
  }
}

template <class From>
__global__ void __launch_bounds__(kThreads) rmsnorm_backward_kernel(RmsnormBackwardT<From> op) {
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

template <class To, class From>
void launchForward(const RmsnormT<To, From>& op, void* stream) {
  if (op.rows == 0) return;
  if (op.residual != nullptr) {
    launch("rmsnorm", rmsnorm_kernel<true, To, From>, shapeOf(op.rows, stream), op);
  } else {
    launch("rmsnorm", rmsnorm_kernel<false, To, From>, shapeOf(op.rows, stream), op);
  }
}

template <class From>
void launchBackward(const RmsnormBackwardT<From>& op, void* stream) {
  if (op.rows > 0) launch("rmsnorm_backward", rmsnorm_backward_kernel<From>, shapeOf(op.rows, stream), op);
}

}  // namespace

void rmsnorm(const Rmsnorm& op, void* stream) { launchForward(op, stream); }
void rmsnorm(const RmsnormBf16& op, void* stream) { launchForward(op, stream); }
void rmsnorm(const RmsnormOfBf16& op, void* stream) { launchForward(op, stream); }
void rmsnorm(const RmsnormOfBf16F32& op, void* stream) { launchForward(op, stream); }
void rmsnorm_backward(const RmsnormBackward& op, void* stream) { launchBackward(op, stream); }
void rmsnorm_backward(const RmsnormBackwardOfBf16& op, void* stream) { launchBackward(op, stream); }

}  // namespace loratwin::cuda
