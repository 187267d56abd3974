#include "cuda/block_sum.h"
#include "cuda/cross_entropy.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
constexpr float kLog2E = 1.4426950408889634F;

// exp(x) for x <= 0
SIMT_DEVICE float decay(float x) { return exp2Approximate(x * kLog2E); }

// A logit, and its slope as a function of z.
struct Logit {
  float value;
  float slope;
};

// Logits of the kinds, from z.
struct PlainLogits {
  SIMT_DEVICE Logit operator()(float z) const { return {z, 1.0F}; }
};

struct ScaledLogits {
  float scale;
  SIMT_DEVICE Logit operator()(float z) const { return {scale * z, scale}; }
};

struct CappedLogits {
  float inner;  // scale / cap
  float cap;
  float scale;
  SIMT_DEVICE Logit operator()(float z) const {
    const float t = tanhf(inner * z);
    return {cap * t, scale * ((1.0F - t) * (1.0F + t))};
  }
};

template <class Body>
void withLogits(const ops::LogitsKind& kind, Body body) {
  if (kind.isPlain()) {
    body(PlainLogits{});
  } else if (kind.softcap == 0.0F) {
    body(ScaledLogits{kind.scale});
  } else {
    body(CappedLogits{kind.scale / kind.softcap, kind.softcap, kind.scale});
  }
}

// A maximum and the sum of exp(z - max) below it; empty is {-inf, 0}.
struct Partial {
  float max;
  float sum;
};

SIMT_DEVICE Partial joined(Partial a, Partial b) {
  const float max = fmaxf(a.max, b.max);
  const float ofA = a.sum == 0.0F ? 0.0F : a.sum * decay(a.max - max);
  const float ofB = b.sum == 0.0F ? 0.0F : b.sum * decay(b.max - max);
  return {max, ofA + ofB};
}

// What a thread has of a row; keep(column, logits, count) hears of its logits.
template <class Store, class Logits, class Keep>
SIMT_DEVICE Partial ownPart(const Store* row, std::int64_t columns, const Logits& logitOf, const Keep& keep) {
  Partial own{-INFINITY, 0.0F};
  for (std::int64_t column = static_cast<std::int64_t>(threadIdx.x) * kChunk; column < columns;
       column += kThreads * kChunk) {
    const std::int64_t count = columns - column;
    float z[kChunk];
    loadChunk(z, row + column, count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) z[i] = logitOf(z[i]).value;
    keep(column, z, count);
    Partial chunk{-INFINITY, 0.0F};
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      if (i < count) chunk.max = fmaxf(chunk.max, z[i]);
    }
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      if (i < count) chunk.sum += decay(z[i] - chunk.max);
    }
    own = joined(own, chunk);
  }
  return own;
}

// part[w]: what the threads of warp w have.
SIMT_DEVICE void shareParts(Partial own, Partial (&part)[kThreads / kWarp]) {
  SIMT_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    Partial other;
    other.max = __shfl_xor_sync(kAllLanes, own.max, distance);
    other.sum = __shfl_xor_sync(kAllLanes, own.sum, distance);
    // The lower lane's part first, in both lanes.
    own = (static_cast<int>(threadIdx.x) & distance) == 0 ? joined(own, other) : joined(other, own);
  }
  if (threadIdx.x % kWarp == 0) part[threadIdx.x / kWarp] = own;
  __syncthreads();
}

template <class Store, class Logits>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_tile_kernel(LogitsTileT<Store> tile, Logits logitOf, CrossEntropyState* state, bool start) {
  SIMT_SHARED(Partial, part, [kThreads / kWarp]);
  const std::int64_t row = blockIdx.x;
  const std::int32_t target = tile.targets[row];
  if (target < 0) return;
  const Store* const logits = tile.logits + row * tile.ld;
  const auto forget = [](std::int64_t, const float(&)[kChunk], std::int64_t) {};
  shareParts(ownPart(logits, tile.columns, logitOf, forget), part);
  if (threadIdx.x != 0) return;
  Partial total = start ? Partial{-INFINITY, 0.0F} : Partial{state[row].max, state[row].sum};
  for (int i = 0; i < kThreads / kWarp; ++i) total = joined(total, part[i]);
  const bool here = target >= tile.column && target < tile.column + tile.columns;
  const float before = start ? 0.0F : state[row].target;
  state[row] = {total.max, total.sum, here ? logitOf(f32(logits[target - tile.column])).value : before};
}

template <class Logits>
__global__ void __launch_bounds__(kThreads)
    head_logits_kernel(float* logits, std::int64_t columns, Logits logitOf, float* logSums) {
  SIMT_SHARED(Partial, part, [kThreads / kWarp]);
  float* const row = logits + static_cast<std::int64_t>(blockIdx.x) * columns;
  const auto keep = [row](std::int64_t column, const float(&z)[kChunk], std::int64_t count) {
    storeChunk(row + column, z, count);
  };
  shareParts(ownPart(row, columns, logitOf, keep), part);
  if (threadIdx.x != 0) return;
  Partial total{-INFINITY, 0.0F};
  for (int i = 0; i < kThreads / kWarp; ++i) total = joined(total, part[i]);
  logSums[blockIdx.x] = static_cast<float>(static_cast<double>(total.max) + log(static_cast<double>(total.sum)));
}

__global__ void __launch_bounds__(kThreads)
    cross_entropy_losses_kernel(const CrossEntropyState* state, const std::int32_t* targets,
                                const std::int32_t* offsets, double* losses) {
  SIMT_SHARED(double, part, [kThreads / kWarp]);
  const std::int32_t end = offsets[blockIdx.x + 1];
  double sum = 0;
  for (std::int32_t row = offsets[blockIdx.x] + static_cast<std::int32_t>(threadIdx.x); row < end; row += kThreads) {
    if (targets[row] < 0) continue;
    const CrossEntropyState s = state[row];
    sum += static_cast<double>(s.max) - static_cast<double>(s.target) + log(static_cast<double>(s.sum));
  }
  sum = blockSum<kThreads>(sum, part);
  if (threadIdx.x == 0) losses[blockIdx.x] = sum;
}

template <class Store, class Logits, class Out>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_gradient_kernel(LogitsTileT<Store> tile, Logits logitOf, const CrossEntropyState* state,
                                  const float* lossScale, Out* dz, std::int64_t ldd) {
  const std::int64_t chunks = chunksOf(tile.columns);
  const std::int64_t row = globalThread() / chunks;
  if (row >= tile.rows) return;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const std::int64_t count = tile.columns - column;
  const std::int32_t target = tile.targets[row];
  float z[kChunk] = {};
  if (target >= 0) {
    loadChunk(z, tile.logits + row * tile.ld + column, count);
    const float max = state[row].max;
    const float scale = lossScale[row];
    const float share = scale / state[row].sum;
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      const Logit logit = logitOf(z[i]);
      z[i] = share * decay(logit.value - max);
      if (tile.column + column + i == target) z[i] -= scale;
      z[i] *= logit.slope;
    }
  }
  storeChunk(dz + row * ldd + column, z, count);
}

template <class Store>
void launchTile(const LogitsTileT<Store>& tile, CrossEntropyState* state, bool start, void* stream) {
  if (tile.rows == 0 || tile.columns == 0) return;
  withLogits(tile.kind, [&]<class Logits>(Logits logitOf) {
    launch("cross_entropy_tile", cross_entropy_tile_kernel<Store, Logits>,
           {.blocks = static_cast<unsigned>(tile.rows), .threads = kThreads, .stream = stream}, tile, logitOf, state,
           start);
  });
}

template <class Store, class Out>
void launchGradient(const LogitsTileT<Store>& tile, const CrossEntropyState* state, const float* lossScale, Out* dz,
                    std::int64_t ldd, void* stream) {
  if (tile.rows == 0 || tile.columns == 0) return;
  withLogits(tile.kind, [&]<class Logits>(Logits logitOf) {
    launch("cross_entropy_gradient", cross_entropy_gradient_kernel<Store, Logits, Out>,
           {.blocks = blocksFor(tile.rows * chunksOf(tile.columns), kThreads), .threads = kThreads, .stream = stream},
           tile, logitOf, state, lossScale, dz, ldd);
  });
}

}  // namespace

void cross_entropy_tile(const LogitsTile& tile, CrossEntropyState* state, bool start, void* stream) {
  launchTile(tile, state, start, stream);
}

void cross_entropy_tile(const LogitsTileBf16& tile, CrossEntropyState* state, bool start, void* stream) {
  launchTile(tile, state, start, stream);
}

void head_logits(float* logits, std::int32_t rows, std::int32_t columns, const ops::LogitsKind& kind, float* logSums,
                 void* stream) {
  if (rows == 0) return;
  withLogits(kind, [&]<class Logits>(Logits logitOf) {
    launch("head_logits", head_logits_kernel<Logits>,
           {.blocks = static_cast<unsigned>(rows), .threads = kThreads, .stream = stream}, logits,
           std::int64_t{columns}, logitOf, logSums);
  });
}

void cross_entropy_losses(const CrossEntropyState* state, const std::int32_t* targets, const std::int32_t* offsets,
                          std::int32_t count, double* losses, void* stream) {
  if (count == 0) return;
  launch("cross_entropy_losses", cross_entropy_losses_kernel,
         {.blocks = static_cast<unsigned>(count), .threads = kThreads, .stream = stream}, state, targets, offsets,
         losses);
}

void cross_entropy_gradient(const LogitsTile& tile, const CrossEntropyState* state, const float* lossScale, Bf16* dz,
                            std::int64_t ldd, void* stream) {
  launchGradient(tile, state, lossScale, dz, ldd, stream);
}

void cross_entropy_gradient(const LogitsTile& tile, const CrossEntropyState* state, const float* lossScale, float* dz,
                            std::int64_t ldd, void* stream) {
  launchGradient(tile, state, lossScale, dz, ldd, stream);
}

void cross_entropy_gradient(const LogitsTileBf16& tile, const CrossEntropyState* state, const float* lossScale,
                            Bf16* dz, std::int64_t ldd, void* stream) {
  launchGradient(tile, state, lossScale, dz, ldd, stream);
}

}  // namespace loratwin::cuda
