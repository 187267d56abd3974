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

// out and its slopes by gate and up.
struct Gated {
  float out;
  float gate;
  float up;
};

template <class Act>
struct GatedBy {
  template <class Op>
  SIMT_DEVICE static Gated of(const Op&, float gate, float up) {
    const float sigma = sigmoid(Act::argument(gate));
    return {gate * sigma * up, up * sigma * (1.0F + gate * Act::steepened(gate, 1.0F - sigma)), gate * sigma};
  }
};

struct Clamped {
  template <class Op>
  SIMT_DEVICE static Gated of(const Op& op, float gate, float up) {
    // Comparisons, so that NaN stays.
    const float g = gate > op.limit ? op.limit : gate;
    const float u = (up > op.limit ? op.limit : up < -op.limit ? -op.limit : up) + 1.0F;
    const float sigma = sigmoid(op.alpha * g);
    const bool cutsUp = up > op.limit || up < -op.limit;
    return {g * sigma * u, gate > op.limit ? 0.0F : u * sigma * (1.0F + op.alpha * g * (1.0F - sigma)),
            cutsUp ? 0.0F : g * sigma};
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
  for (int i = 0; i < kChunk; ++i) gate[i] = Act::of(op, gate[i], up[i]).out;
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
    const Gated slopes = Act::of(op, gate[i], up[i]);
    gate[i] = dout[i] * slopes.gate;
    up[i] = dout[i] * slopes.up;
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
  switch (op.activation) {
    case ops::Activation::silu:
      return launch("swiglu", swiglu_kernel<GatedBy<Silu>, Store>, shapeOf(op, stream), op);
    case ops::Activation::gelu:
      return launch("swiglu", swiglu_kernel<GatedBy<Gelu>, Store>, shapeOf(op, stream), op);
    case ops::Activation::clamped:
      return launch("swiglu", swiglu_kernel<Clamped, Store>, shapeOf(op, stream), op);
  }
}

template <class Store>
void launchBackward(const SwigluBackwardT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  switch (op.activation) {
    case ops::Activation::silu:
      return launch("swiglu_backward", swiglu_backward_kernel<GatedBy<Silu>, Store>, shapeOf(op, stream), op);
    case ops::Activation::gelu:
      return launch("swiglu_backward", swiglu_backward_kernel<GatedBy<Gelu>, Store>, shapeOf(op, stream), op);
    case ops::Activation::clamped:
      return launch("swiglu_backward", swiglu_backward_kernel<Clamped, Store>, shapeOf(op, stream), op);
  }
}

}  // namespace

void swiglu(const Swiglu& op, void* stream) { launchForward(op, stream); }
void swiglu(const SwigluBf16& op, void* stream) { launchForward(op, stream); }
void swiglu_backward(const SwigluBackward& op, void* stream) { launchBackward(op, stream); }
void swiglu_backward(const SwigluBackwardBf16& op, void* stream) { launchBackward(op, stream); }

}  // namespace loratwin::cuda
