// lora_xa, s = drop(x) A^T, and lora_dyb, ds = scale dy B: a tile of rows against all of an adapter's rank, 64 wide
// steps along the features.
#include "cuda/lora.h"
#include "cuda/lora_dropout.h"
#include "cuda/lora_places.h"
#include "cuda/rows.h"
#include "cuda/tile.h"

namespace loratwin::cuda {

namespace {

constexpr int kStages = 3;
constexpr int kStep = 64;
constexpr int kMaxRanks = 64;  // of a tile; larger ranks take turns
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;

template <int kRanks, bool kBackward>
using RanksProduct = Product<kLoraRows, kRanks, kStep, kWarps, 1, false, kBackward>;

// `from` [T, features] with leading dimension ld, its column 0 the first of the projection.
template <int kRanks, bool kBackward>
SIMT_DEVICE void ranksTile(const LoraRun& run, const LoraSegment& segment, std::int64_t row0, const Bf16* from,
                           std::int64_t ld, int rank0, Bf16* shared) {
  using P = RanksProduct<kRanks, kBackward>;
  const std::int64_t rows = segment.rowEnd - row0;
  const std::int64_t ranks = segment.rank - rank0;
  const std::int64_t features = kBackward ? segment.outFeatures : run.inFeatures;
  P product;
  product.clear();
  addSteps<kStages>(
      product, shared, static_cast<int>((features + kStep - 1) / kStep),
      [&](int step, Bf16* stage) {
        const std::int64_t feature = static_cast<std::int64_t>(step) * kStep;
        copyTile<kLoraRows, kStep, kThreads>(stage, from + row0 * ld + feature, ld, rows, features - feature);
        Bf16* const tileB = stage + P::TileA::kElements;
        if constexpr (kBackward) {
          const std::int64_t stride = ldb(segment.rank);
          copyTile<kStep, kRanks, kThreads>(tileB, segment.b + feature * stride + rank0, stride, features - feature,
                                            ranks);
        } else {
          copyTile<kRanks, kStep, kThreads>(tileB, segment.a + static_cast<std::int64_t>(rank0) * run.lda + feature,
                                            run.lda, ranks, features - feature);
        }
      },
      [&](int step, Bf16* stage) {
        if constexpr (!kBackward) {
          dropTile<kLoraRows, kStep, kThreads>(stage, run, segment, row0, rows,
                                               static_cast<std::int64_t>(step) * kStep);
        }
      });
  const float factor = kBackward ? segment.scale : segment.keepScale;
  Bf16* const to = (kBackward ? segment.ds : segment.s) + row0 * segment.lds + rank0;
  product.forPairs([&](int row, int rank, float left, float right) {
    if (row >= rows || rank >= ranks) return;
    Bf16* const pair = to + static_cast<std::int64_t>(row) * segment.lds + rank;
    if (rank + 1 < ranks) {
      storeVector(pair, packBf16(factor * left, factor * right));
    } else {
      *pair = bf16(factor * left);
    }
  });
}

template <bool kBackward>
SIMT_DEVICE void rowsTile(const LoraRun& run, const LoraSegment& segment, std::int64_t row, const Bf16* from,
                          std::int64_t ld, Bf16* shared) {
  if constexpr (kBackward) from += segment.column;
  if (segment.rank <= 16) {
    ranksTile<16, kBackward>(run, segment, row, from, ld, 0, shared);
  } else if (segment.rank <= 32) {
    ranksTile<32, kBackward>(run, segment, row, from, ld, 0, shared);
  } else {
    for (int rank0 = 0; rank0 < segment.rank; rank0 += kMaxRanks) {
      ranksTile<kMaxRanks, kBackward>(run, segment, row, from, ld, rank0, shared);
    }
  }
}

template <bool kBackward, bool kExperts>
__global__ void __launch_bounds__(kThreads)
    lora_xa_dyb_kernel(LoraRun run, const LoraTile* tiles, const Bf16* from, std::int64_t ld) {
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  if constexpr (kExperts) {
    const ExpertTile own = expertTile(run, tiles);
    if (own.row < own.segment.rowEnd) rowsTile<kBackward>(run, own.segment, own.row, from, ld, shared);
  } else {
    const LoraTile tile = tiles[blockIdx.x];
    rowsTile<kBackward>(run, run.segments[tile.segment], tile.row, from, ld, shared);
  }
}

template <bool kBackward>
void launchRanks(const char* name, const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, const Bf16* from,
                 std::int64_t ld, void* stream) {
  if (tileCount == 0) return;
  constexpr std::size_t kSharedBytes = kStages * RanksProduct<kMaxRanks, kBackward>::kStageElements * sizeof(Bf16);
  const LaunchShape shape{
      .blocks = blocksOf(run, tileCount), .threads = kThreads, .sharedBytes = kSharedBytes, .stream = stream};
  if (run.places.experts == 0) {
    launch(name, lora_xa_dyb_kernel<kBackward, false>, shape, run, tiles, from, ld);
  } else {
    launch(name, lora_xa_dyb_kernel<kBackward, true>, shape, run, tiles, from, ld);
  }
}

}  // namespace

void lora_xa(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, const Bf16* x, std::int64_t ldx,
             void* stream) {
  launchRanks<false>("lora_xa", run, tiles, tileCount, x, ldx, stream);
}

void lora_dyb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, const Bf16* dy, std::int64_t lddy,
              void* stream) {
  launchRanks<true>("lora_dyb", run, tiles, tileCount, dy, lddy, stream);
}

}  // namespace loratwin::cuda
