#include <limits>

#include "cuda/attention.h"
#include "cuda/attention_tiles.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

// Rows of the other side that one step takes: what fits into the registers beside sums of that width.
template <class V>
constexpr int stepRows() {
  if (V::kDim > 128) return 16;
  return V::kDim > 64 || (V::kDim == 64 && V::kCapped) ? 32 : 64;
}

// Keys of a block of the kernel for dK and dV. Sums of 16 keys by more than 128 columns do not fit into a warp's
// registers: then as many warps as it takes share 16 keys and each has some of the columns.
template <int kDim>
constexpr int kBlockKeys = kDim > 128 ? 32 : kAttentionRows;

template <class V, int kOwnRows>
struct BackwardMemory {
  static constexpr int kOwn = Tile<kOwnRows, V::kDim>::kElements;        // of each of two tiles
  static constexpr int kStep = Tile<stepRows<V>(), V::kDim>::kElements;  // of each of two tiles in two stages
  static constexpr std::size_t kBytes = (2 * kOwn + 4 * kStep) * sizeof(Bf16);
  static_assert(kBytes <= kSharedLimit);
};

// The first key of a row that is no query.
constexpr int kNoKey = std::numeric_limits<int>::max();

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
template <class V>
__global__ void __launch_bounds__(kAttentionThreads) attention_dq_kernel(AttentionBackward op, float scale) {
  constexpr int kDim = V::kDim;
  constexpr int kKeys = stepRows<V>();
  using Memory = BackwardMemory<V, kAttentionRows>;
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
  const int firstStep = V::kLimited ? static_cast<int>(op.kind.firstKey(query0)) / kKeys : 0;
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
  load(firstStep);
  cpAsyncCommit();

  const float factor = V::kCapped ? scale / op.kind.softcap : scale * kLog2E;
  const float cap = op.kind.softcap * kLog2E;
  const int ownRow0 = warpOf() * 16;
  Bf16* const ownQueries = queries + ownRow0 * Tile<kAttentionRows, kDim>::kStride;
  const Bf16* const ownGradients = gradients + ownRow0 * Tile<kAttentionRows, kDim>::kStride;
  float lse2[2] = {};
  float delta[2] = {};
  int first[2] = {kNoKey, kNoKey};  // of the keys that a query sees
  SIMT_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = ownRow0 + fragmentRow(2 * half);
    if (row >= rows) continue;
    const std::int64_t at = static_cast<std::int64_t>(tile.row + row) * shape.heads + head;
    lse2[half] = op.lse[at] * kLog2E;
    delta[half] = op.delta[at];
    if constexpr (V::kLimited) first[half] = static_cast<int>(op.kind.firstKey(query0 + row));
  }
  float dq[kDim / 8][4];
  clear(dq);
  for (int step = firstStep; step < steps; ++step) {
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
        const int key = step * kKeys + n * 8 + fragmentColumn(i);
        const bool seen = (V::kLimited ? key >= first[i / 2] : row < rows) && key <= query0 + row;
        float slope = scale;
        const float exponent = exponentOf<V::kCapped>(scores[n][i], factor, cap, slope);
        const float p = seen ? exp2Approximate(exponent - lse2[i / 2]) : 0.0F;
        ds[n][i] = p * (ds[n][i] - delta[i / 2]) * slope;
      }
    }
    addWeighted<kKeys, kDim, kDim>(dq, ds, keyTile);
  }
  __syncwarp();  // the warp's queries become the room for its output
  Bf16* const to = op.dqkv + (tile.row + ownRow0) * shape.ld + shape.qColumn + head * shape.headDim;
  storeRows<kDim, kDim>(dq, {1.0F, 1.0F}, ownQueries, to, shape.ld, rows - ownRow0, shape.headDim);
}

// dK and dV: a block has kBlockKeys keys of one kv head and goes through its query heads in order, and for each through
// the queries from those keys on. Scores are transposed: a warp has 16 keys, so that P^T and dS^T are fragments
// already. Two blocks a multiprocessor: asked for more, the compiler spills.
template <class V>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_dkv_kernel(AttentionBackward op, float scale) {
  constexpr int kDim = V::kDim;
  constexpr int kQueries = stepRows<V>();
  constexpr int kKeys = kBlockKeys<kDim>;
  constexpr int kWarpsOfKeys = kKeys / 16;
  constexpr int kWidth = kDim / (kAttentionWarps / kWarpsOfKeys);  // of a warp's sums
  using Memory = BackwardMemory<V, kKeys>;
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  SIMT_SHARED(float, lse2s, [2][kQueries]);
  SIMT_SHARED(float, deltas, [2][kQueries]);
  Bf16* const keys = shared;
  Bf16* const values = shared + Memory::kOwn;
  Bf16* const stages = shared + 2 * Memory::kOwn;
  const AttentionHeads& shape = op.shape;
  constexpr int kBlocks = kAttentionRows / kKeys;  // of a tile
  AttentionTile tile = op.keyTiles[static_cast<int>(blockIdx.x) / kBlocks];
  if constexpr (kBlocks > 1) {
    tile.row += static_cast<int>(blockIdx.x) % kBlocks * kKeys;
    if (tile.row >= tile.sequenceEnd) return;
  }
  const int kvHead = static_cast<int>(blockIdx.y);
  const int group = shape.heads / shape.kvHeads;
  const int rows = tile.sequenceEnd - tile.row;  // keys from the tile's first on; and queries
  const int key0 = tile.row - tile.sequenceStart;
  int queries = rows;  // up to the last one that sees a key of the block
  if constexpr (V::kLimited) queries = static_cast<int>(op.kind.lastQuery(key0 + kKeys - 1, key0 + rows)) + 1 - key0;
  const int stepsOfHead = (queries + kQueries - 1) / kQueries;
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
  copyTile<kKeys, kDim, kAttentionThreads>(keys, op.qkv + tile.row * shape.ld + shape.kColumn + kvHead * shape.headDim,
                                           shape.ld, rows, shape.headDim);
  copyTile<kKeys, kDim, kAttentionThreads>(
      values, op.qkv + tile.row * shape.ld + shape.vColumn + kvHead * shape.headDim, shape.ld, rows, shape.headDim);
  load(0);
  cpAsyncCommit();

  const float factor = V::kCapped ? scale / op.kind.softcap : scale * kLog2E;
  const float cap = op.kind.softcap * kLog2E;
  const int ownRow0 = (kWarpsOfKeys == kAttentionWarps ? warpOf() : warpOf() % kWarpsOfKeys) * 16;
  const int ownColumn0 = kWidth == kDim ? 0 : warpOf() / kWarpsOfKeys * kWidth;
  Bf16* const ownKeys = keys + ownRow0 * Tile<kKeys, kDim>::kStride;
  Bf16* const ownValues = values + ownRow0 * Tile<kKeys, kDim>::kStride;
  int last[2] = {};  // of the queries that see a key
  if constexpr (V::kLimited) {
    SIMT_UNROLL
    for (int half = 0; half < 2; ++half) {
      last[half] = static_cast<int>(op.kind.lastQuery(key0 + ownRow0 + fragmentRow(2 * half), key0 + rows)) - key0;
    }
  }
  float dk[kWidth / 8][4];
  float dv[kWidth / 8][4];
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
    if constexpr (V::kCapped) multiplyRows<kQueries, kDim>(ds, ownValues, gradientTile);
    SIMT_UNROLL
    for (int n = 0; n < kQueries / 8; ++n) {
      SIMT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int query = n * 8 + fragmentColumn(i);
        const bool seen = (V::kLimited ? query0 + query <= last[i / 2] : query0 + query < rows) &&
                          ownRow0 + fragmentRow(i) <= query0 + query;
        float slope = scale;
        const float exponent = exponentOf<V::kCapped>(p[n][i], factor, cap, slope);
        p[n][i] = seen ? exp2Approximate(exponent - lse2s[step % 2][query]) : 0.0F;
        if constexpr (V::kCapped) ds[n][i] = p[n][i] * (ds[n][i] - deltas[step % 2][query]) * slope;
      }
    }
    addWeighted<kQueries, kDim, kWidth>(dv, p, gradientTile + ownColumn0);
    if constexpr (!V::kCapped) {
      multiplyRows<kQueries, kDim>(ds, ownValues, gradientTile);
      SIMT_UNROLL
      for (int n = 0; n < kQueries / 8; ++n) {
        SIMT_UNROLL
        for (int i = 0; i < 4; ++i) {
          ds[n][i] = p[n][i] * (ds[n][i] - deltas[step % 2][n * 8 + fragmentColumn(i)]) * scale;
        }
      }
    }
    addWeighted<kQueries, kDim, kWidth>(dk, ds, queryTile + ownColumn0);
  }
  // The keys and values become the room for the outputs of the warps that have them.
  if constexpr (kWidth == kDim) {
    __syncwarp();
  } else {
    __syncthreads();
  }
  Bf16* const to = op.dqkv + (tile.row + ownRow0) * shape.ld + kvHead * shape.headDim + ownColumn0;
  const std::int64_t storedRows = rows - ownRow0;
  const int columns = shape.headDim - ownColumn0;
  storeRows<kDim, kWidth>(dk, {1.0F, 1.0F}, ownKeys + ownColumn0, to + shape.kColumn, shape.ld, storedRows, columns);
  storeRows<kDim, kWidth>(dv, {1.0F, 1.0F}, ownValues + ownColumn0, to + shape.vColumn, shape.ld, storedRows, columns);
}

LaunchShape shapeOf(std::int32_t blocks, std::int32_t heads, std::size_t sharedBytes, void* stream) {
  return {.blocks = static_cast<unsigned>(blocks),
          .blocksY = static_cast<unsigned>(heads),
          .threads = kAttentionThreads,
          .sharedBytes = sharedBytes,
          .stream = stream};
}

}  // namespace

void attention_backward(const AttentionBackward& op, void* stream) {
  if (op.queryTileCount == 0) return;
  const std::int64_t places = static_cast<std::int64_t>(op.rows) * op.shape.heads;
  launch("attention_delta", attention_delta_kernel,
         {.blocks = blocksFor(places, kAttentionWarps), .threads = kAttentionThreads, .stream = stream}, op);
  const float scale = scaleIn(1.0F, op.kind, op.shape.headDim);
  withVariant("attention_backward", op.shape.headDim, op.kind, false, [&](auto variant) {
    using V = decltype(variant);
    constexpr int kKeys = kBlockKeys<V::kDim>;
    launch("attention_dq", attention_dq_kernel<V>,
           shapeOf(op.queryTileCount, op.shape.heads, BackwardMemory<V, kAttentionRows>::kBytes, stream), op, scale);
    launch(
        "attention_dkv", attention_dkv_kernel<V>,
        shapeOf(op.keyTileCount * (kAttentionRows / kKeys), op.shape.kvHeads, BackwardMemory<V, kKeys>::kBytes, stream),
        op, scale);
  });
}

}  // namespace loratwin::cuda
