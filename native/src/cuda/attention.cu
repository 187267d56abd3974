#include <algorithm>

#include "cuda/attention.h"
#include "cuda/attention_tiles.h"

namespace loratwin::cuda {

namespace {

// Keys of a step: what fits into shared memory.
template <int kDim>
constexpr int kStepKeys = kDim > 128 ? 32 : 64;

template <int kDim>
struct ForwardMemory {
  static constexpr int kTile = Tile<kStepKeys<kDim>, kDim>::kElements;
  static constexpr std::size_t kBytes = (Tile<kAttentionRows, kDim>::kElements + 4 * kTile) * sizeof(Bf16);
  static_assert(kBytes <= kSharedLimit);
};

template <class V>
__global__ void __launch_bounds__(kAttentionThreads) attention_kernel(Attention op, float factor) {
  constexpr int kDim = V::kDim;
  constexpr int kKeys = kStepKeys<kDim>;
  using Memory = ForwardMemory<kDim>;
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  Bf16* const queries = shared;
  Bf16* const stages = shared + Tile<kAttentionRows, kDim>::kElements;
  const AttentionHeads& shape = op.shape;
  const AttentionTile tile = op.queryTiles[blockIdx.x];
  const int head = static_cast<int>(blockIdx.y);
  const int kvHead = head / (shape.heads / shape.kvHeads);
  const Bf16* const q = op.qkv + tile.row * shape.ld + shape.qColumn + head * shape.headDim;
  const Bf16* const k = op.qkv + tile.sequenceStart * shape.ld + shape.kColumn + kvHead * shape.headDim;
  const Bf16* const v = op.qkv + tile.sequenceStart * shape.ld + shape.vColumn + kvHead * shape.headDim;
  const int rows = tile.sequenceEnd - tile.row;
  const int query0 = tile.row - tile.sequenceStart;  // in the sequence
  const int keys = query0 + (rows < kAttentionRows ? rows : kAttentionRows);
  const int steps = (keys + kKeys - 1) / kKeys;
  const int firstStep = V::kLimited ? static_cast<int>(op.kind.firstKey(query0)) / kKeys : 0;
  const auto load = [&](int step) {
    Bf16* const stage = stages + step % 2 * 2 * Memory::kTile;
    const std::int64_t key = static_cast<std::int64_t>(step) * kKeys;
    copyTile<kKeys, kDim, kAttentionThreads>(stage, k + key * shape.ld, shape.ld, keys - key, shape.headDim);
    copyTile<kKeys, kDim, kAttentionThreads>(stage + Memory::kTile, v + key * shape.ld, shape.ld, keys - key,
                                             shape.headDim);
  };
  copyTile<kAttentionRows, kDim, kAttentionThreads>(queries, q, shape.ld, rows, shape.headDim);
  load(firstStep);
  cpAsyncCommit();

  const float cap = op.kind.softcap * kLog2E;
  Bf16* const ownQueries = queries + warpOf() * 16 * Tile<kAttentionRows, kDim>::kStride;
  float out[kDim / 8][4];
  clear(out);
  float max[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0F, 0.0F};
  int first[2] = {};  // of the keys that a query sees
  if constexpr (V::kLimited) {
    SIMT_UNROLL
    for (int half = 0; half < 2; ++half) {
      first[half] = static_cast<int>(op.kind.firstKey(query0 + warpOf() * 16 + fragmentRow(2 * half)));
    }
  }
  for (int step = firstStep; step < steps; ++step) {
    cpAsyncWait<0>();
    __syncthreads();
    if (step + 1 < steps) load(step + 1);
    cpAsyncCommit();
    const Bf16* const keyTile = stages + step % 2 * 2 * Memory::kTile;
    float scores[kKeys / 8][4];
    multiplyRows<kKeys, kDim>(scores, ownQueries, keyTile);
    SIMT_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int query = query0 + warpOf() * 16 + fragmentRow(2 * half);
      float tileMax = max[half];
      float slope = 0.0F;  // unused
      SIMT_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        SIMT_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          bool seen = step * kKeys + n * 8 + fragmentColumn(i) <= query;
          if constexpr (V::kLimited) seen = seen && step * kKeys + n * 8 + fragmentColumn(i) >= first[half];
          scores[n][i] = seen ? exponentOf<V::kCapped>(scores[n][i], factor, cap, slope) : -INFINITY;
          tileMax = fmaxf(tileMax, scores[n][i]);
        }
      }
      tileMax = rowMax(tileMax);
      // A query may see none of the first steps' keys.
      const float base = V::kLimited && tileMax == -INFINITY ? 0.0F : tileMax;
      const float fade = exp2Approximate(max[half] - base);
      max[half] = tileMax;
      sum[half] *= fade;
      SIMT_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        SIMT_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[n][i] = exp2Approximate(scores[n][i] - base);
          sum[half] += scores[n][i];
        }
      }
      SIMT_UNROLL
      for (int n = 0; n < kDim / 8; ++n) {
        out[n][2 * half] *= fade;
        out[n][2 * half + 1] *= fade;
      }
    }
    addWeighted<kKeys, kDim, kDim>(out, scores, keyTile + Memory::kTile);
  }

  float share[2];
  SIMT_UNROLL
  for (int half = 0; half < 2; ++half) {
    float total = rowSum(sum[half]);
    float fade = 1.0F;
    if (V::kLimited && op.sinks != nullptr) {
      const float sink = op.sinks[head] * kLog2E;
      const float base = fmaxf(max[half], sink);
      fade = exp2Approximate(max[half] - base);
      total = total * fade + exp2Approximate(sink - base);
      max[half] = base;
    }
    share[half] = fade / total;
    const int row = warpOf() * 16 + fragmentRow(2 * half);
    if (laneOf() % 4 == 0 && row < rows) {
      op.lse[static_cast<std::int64_t>(tile.row + row) * shape.heads + head] = max[half] * kLn2 + logf(total);
    }
  }
  __syncwarp();  // the warp's queries become the room for its output
  Bf16* const to = op.out + static_cast<std::int64_t>(tile.row + warpOf() * 16) * shape.ldo + head * shape.headDim;
  storeRows<kDim, kDim>(out, share, ownQueries, to, shape.ldo, rows - warpOf() * 16, shape.headDim);
}

std::vector<AttentionTile> tilesOf(const std::int32_t* offsets, std::int32_t count) {
  std::vector<AttentionTile> tiles;
  for (std::int32_t i = 0; i < count; ++i) {
    for (std::int32_t row = offsets[i]; row < offsets[i + 1]; row += kAttentionRows) {
      tiles.push_back({offsets[i], offsets[i + 1], row});
    }
  }
  return tiles;
}

}  // namespace

std::vector<AttentionTile> attentionQueryTiles(const std::int32_t* offsets, std::int32_t count) {
  std::vector<AttentionTile> tiles = tilesOf(offsets, count);
  std::stable_sort(tiles.begin(), tiles.end(), [](const AttentionTile& a, const AttentionTile& b) {
    return a.row - a.sequenceStart > b.row - b.sequenceStart;
  });
  return tiles;
}

std::vector<AttentionTile> attentionKeyTiles(const std::int32_t* offsets, std::int32_t count) {
  std::vector<AttentionTile> tiles = tilesOf(offsets, count);
  std::stable_sort(tiles.begin(), tiles.end(), [](const AttentionTile& a, const AttentionTile& b) {
    return a.sequenceEnd - a.row > b.sequenceEnd - b.row;
  });
  return tiles;
}

void attention(const Attention& op, void* stream) {
  if (op.queryTileCount == 0) return;
  withVariant("attention", op.shape.headDim, op.kind, op.sinks != nullptr, [&](auto variant) {
    using V = decltype(variant);
    launch("attention", attention_kernel<V>,
           {.blocks = static_cast<unsigned>(op.queryTileCount),
            .blocksY = static_cast<unsigned>(op.shape.heads),
            .threads = kAttentionThreads,
            .sharedBytes = ForwardMemory<V::kDim>::kBytes,
            .stream = stream},
           op, scaleIn(V::kCapped ? 1.0F / op.kind.softcap : kLog2E, op.kind, op.shape.headDim));
  });
}

}  // namespace loratwin::cuda
