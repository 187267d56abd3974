#include <algorithm>
#include <stdexcept>

#include "cuda/attention.h"
#include "cuda/attention_tiles.h"

namespace loratwin::cuda {

namespace {

constexpr int kKeys = 64;  // of a step

template <int kDim>
struct ForwardMemory {
  static constexpr int kTile = Tile<kKeys, kDim>::kElements;
  static constexpr std::size_t kBytes = (Tile<kAttentionRows, kDim>::kElements + 4 * kTile) * sizeof(Bf16);
};

template <int kDim>
__global__ void __launch_bounds__(kAttentionThreads) attention_kernel(Attention op) {
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  using Memory = ForwardMemory<kDim>;
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
  const auto load = [&](int step) {
    Bf16* const stage = stages + step % 2 * 2 * Memory::kTile;
    const std::int64_t key = static_cast<std::int64_t>(step) * kKeys;
    copyTile<kKeys, kDim, kAttentionThreads>(stage, k + key * shape.ld, shape.ld, keys - key, shape.headDim);
    copyTile<kKeys, kDim, kAttentionThreads>(stage + Memory::kTile, v + key * shape.ld, shape.ld, keys - key,
                                             shape.headDim);
  };
  copyTile<kAttentionRows, kDim, kAttentionThreads>(queries, q, shape.ld, rows, shape.headDim);
  load(0);
  cpAsyncCommit();

  const float scale = kLog2E / sqrtf(static_cast<float>(shape.headDim));
  Bf16* const ownQueries = queries + warpOf() * 16 * Tile<kAttentionRows, kDim>::kStride;
  float out[kDim / 8][4];
  clear(out);
  float max[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0F, 0.0F};
  for (int step = 0; step < steps; ++step) {
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
      SIMT_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        SIMT_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          const bool seen = step * kKeys + n * 8 + fragmentColumn(i) <= query;
          scores[n][i] = seen ? scores[n][i] * scale : -INFINITY;
          tileMax = fmaxf(tileMax, scores[n][i]);
        }
      }
      tileMax = rowMax(tileMax);
      const float fade = exp2Approximate(max[half] - tileMax);
      max[half] = tileMax;
      sum[half] *= fade;
      SIMT_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        SIMT_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[n][i] = exp2Approximate(scores[n][i] - tileMax);
          sum[half] += scores[n][i];
        }
      }
      SIMT_UNROLL
      for (int n = 0; n < kDim / 8; ++n) {
        out[n][2 * half] *= fade;
        out[n][2 * half + 1] *= fade;
      }
    }
    addWeighted<kKeys, kDim>(out, scores, keyTile + Memory::kTile);
  }

  float factor[2];
  SIMT_UNROLL
  for (int half = 0; half < 2; ++half) {
    const float total = rowSum(sum[half]);
    factor[half] = 1.0F / total;
    const int row = warpOf() * 16 + fragmentRow(2 * half);
    if (laneOf() % 4 == 0 && row < rows) {
      op.lse[static_cast<std::int64_t>(tile.row + row) * shape.heads + head] = max[half] * kLn2 + logf(total);
    }
  }
  __syncwarp();  // the warp's queries become the room for its output
  Bf16* const to = op.out + static_cast<std::int64_t>(tile.row + warpOf() * 16) * shape.ldo + head * shape.headDim;
  storeRows<kDim>(out, factor, ownQueries, to, shape.ldo, rows - warpOf() * 16, shape.headDim);
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
  const bool known = withHeadDim(op.shape.headDim, [&](auto width) {
    constexpr int kDim = decltype(width)::value;
    launch("attention", attention_kernel<kDim>,
           {.blocks = static_cast<unsigned>(op.queryTileCount),
            .blocksY = static_cast<unsigned>(op.shape.heads),
            .threads = kAttentionThreads,
            .sharedBytes = ForwardMemory<kDim>::kBytes,
            .stream = stream},
           op);
  });
  if (!known)
    throw std::invalid_argument("attention: Expected headDim of 8, 16 .. 128, got " + std::to_string(op.shape.headDim));
}

}  // namespace loratwin::cuda
