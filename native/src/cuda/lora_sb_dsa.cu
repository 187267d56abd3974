// lora_sb, y += scale s B^T, and lora_dsa, dx += drop'(ds A): tiles of 64 rows by 128 or 64 features, a step or two
// along the rank.
#include "cuda/lora.h"
#include "cuda/lora_dropout.h"
#include "cuda/lora_places.h"
#include "cuda/rows.h"
#include "cuda/tile.h"

namespace loratwin::cuda {

namespace {

constexpr int kStages = 2;
constexpr int kStep = 32;
// The backward keeps two sums in registers, one projection's and the total.
template <bool kBackward>
constexpr int kFeatures = kBackward ? 64 : 128;
constexpr int kWarpsM = 2;
constexpr int kWarpsN = 2;
constexpr int kThreads = kWarpsM * kWarpsN * kWarp;

template <bool kBackward>
using FeaturesProduct = Product<kLoraRows, kFeatures<kBackward>, kStep, kWarpsM, kWarpsN, false, kBackward>;

// The sum as f32 rows in shared memory, so that what it is added to is read and written in whole pieces. With this
// padding the eight rows that a warp stores pairs of lie in different banks.
template <bool kBackward>
constexpr int kSumStride = kFeatures<kBackward> + 8;

template <bool kBackward>
constexpr std::size_t sharedBytes() {
  constexpr std::size_t kStagesBytes = kStages * FeaturesProduct<kBackward>::kStageElements * sizeof(Bf16);
  constexpr std::size_t kSumBytes = kLoraRows * kSumStride<kBackward> * sizeof(float);
  return kStagesBytes > kSumBytes ? kStagesBytes : kSumBytes;
}

template <bool kBackward>
SIMT_DEVICE void addProjection(FeaturesProduct<kBackward>& product, const LoraRun& run, const LoraSegment& segment,
                               std::int64_t row0, std::int64_t feature0, std::int64_t features, Bf16* shared) {
  using P = FeaturesProduct<kBackward>;
  const Bf16* const from = kBackward ? segment.ds : segment.s;
  addSteps<kStages>(
      product, shared, (segment.rank + kStep - 1) / kStep,
      [&](int step, Bf16* stage) {
        const std::int64_t rank = static_cast<std::int64_t>(step) * kStep;
        const std::int64_t ranks = segment.rank - rank;
        copyTile<kLoraRows, kStep, kThreads>(stage, from + row0 * segment.lds + rank, segment.lds,
                                             segment.rowEnd - row0, ranks);
        Bf16* const tileB = stage + P::TileA::kElements;
        if constexpr (kBackward) {
          copyTile<kStep, kFeatures<true>, kThreads>(tileB, segment.a + rank * run.lda + feature0, run.lda, ranks,
                                                     features);
        } else {
          const std::int64_t stride = ldb(segment.rank);
          copyTile<kFeatures<false>, kStep, kThreads>(tileB, segment.b + feature0 * stride + rank, stride, features,
                                                      ranks);
        }
      },
      [](int, Bf16*) {});
}

// to [rows, features] += the block's sum, which lies in shared memory
template <bool kBackward, class Out>
SIMT_DEVICE void addTo(Out* to, std::int64_t ld, std::int64_t rows, std::int64_t features, const float* sum) {
  forOwnPieces<kLoraRows, kFeatures<kBackward>, kThreads>([&](int row, int column) {
    if (row >= rows || column >= features) return;
    float old[kChunk];
    float added[kChunk];
    Out* const piece = to + row * ld + column;
    loadChunk(old, piece, features - column);
    loadChunk(added, sum + row * kSumStride<kBackward> + column, kChunk);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) old[i] += added[i];
    storeChunk(piece, old, features - column);
  });
}

template <bool kBackward>
SIMT_DEVICE void storePair(float* sum, int row, int column, float left, float right) {
  storeVector(sum + row * kSumStride<kBackward> + column, float2{left, right});
}

template <class Out>
SIMT_DEVICE void sbTile(const LoraRun& run, const LoraSegment& segment, std::int64_t row0, Out* y, std::int64_t ldy,
                        Bf16* shared) {
  const std::int64_t feature0 = static_cast<std::int64_t>(blockIdx.y) * kFeatures<false>;
  const std::int64_t features = segment.outFeatures - feature0;
  if (features <= 0) return;
  FeaturesProduct<false> product;
  product.clear();
  addProjection<false>(product, run, segment, row0, feature0, features, shared);
  float* const sum = reinterpret_cast<float*>(shared);
  product.forPairs([&](int row, int column, float left, float right) {
    storePair<false>(sum, row, column, segment.scale * left, segment.scale * right);
  });
  __syncthreads();
  addTo<false>(y + row0 * ldy + segment.column + feature0, ldy, segment.rowEnd - row0, features, sum);
}

template <class Out, bool kExperts>
__global__ void __launch_bounds__(kThreads)
    lora_sb_kernel(LoraRun run, const LoraTile* tiles, Out* y, std::int64_t ldy) {
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  if constexpr (kExperts) {
    const ExpertTile own = expertTile(run, tiles);
    if (own.row < own.segment.rowEnd) sbTile(run, own.segment, own.row, y, ldy, shared);
  } else {
    const LoraTile tile = tiles[blockIdx.x];
    sbTile(run, run.segments[tile.segment], tile.row, y, ldy, shared);
  }
}

// Of segment `index` of each projection. Each projection has a mask of its own, so each one's product is masked before
// it joins the sum.
template <bool kExperts, class Out>
SIMT_DEVICE void dsaTile(const LoraRun& run, std::int32_t index, std::int64_t expert, std::int64_t row0,
                         std::int64_t rows, std::int32_t projections, std::int32_t perProjection, Out* dx,
                         std::int64_t lddx, Bf16* shared) {
  using P = FeaturesProduct<true>;
  const std::int64_t feature0 = static_cast<std::int64_t>(blockIdx.y) * kFeatures<true>;
  const std::int64_t features = run.inFeatures - feature0;
  P total;
  total.clear();
  bool any = false;
  const auto addSegment = [&](const LoraSegment& segment) {
    if (segment.rank == 0) return;
    any = true;
    P product;
    product.clear();
    addProjection<true>(product, run, segment, row0, feature0, features, shared);
    SIMT_UNROLL
    for (int m = 0; m < P::kTilesM; ++m) {
      SIMT_UNROLL
      for (int half = 0; half < 2; ++half) {
        const std::int64_t row = product.row0() + m * 16 + fragmentRow(2 * half);
        ops::DropoutRow hash{};
        if (segment.dropThreshold != 0 && row < rows) hash = maskRow(run, segment, row0 + row);
        SIMT_UNROLL
        for (int n = 0; n < P::kTilesN; ++n) {
          SIMT_UNROLL
          for (int i = 2 * half; i < 2 * half + 2; ++i) {
            const std::int64_t column = feature0 + product.column0() + n * 8 + fragmentColumn(i);
            const bool keep = segment.dropThreshold == 0 || kept(segment, hash, column);
            if (keep) total.sum[m][n][i] += segment.keepScale * product.sum[m][n][i];
          }
        }
      }
    }
  };
  for (std::int32_t p = 0; p < projections; ++p) {
    const LoraSegment& segment = run.segments[p * perProjection + index];
    if constexpr (kExperts) {
      addSegment(atExpert(run, segment, expert));
    } else {
      addSegment(segment);
    }
  }
  if (!any) return;
  float* const sum = reinterpret_cast<float*>(shared);
  total.forPairs([&](int row, int column, float left, float right) { storePair<true>(sum, row, column, left, right); });
  __syncthreads();
  addTo<true>(dx + row0 * lddx + feature0, lddx, rows, features, sum);
}

template <class Out, bool kExperts>
__global__ void __launch_bounds__(kThreads)
    lora_dsa_kernel(LoraRun run, const LoraTile* tiles, std::int32_t projections, std::int32_t perProjection, Out* dx,
                    std::int64_t lddx) {
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  if constexpr (kExperts) {
    const ExpertTile own = expertTile(run, tiles);
    const std::int64_t rows = own.segment.rowEnd - own.row;
    if (rows <= 0) return;
    dsaTile<true>(run, own.index, own.expert, own.row, rows, projections, perProjection, dx, lddx, shared);
  } else {
    const LoraTile tile = tiles[blockIdx.x];
    const std::int64_t rows = run.segments[tile.segment].rowEnd - tile.row;
    dsaTile<false>(run, tile.segment, 0, tile.row, rows, projections, perProjection, dx, lddx, shared);
  }
}

template <bool kBackward>
LaunchShape shapeOf(const LoraRun& run, std::int32_t tileCount, std::int32_t features, void* stream) {
  return {.blocks = blocksOf(run, tileCount),
          .blocksY = blocksFor(features, kFeatures<kBackward>),
          .threads = kThreads,
          .sharedBytes = sharedBytes<kBackward>(),
          .stream = stream};
}

template <class Out>
void launchSb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t maxFeatures, Out* y,
              std::int64_t ldy, void* stream) {
  if (tileCount == 0 || maxFeatures == 0) return;
  const LaunchShape shape = shapeOf<false>(run, tileCount, maxFeatures, stream);
  if (run.places.experts == 0) {
    launch("lora_sb", lora_sb_kernel<Out, false>, shape, run, tiles, y, ldy);
  } else {
    launch("lora_sb", lora_sb_kernel<Out, true>, shape, run, tiles, y, ldy);
  }
}

template <class Out>
void launchDsa(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t projections,
               std::int32_t perProjection, Out* dx, std::int64_t lddx, void* stream) {
  if (tileCount == 0) return;
  const LaunchShape shape = shapeOf<true>(run, tileCount, run.inFeatures, stream);
  if (run.places.experts == 0) {
    launch("lora_dsa", lora_dsa_kernel<Out, false>, shape, run, tiles, projections, perProjection, dx, lddx);
  } else {
    launch("lora_dsa", lora_dsa_kernel<Out, true>, shape, run, tiles, projections, perProjection, dx, lddx);
  }
}

}  // namespace

void lora_sb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t maxFeatures, float* y,
             std::int64_t ldy, void* stream) {
  launchSb(run, tiles, tileCount, maxFeatures, y, ldy, stream);
}

void lora_sb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t maxFeatures, Bf16* y,
             std::int64_t ldy, void* stream) {
  launchSb(run, tiles, tileCount, maxFeatures, y, ldy, stream);
}

void lora_dsa(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t projections,
              std::int32_t perProjection, float* dx, std::int64_t lddx, void* stream) {
  launchDsa(run, tiles, tileCount, projections, perProjection, dx, lddx, stream);
}

void lora_dsa(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t projections,
              std::int32_t perProjection, Bf16* dx, std::int64_t lddx, void* stream) {
  launchDsa(run, tiles, tileCount, projections, perProjection, dx, lddx, stream);
}

}  // namespace loratwin::cuda
