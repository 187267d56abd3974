#include "cuda/rows.h"
#include "cuda/swiglu.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

SIMT_DEVICE float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }

// What stands in the sigmoid, and its derivative times d.
struct Silu {
  SIMT_DEVICE static float argument(float gate) { return gate; }
  SIMT_DEVICE static float steepened(float, float d) { return d; }
};

// 2 sqrt(2 / pi) (g + 0.044715 g^3). The sigmoid beyond 16 is 0 or 1, and what is beyond would become infinite.
struct Gelu {
  static constexpr float kLinear = 1.5957691216F;
  static constexpr float kCubic = 0.0713548163F;
  SIMT_DEVICE static float bounded(float gate) { return fminf(fmaxf(gate, -16.0F), 16.0F); }
  SIMT_DEVICE static float argument(float gate) {
    const float g = bounded(gate);
    return g * (g * g * kCubic + kLinear);
  }
  SIMT_DEVICE static float steepened(float gate, float d) {
    const float g = bounded(gate);
    return d * (g * g * (3.0F * kCubic) + kLinear);
  }
};

template <class Act, class Store>
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
  for (int i = 0; i < kChunk; ++i) gate[i] *= sigmoid(Act::argument(gate[i])) * up[i];
  storeChunk(op.out + row * op.ldo + column, gate, count);
}

template <class Act, class Store>
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
    const float sigma = sigmoid(Act::argument(gate[i]));
    const float dgate = dout[i] * up[i] * sigma * (1.0F + gate[i] * Act::steepened(gate[i], 1.0F - sigma));
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
  if (op.rows == 0) return;
  if (op.activation == ops::Activation::silu) {
    launch("swiglu", swiglu_kernel<Silu, Store>, shapeOf(op, stream), op);
  } else {
    launch("swiglu", swiglu_kernel<Gelu, Store>, shapeOf(op, stream), op);
  }
}

template <class Store>
void launchBackward(const SwigluBackwardT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  if (op.activation == ops::Activation::silu) {
    launch("swiglu_backward", swiglu_backward_kernel<Silu, Store>, shapeOf(op, stream), op);
  } else {
    launch("swiglu_backward", swiglu_backward_kernel<Gelu, Store>, shapeOf(op, stream), op);
  }
}

}  // namespace

void swiglu(const Swiglu& op, void* stream) { launchForward(op, stream); }
void swiglu(const SwigluBf16& op, void* stream) { launchForward(op, stream); }
void swiglu_backward(const SwigluBackward& op, void* stream) { launchBackward(op, stream); }
void swiglu_backward(const SwigluBackwardBf16& op, void* stream) { launchBackward(op, stream); }

}  // namespace loratwin::cuda
