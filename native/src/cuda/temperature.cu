#include "cuda/rows.h"
#include "cuda/temperature.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

// floor(count / step): the rounded quotient may be one too large or too small where it is nearly whole; the sign of an
// fma's result is exact.
SIMT_DEVICE float wholeSteps(float count, float step) {
  const float steps = floorf(count / step);
  if (fmaf(-steps, step, count) < 0.0F) return steps - 1.0F;
  return fmaf(-(steps + 1.0F), step, count) >= 0.0F ? steps + 1.0F : steps;
}

template <class Store>
__global__ void __launch_bounds__(kThreads) temperature_kernel(TemperatureT<Store> op) {
  const std::int64_t chunks = chunksOf(op.columns);
  const std::int64_t row = globalThread() / chunks;
  if (row >= op.rows) return;
  const float steps = wholeSteps(static_cast<float>(op.positions[row] + 1), op.step);
  if (steps == 0.0F) return;
  const float factor = 1.0F + op.scale * log1pf(steps);
  const std::int64_t first = globalThread() % chunks * kChunk;
  const std::int64_t count = op.columns - first;
  Store* const x = op.x + row * op.ld + op.column + first;
  float values[kChunk];
  loadChunk(values, x, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) values[i] *= factor;
  storeChunk(x, values, count);
}

template <class Store>
void launchTemperature(const TemperatureT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const unsigned blocks = blocksFor(op.rows * chunksOf(op.columns), kThreads);
  launch("temperature", temperature_kernel<Store>, {.blocks = blocks, .threads = kThreads, .stream = stream}, op);
}

}  // namespace

void temperature(const Temperature& op, void* stream) { launchTemperature(op, stream); }
void temperature(const TemperatureBf16& op, void* stream) { launchTemperature(op, stream); }

}  // namespace loratwin::cuda
