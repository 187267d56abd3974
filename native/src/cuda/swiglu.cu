#include "cuda/rows.h"
#include "cuda/swiglu.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

SIMT_DEVICE float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }

template <class Store>
__global__ void __launch_bounds__(kThreads) swiglu_kernel(SwigluT<Store> op) {
  const std::int64_t chunks = chunksOf(op.intermediate);
  const std::int64_t row = globalThread() / chunks;
  if (row >= op.rows) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t count = op.intermediate - column;
  const Store* const from = op.gateUp + row * op.ld + column;
  float gate[kChunk];
  float up[kChunk];
  loadChunk(gate, from, count);
  loadChunk(up, from + op.intermediate, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) gate[i] *= sigmoid(gate[i]) * up[i];
  storeChunk(op.out + row * op.ldo + column, gate, count);
}

template <class Store>
__global__ void __launch_bounds__(kThreads) swiglu_backward_kernel(SwigluBackwardT<Store> op) {
  const std::int64_t chunks = chunksOf(op.intermediate);
  const std::int64_t row = globalThread() / chunks;
  if (row >= op.rows) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t count = op.intermediate - column;
  const Store* const from = op.gateUp + row * op.ld + column;
  float gate[kChunk];
  float up[kChunk];
  float dout[kChunk];
  loadChunk(gate, from, count);
  loadChunk(up, from + op.intermediate, count);
  loadChunk(dout, op.dout + row * op.lddo + column, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    const float sigma = sigmoid(gate[i]);
    const float dgate = dout[i] * up[i] * sigma * (1.0F + gate[i] * (1.0F - sigma));
    up[i] = dout[i] * gate[i] * sigma;
    gate[i] = dgate;
  }
  Store* const to = op.dgateUp + row * op.ldd + column;
  storeChunk(to, gate, count);
  storeChunk(to + op.intermediate, up, count);
}

template <class Op>
LaunchShape shapeOf(const Op& op, void* stream) {
  return {.blocks = blocksFor(op.rows * chunksOf(op.intermediate), kThreads), .threads = kThreads, .stream = stream};
}

template <class Store>
void launchForward(const SwigluT<Store>& op, void* stream) {
  if (op.rows > 0) launch("swiglu", swiglu_kernel<Store>, shapeOf(op, stream), op);
}

template <class Store>
void launchBackward(const SwigluBackwardT<Store>& op, void* stream) {
  if (op.rows > 0) launch("swiglu_backward", swiglu_backward_kernel<Store>, shapeOf(op, stream), op);
}

}  // namespace

void swiglu(const Swiglu& op, void* stream) { launchForward(op, stream); }
void swiglu(const SwigluBf16& op, void* stream) { launchForward(op, stream); }
void swiglu_backward(const SwigluBackward& op, void* stream) { launchBackward(op, stream); }
void swiglu_backward(const SwigluBackwardBf16& op, void* stream) { launchBackward(op, stream); }

}  // namespace loratwin::cuda
