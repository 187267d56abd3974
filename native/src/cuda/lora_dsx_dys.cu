// lora_dsx, dA += ds^T drop(x), and lora_dys, dB += scale dy^T s, as one product: features by ranks, summed over rows.
// Rows are cut into parts of kGradientRows whose sums go to a scratch and are added in order, so that the result has
// one order however many blocks run. Over places of experts there is one part, added at once.
#include "cuda/lora.h"
#include "cuda/lora_dropout.h"
#include "cuda/lora_places.h"
#include "cuda/rows.h"
#include "cuda/tile.h"

namespace loratwin::cuda {

namespace {

constexpr int kStages = 3;
constexpr int kStep = 32;
constexpr int kFeatures = 64;
constexpr int kMaxRanks = 64;  // of a tile; larger ranks take turns
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kSumThreads = 256;

template <int kRanks>
using GradientProduct = Product<kFeatures, kRanks, kStep, kWarps, 1, true, true>;

// A matrix of rows by features or by ranks, as the sum over rows reads it.
struct Operand {
  const Bf16* data;
  std::int64_t ld;
  std::int64_t columns;  // left from `data` on
};

// `partial` is overwritten, or with kAdds added to.
template <int kRanks, bool kAdds>
SIMT_DEVICE void gradientTile(const LoraRun& run, const LoraSegment& segment, const LoraGradientTile& tile,
                              std::int64_t feature0, int rank0, Operand wide, Operand narrow, float* partial,
                              Bf16* shared) {
  using P = GradientProduct<kRanks>;
  P product;
  product.clear();
  addSteps<kStages>(
      product, shared, (tile.rowEnd - tile.rowStart + kStep - 1) / kStep,
      [&](int step, Bf16* stage) {
        const std::int64_t row = tile.rowStart + static_cast<std::int64_t>(step) * kStep;
        const std::int64_t rows = tile.rowEnd - row;
        copyTile<kStep, kFeatures, kThreads>(stage, wide.data + row * wide.ld, wide.ld, rows, wide.columns);
        copyTile<kStep, kRanks, kThreads>(stage + P::TileA::kElements, narrow.data + row * narrow.ld + rank0, narrow.ld,
                                          rows, narrow.columns - rank0);
      },
      [&](int step, Bf16* stage) {
        if (tile.ofB) return;
        const std::int64_t row = tile.rowStart + static_cast<std::int64_t>(step) * kStep;
        dropTile<kStep, kFeatures, kThreads>(stage, run, segment, row, tile.rowEnd - row, feature0);
      });
  const float factor = tile.ofB ? segment.scale : segment.keepScale;
  const std::int64_t featureStride = tile.ofB ? ldb(segment.rank) : 1;
  const std::int64_t rankStride = tile.ofB ? 1 : run.lda;
  product.forPairs([&](int feature, int rank, float left, float right) {
    if (feature >= wide.columns) return;
    float* const to = partial + (feature0 + feature) * featureStride + (rank0 + rank) * rankStride;
    if (rank0 + rank < segment.rank) to[0] = kAdds ? to[0] + factor * left : factor * left;
    if (rank0 + rank + 1 < segment.rank) to[rankStride] = kAdds ? to[rankStride] + factor * right : factor * right;
  });
}

template <bool kAdds>
SIMT_DEVICE void addRows(const LoraRun& run, const LoraGradient& op, const LoraSegment& segment,
                         const LoraGradientTile& tile, float* partial, Bf16* shared) {
  const std::int64_t feature0 = static_cast<std::int64_t>(blockIdx.y) * kFeatures;
  const std::int64_t features = (tile.ofB ? segment.outFeatures : run.inFeatures) - feature0;
  if (features <= 0) return;
  const Operand wide = tile.ofB ? Operand{op.dy + segment.column + feature0, op.lddy, features}
                                : Operand{op.x + feature0, op.ldx, features};
  const Operand narrow{tile.ofB ? segment.s : segment.ds, segment.lds, segment.rank};
  // A segment at an expert is in registers too.
  constexpr int kMost = kAdds ? kMaxRanks / 2 : kMaxRanks;
  if (segment.rank <= 16) {
    gradientTile<16, kAdds>(run, segment, tile, feature0, 0, wide, narrow, partial, shared);
  } else if (segment.rank <= 32) {
    gradientTile<32, kAdds>(run, segment, tile, feature0, 0, wide, narrow, partial, shared);
  } else {
    for (int rank0 = 0; rank0 < segment.rank; rank0 += kMost) {
      gradientTile<kMost, kAdds>(run, segment, tile, feature0, rank0, wide, narrow, partial, shared);
    }
  }
}

__global__ void __launch_bounds__(kThreads) lora_dsx_dys_kernel(LoraRun run, LoraGradient op) {
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  const LoraGradientTile tile = op.tiles[blockIdx.x];
  addRows<false>(run, op, run.segments[tile.segment], tile, op.scratch + tile.partial, shared);
}

__global__ void __launch_bounds__(kThreads) lora_dsx_dys_places_kernel(LoraRun run, LoraGradient op) {
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  LoraGradientTile tile = op.tiles[static_cast<std::int32_t>(blockIdx.x) / run.places.experts];
  const std::int64_t expert = static_cast<std::int32_t>(blockIdx.x) % run.places.experts;
  const LoraSegment segment = atExpert(run, run.segments[tile.segment], expert);
  if (segment.rowStart == segment.rowEnd) return;
  tile.rowStart = segment.rowStart;
  tile.rowEnd = segment.rowEnd;
  addRows<true>(run, op, segment, tile, tile.ofB ? segment.db : segment.da, shared);
}

__global__ void __launch_bounds__(kSumThreads) lora_dsx_dys_sum_kernel(LoraGradient op) {
  const LoraGradientSum sum = op.sums[blockIdx.y];
  const std::int64_t elements = static_cast<std::int64_t>(sum.rows) * sum.stride;
  const std::int64_t first = globalThread() * kChunk;
  if (first >= elements) return;
  const std::int64_t columns = sum.columns - first % sum.stride;  // strides are multiples of a chunk
  if (columns <= 0) return;
  float total[kChunk];
  loadChunk(total, sum.gradient + first, columns);
  for (std::int32_t part = 0; part < sum.parts; ++part) {
    float values[kChunk];
    loadChunk(values, op.scratch + sum.partial + part * elements + first, columns);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) total[i] += values[i];
  }
  storeChunk(sum.gradient + first, total, columns);
}

}  // namespace

void lora_dsx_dys(const LoraRun& run, const LoraGradient& op, void* stream) {
  if (op.tileCount == 0) return;
  const LaunchShape shape{.blocks = blocksOf(run, op.tileCount),
                          .blocksY = blocksFor(op.maxFeatures, kFeatures),
                          .threads = kThreads,
                          .sharedBytes = kStages * GradientProduct<kMaxRanks>::kStageElements * sizeof(Bf16),
                          .stream = stream};
  if (run.places.experts != 0) {
    launch("lora_dsx_dys", lora_dsx_dys_places_kernel, shape, run, op);
    return;
  }
  launch("lora_dsx_dys", lora_dsx_dys_kernel, shape, run, op);
  launch("lora_dsx_dys", lora_dsx_dys_sum_kernel,
         {.blocks = blocksFor(chunksOf(op.maxElements), kSumThreads),
          .blocksY = static_cast<unsigned>(op.sumCount),
          .threads = kSumThreads,
          .stream = stream},
         op);
}

}  // namespace loratwin::cuda
