#include <stdexcept>
#include <string>

#include "cuda/attention.h"
#include "cuda/attention_tiles.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

// Rows of the other side that one step takes: what fits into the registers beside sums of that width.
template <int kDim>
constexpr int kStepRows = kDim > 64 ? 32 : 64;

template <int kDim>
struct BackwardMemory {
  static constexpr int kOwn = Tile<kAttentionRows, kDim>::kElements;    // of each of two tiles
  static constexpr int kStep = Tile<kStepRows<kDim>, kDim>::kElements;  // of each of two tiles in two stages
  static constexpr std::size_t kBytes = (2 * kOwn + 4 * kStep) * sizeof(Bf16);
};

// delta[t,h] = sum_d dO out, a warp a row and head
__global__ void __launch_bounds__(kAttentionThreads) attention_delta_kernel(AttentionBackward op) {
  const std::int64_t place = globalThread() / kWarp;
  if (place >= static_cast<std::int64_t>(op.rows) * op.shape.heads) return;
  const std::int64_t from = place / op.shape.heads * op.shape.ldo + place % op.shape.heads * op.shape.headDim;
  float sum = 0.0F;
  for (int d = laneOf() * kChunk; d < op.shape.headDim; d += kWarp * kChunk) {
    float out[kChunk];
    float dout[kChunk];
    loadChunk(out, op.out + from + d, op.shape.headDim - d);
    loadChunk(dout, op.dout + from + d, op.shape.headDim - d);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum += out[i] * dout[i];
  }
  sum = warpSum(sum);
  if (laneOf() == 0) op.delta[place] = sum;
}

// dQ: a block has 64 queries of one head and goes through the keys before them.
template <int kDim>
__global__ void __launch_bounds__(kAttentionThreads) attention_dq_kernel(AttentionBackward op) {
  constexpr int kKeys = kStepRows<kDim>;
  using Memory = BackwardMemory<kDim>;
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  Bf16* const queries = shared;
  Bf16* const gradients = shared + Memory::kOwn;
  Bf16* const stages = shared + 2 * Memory::kOwn;
  const AttentionHeads& shape = op.shape;
  const AttentionTile tile = op.queryTiles[blockIdx.x];
  const int head = static_cast<int>(blockIdx.y);
  const int kvHead = head / (shape.heads / shape.kvHeads);
  const int rows = tile.sequenceEnd - tile.row;
  const int query0 = tile.row - tile.sequenceStart;
  const int keys = query0 + (rows < kAttentionRows ? rows : kAttentionRows);
  const int steps = (keys + kKeys - 1) / kKeys;
  const Bf16* const k = op.qkv + tile.sequenceStart * shape.ld + shape.kColumn + kvHead * shape.headDim;
  const Bf16* const v = op.qkv + tile.sequenceStart * shape.ld + shape.vColumn + kvHead * shape.headDim;
  const auto load = [&](int step) {
    Bf16* const stage = stages + step % 2 * 2 * Memory::kStep;
    const std::int64_t key = static_cast<std::int64_t>(step) * kKeys;
    copyTile<kKeys, kDim, kAttentionThreads>(stage, k + key * shape.ld, shape.ld, keys - key, shape.headDim);
    copyTile<kKeys, kDim, kAttentionThreads>(stage + Memory::kStep, v + key * shape.ld, shape.ld, keys - key,
                                             shape.headDim);
  };
  copyTile<kAttentionRows, kDim, kAttentionThreads>(
      queries, op.qkv + tile.row * shape.ld + shape.qColumn + head * shape.headDim, shape.ld, rows, shape.headDim);
  copyTile<kAttentionRows, kDim, kAttentionThreads>(gradients, op.dout + tile.row * shape.ldo + head * shape.headDim,
                                                    shape.ldo, rows, shape.headDim);
  load(0);
  cpAsyncCommit();

  const float scale = 1.0F / sqrtf(static_cast<float>(shape.headDim));
  const int ownRow0 = warpOf() * 16;
  Bf16* const ownQueries = queries + ownRow0 * Tile<kAttentionRows, kDim>::kStride;
  const Bf16* const ownGradients = gradients + ownRow0 * Tile<kAttentionRows, kDim>::kStride;
  float lse2[2] = {};
  float delta[2] = {};
  SIMT_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = ownRow0 + fragmentRow(2 * half);
    if (row >= rows) continue;
    const std::int64_t at = static_cast<std::int64_t>(tile.row + row) * shape.heads + head;
    lse2[half] = op.lse[at] * kLog2E;
    delta[half] = op.delta[at];
  }
  float dq[kDim / 8][4];
  clear(dq);
  for (int step = 0; step < steps; ++step) {
    cpAsyncWait<0>();
    __syncthreads();
    if (step + 1 < steps) load(step + 1);
    cpAsyncCommit();
    const Bf16* const keyTile = stages + step % 2 * 2 * Memory::kStep;
    float scores[kKeys / 8][4];
    float ds[kKeys / 8][4];
    multiplyRows<kKeys, kDim>(scores, ownQueries, keyTile);
    multiplyRows<kKeys, kDim>(ds, ownGradients, keyTile + Memory::kStep);
    SIMT_UNROLL
    for (int n = 0; n < kKeys / 8; ++n) {
      SIMT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int row = ownRow0 + fragmentRow(i);
        const bool seen = row < rows && step * kKeys + n * 8 + fragmentColumn(i) <= query0 + row;
        const float p = seen ? exp2Approximate(scores[n][i] * (scale * kLog2E) - lse2[i / 2]) : 0.0F;
        ds[n][i] = p * (ds[n][i] - delta[i / 2]) * scale;
      }
    }
    addWeighted<kKeys, kDim>(dq, ds, keyTile);
  }
  __syncwarp();  // the warp's queries become the room for its output
  Bf16* const to = op.dqkv + (tile.row + ownRow0) * shape.ld + shape.qColumn + head * shape.headDim;
  storeRows<kDim>(dq, {1.0F, 1.0F}, ownQueries, to, shape.ld, rows - ownRow0, shape.headDim);
}

// dK and dV: a block has 64 keys of one kv head and goes through its query heads in order, and for each through the
// queries from those keys on. Scores are transposed: a warp has 16 keys, so that P^T and dS^T are fragments already.
// Two blocks a multiprocessor: asked for more, the compiler spills.
template <int kDim>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_dkv_kernel(AttentionBackward op) {
  constexpr int kQueries = kStepRows<kDim>;
  using Memory = BackwardMemory<kDim>;
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  SIMT_SHARED(float, lse2s, [2][kQueries]);
  SIMT_SHARED(float, deltas, [2][kQueries]);
  Bf16* const keys = shared;
  Bf16* const values = shared + Memory::kOwn;
  Bf16* const stages = shared + 2 * Memory::kOwn;
  const AttentionHeads& shape = op.shape;
  const AttentionTile tile = op.keyTiles[blockIdx.x];
  const int kvHead = static_cast<int>(blockIdx.y);
  const int group = shape.heads / shape.kvHeads;
  const int rows = tile.sequenceEnd - tile.row;  // keys from the tile's first on; and queries
  const int stepsOfHead = (rows + kQueries - 1) / kQueries;
  const int steps = stepsOfHead * group;
  const auto load = [&](int step) {
    const int head = kvHead * group + step / stepsOfHead;
    const int first = step % stepsOfHead * kQueries;
    const std::int64_t row = tile.row + first;
    Bf16* const stage = stages + step % 2 * 2 * Memory::kStep;
    copyTile<kQueries, kDim, kAttentionThreads>(stage, op.qkv + row * shape.ld + shape.qColumn + head * shape.headDim,
                                                shape.ld, rows - first, shape.headDim);
    copyTile<kQueries, kDim, kAttentionThreads>(stage + Memory::kStep, op.dout + row * shape.ldo + head * shape.headDim,
                                                shape.ldo, rows - first, shape.headDim);
    const int query = static_cast<int>(threadIdx.x);
    if (query >= kQueries) return;
    const bool inside = first + query < rows;
    const std::int64_t at = (row + query) * shape.heads + head;
    lse2s[step % 2][query] = inside ? op.lse[at] * kLog2E : 0.0F;
    deltas[step % 2][query] = inside ? op.delta[at] : 0.0F;
  };
  copyTile<kAttentionRows, kDim, kAttentionThreads>(
      keys, op.qkv + tile.row * shape.ld + shape.kColumn + kvHead * shape.headDim, shape.ld, rows, shape.headDim);
  copyTile<kAttentionRows, kDim, kAttentionThreads>(
      values, op.qkv + tile.row * shape.ld + shape.vColumn + kvHead * shape.headDim, shape.ld, rows, shape.headDim);
  load(0);
  cpAsyncCommit();

  const float scale = 1.0F / sqrtf(static_cast<float>(shape.headDim));
  const int ownRow0 = warpOf() * 16;
  Bf16* const ownKeys = keys + ownRow0 * Tile<kAttentionRows, kDim>::kStride;
  Bf16* const ownValues = values + ownRow0 * Tile<kAttentionRows, kDim>::kStride;
  float dk[kDim / 8][4];
  float dv[kDim / 8][4];
  clear(dk);
  clear(dv);
  for (int step = 0; step < steps; ++step) {
    cpAsyncWait<0>();
    __syncthreads();
    if (step + 1 < steps) load(step + 1);
    cpAsyncCommit();
    const Bf16* const queryTile = stages + step % 2 * 2 * Memory::kStep;
    const Bf16* const gradientTile = queryTile + Memory::kStep;
    const int query0 = step % stepsOfHead * kQueries;  // from the tile's first key on
    float p[kQueries / 8][4];
    float ds[kQueries / 8][4];
    multiplyRows<kQueries, kDim>(p, ownKeys, queryTile);
    SIMT_UNROLL
    for (int n = 0; n < kQueries / 8; ++n) {
      SIMT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int query = n * 8 + fragmentColumn(i);
        const bool seen = query0 + query < rows && ownRow0 + fragmentRow(i) <= query0 + query;
        p[n][i] = seen ? exp2Approximate(p[n][i] * (scale * kLog2E) - lse2s[step % 2][query]) : 0.0F;
      }
    }
    addWeighted<kQueries, kDim>(dv, p, gradientTile);
    multiplyRows<kQueries, kDim>(ds, ownValues, gradientTile);
    SIMT_UNROLL
    for (int n = 0; n < kQueries / 8; ++n) {
      SIMT_UNROLL
      for (int i = 0; i < 4; ++i) {
        ds[n][i] = p[n][i] * (ds[n][i] - deltas[step % 2][n * 8 + fragmentColumn(i)]) * scale;
      }
    }
    addWeighted<kQueries, kDim>(dk, ds, queryTile);
  }
  __syncwarp();  // the warp's keys and values become the room for its outputs
  Bf16* const to = op.dqkv + (tile.row + ownRow0) * shape.ld + kvHead * shape.headDim;
  storeRows<kDim>(dk, {1.0F, 1.0F}, ownKeys, to + shape.kColumn, shape.ld, rows - ownRow0, shape.headDim);
  storeRows<kDim>(dv, {1.0F, 1.0F}, ownValues, to + shape.vColumn, shape.ld, rows - ownRow0, shape.headDim);
}

template <int kDim>
LaunchShape shapeOf(std::int32_t tiles, std::int32_t heads, void* stream) {
  return {.blocks = static_cast<unsigned>(tiles),
          .blocksY = static_cast<unsigned>(heads),
          .threads = kAttentionThreads,
          .sharedBytes = BackwardMemory<kDim>::kBytes,
          .stream = stream};
}

}  // namespace

void attention_backward(const AttentionBackward& op, void* stream) {
  if (op.queryTileCount == 0) return;
  const std::int64_t places = static_cast<std::int64_t>(op.rows) * op.shape.heads;
  launch("attention_delta", attention_delta_kernel,
         {.blocks = blocksFor(places, kAttentionWarps), .threads = kAttentionThreads, .stream = stream}, op);
  const bool known = withHeadDim(op.shape.headDim, [&](auto width) {
    constexpr int kDim = decltype(width)::value;
    launch("attention_dq", attention_dq_kernel<kDim>, shapeOf<kDim>(op.queryTileCount, op.shape.heads, stream), op);
    launch("attention_dkv", attention_dkv_kernel<kDim>, shapeOf<kDim>(op.keyTileCount, op.shape.kvHeads, stream), op);
  });
  if (!known) {
    throw std::invalid_argument("attention_backward: Expected headDim of 8, 16 .. 128, got " +
                                std::to_string(op.shape.headDim));
  }
}

}  // namespace loratwin::cuda
