#include "cuda/lora_plain.h"

#include "cuda/lora_dropout.h"
#include "cuda/lora_places.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 128;

// The index-th segment of run.segments, from a projection's on; of experts, where each segment comes once for each.
template <class Store>
SIMT_DEVICE LoraSegmentT<Store> segmentAt(const PlainLoraT<Store>& op, std::int64_t index,
                                          std::int64_t projection = 0) {
  const LoraSegmentT<Store>* const segments = op.run.segments + projection * op.perProjection;
  const std::int32_t experts = op.run.places.experts;
  return experts == 0 ? segments[index] : atExpert(op.run, segments[index / experts], index % experts);
}

SIMT_DEVICE std::int64_t ownIndex(std::int64_t first) { return first + static_cast<std::int64_t>(blockIdx.y); }

// x[row, column], or 0 where it is dropped; without the factor 1 / (1 - p).
template <class Store>
SIMT_DEVICE float keptValue(const LoraSegmentT<Store>& segment, ops::DropoutRow hash, Store x, std::int64_t column) {
  return segment.dropThreshold == 0 || kept(segment, hash, column) ? f32(x) : 0.0F;
}

template <class Store>
SIMT_DEVICE ops::DropoutRow maskOf(const LoraRunT<Store>& run, const LoraSegmentT<Store>& segment, std::int64_t row) {
  return segment.dropThreshold == 0 ? ops::DropoutRow{0, 0} : maskRow(run, segment, row);
}

// A thread an element of [rows of the segment, rank]: of s, or, backward, of ds.
template <class Store, bool kBackward>
__global__ void __launch_bounds__(kThreads)
    lora_plain_xa_dyb_kernel(PlainLoraT<Store> op, std::int64_t first, const Store* in, std::int64_t ld) {
  const LoraSegmentT<Store> segment = segmentAt(op, ownIndex(first));
  if (segment.rank == 0) return;
  const std::int64_t row = segment.rowStart + globalThread() / segment.rank;
  const std::int64_t rank = globalThread() % segment.rank;
  if (row >= segment.rowEnd) return;
  float sum = 0.0F;
  if constexpr (kBackward) {
    const Store* const dy = in + row * ld + segment.column;
    for (std::int64_t n = 0; n < segment.outFeatures; ++n) {
      sum += f32(dy[n]) * f32(segment.b[n * ldb(segment.rank) + rank]);
    }
    assign(segment.ds[row * segment.lds + rank], segment.scale * sum);
  } else {
    const ops::DropoutRow hash = maskOf(op.run, segment, row);
    const Store* const x = in + row * ld;
    const Store* const a = segment.a + rank * op.run.lda;
    for (std::int64_t k = 0; k < op.run.inFeatures; ++k) sum += keptValue(segment, hash, x[k], k) * f32(a[k]);
    assign(segment.s[row * segment.lds + rank], segment.keepScale * sum);
  }
}

template <class Store, class Out>
__global__ void __launch_bounds__(kThreads)
    lora_plain_sb_kernel(PlainLoraT<Store> op, std::int64_t first, Out* y, std::int64_t ldy) {
  const LoraSegmentT<Store> segment = segmentAt(op, ownIndex(first));
  if (segment.rank == 0) return;
  const std::int64_t row = segment.rowStart + globalThread() / segment.outFeatures;
  const std::int64_t n = globalThread() % segment.outFeatures;
  if (row >= segment.rowEnd) return;
  float sum = 0.0F;
  for (std::int64_t r = 0; r < segment.rank; ++r) {
    sum += f32(segment.s[row * segment.lds + r]) * f32(segment.b[n * ldb(segment.rank) + r]);
  }
  Out& to = y[row * ldy + segment.column + n];
  assign(to, f32(to) + segment.scale * sum);
}

template <class Store, class Out>
__global__ void __launch_bounds__(kThreads)
    lora_plain_dsa_kernel(PlainLoraT<Store> op, std::int64_t first, Out* dx, std::int64_t lddx) {
  const LoraSegmentT<Store> leading = segmentAt(op, ownIndex(first));
  const std::int64_t row = leading.rowStart + globalThread() / op.run.inFeatures;
  const std::int64_t k = globalThread() % op.run.inFeatures;
  if (row >= leading.rowEnd) return;
  float total = 0.0F;
  for (std::int32_t p = 0; p < op.projections; ++p) {
    const LoraSegmentT<Store> segment = segmentAt(op, ownIndex(first), p);
    if (segment.rank == 0) continue;
    if (segment.dropThreshold != 0 && !kept(segment, maskRow(op.run, segment, row), k)) continue;
    float sum = 0.0F;
    for (std::int64_t r = 0; r < segment.rank; ++r) {
      sum += f32(segment.ds[row * segment.lds + r]) * f32(segment.a[r * op.run.lda + k]);
    }
    total += segment.keepScale * sum;
  }
  Out& to = dx[row * lddx + k];
  assign(to, f32(to) + total);
}

// A thread an element of dA [rank, K], or of dB [N, rank].
template <class Store, bool kOfB>
__global__ void __launch_bounds__(kThreads)
    lora_plain_dsx_dys_kernel(PlainLoraT<Store> op, std::int64_t first, const Store* in, std::int64_t ld) {
  const LoraSegmentT<Store> segment = segmentAt(op, ownIndex(first));
  if (segment.rank == 0) return;
  float sum = 0.0F;
  if constexpr (kOfB) {
    const std::int64_t n = globalThread() / segment.rank;
    const std::int64_t r = globalThread() % segment.rank;
    if (n >= segment.outFeatures) return;
    for (std::int64_t row = segment.rowStart; row < segment.rowEnd; ++row) {
      sum += f32(in[row * ld + segment.column + n]) * f32(segment.s[row * segment.lds + r]);
    }
    segment.db[n * ldb(segment.rank) + r] += segment.scale * sum;
  } else {
    const std::int64_t r = globalThread() / op.run.inFeatures;
    const std::int64_t k = globalThread() % op.run.inFeatures;
    if (r >= segment.rank) return;
    for (std::int64_t row = segment.rowStart; row < segment.rowEnd; ++row) {
      const float x = keptValue(segment, maskOf(op.run, segment, row), in[row * ld + k], k);
      sum += x * f32(segment.ds[row * segment.lds + r]);
    }
    segment.da[r * op.run.lda + k] += segment.keepScale * sum;
  }
}

// A grid has at most so many blocks along y.
constexpr std::int64_t kMostBlocksY = 65535;

// start(first, shape) for launches that together have blocks for `elements` threads of each segment, and of each expert
// if there are any.
template <class Store, class Start>
void forSegments(const PlainLoraT<Store>& op, std::int64_t elements, std::int32_t projections, void* stream,
                 Start start) {
  const std::int64_t experts = op.run.places.experts == 0 ? 1 : op.run.places.experts;
  const std::int64_t count = std::int64_t{projections} * op.perProjection * experts;
  if (elements == 0) return;
  for (std::int64_t first = 0; first < count; first += kMostBlocksY) {
    const std::int64_t left = count - first;
    start(first, LaunchShape{.blocks = blocksFor(elements, kThreads),
                             .blocksY = static_cast<unsigned>(left < kMostBlocksY ? left : kMostBlocksY),
                             .threads = kThreads,
                             .stream = stream});
  }
}

}  // namespace

template <class Store>
void lora_plain_xa(const PlainLoraT<Store>& op, const Store* x, std::int64_t ldx, void* stream) {
  const std::int64_t elements = std::int64_t{op.maxRows} * op.maxRank;
  forSegments(op, elements, op.projections, stream, [&](std::int64_t first, const LaunchShape& shape) {
    launch("lora_plain_xa", lora_plain_xa_dyb_kernel<Store, false>, shape, op, first, x, ldx);
  });
}

template <class Store>
void lora_plain_dyb(const PlainLoraT<Store>& op, const Store* dy, std::int64_t lddy, void* stream) {
  const std::int64_t elements = std::int64_t{op.maxRows} * op.maxRank;
  forSegments(op, elements, op.projections, stream, [&](std::int64_t first, const LaunchShape& shape) {
    launch("lora_plain_dyb", lora_plain_xa_dyb_kernel<Store, true>, shape, op, first, dy, lddy);
  });
}

template <class Store, class Out>
void lora_plain_sb(const PlainLoraT<Store>& op, Out* y, std::int64_t ldy, void* stream) {
  const std::int64_t elements = std::int64_t{op.maxRows} * op.maxFeatures;
  forSegments(op, elements, op.projections, stream, [&](std::int64_t first, const LaunchShape& shape) {
    launch("lora_plain_sb", lora_plain_sb_kernel<Store, Out>, shape, op, first, y, ldy);
  });
}

template <class Store, class Out>
void lora_plain_dsa(const PlainLoraT<Store>& op, Out* dx, std::int64_t lddx, void* stream) {
  const std::int64_t elements = std::int64_t{op.maxRows} * op.run.inFeatures;
  forSegments(op, elements, 1, stream, [&](std::int64_t first, const LaunchShape& shape) {
    launch("lora_plain_dsa", lora_plain_dsa_kernel<Store, Out>, shape, op, first, dx, lddx);
  });
}

template <class Store>
void lora_plain_dsx_dys(const PlainLoraT<Store>& op, const Store* x, std::int64_t ldx, const Store* dy,
                        std::int64_t lddy, void* stream) {
  const std::int64_t ofA = std::int64_t{op.maxRank} * op.run.inFeatures;
  forSegments(op, ofA, op.projections, stream, [&](std::int64_t first, const LaunchShape& shape) {
    launch("lora_plain_dsx_dys", lora_plain_dsx_dys_kernel<Store, false>, shape, op, first, x, ldx);
  });
  const std::int64_t ofB = std::int64_t{op.maxRank} * op.maxFeatures;
  forSegments(op, ofB, op.projections, stream, [&](std::int64_t first, const LaunchShape& shape) {
    launch("lora_plain_dsx_dys", lora_plain_dsx_dys_kernel<Store, true>, shape, op, first, dy, lddy);
  });
}

#define LORATWIN_STORE(Store)                                                                                        \
  template void lora_plain_xa(const PlainLoraT<Store>&, const Store*, std::int64_t, void*);                          \
  template void lora_plain_dyb(const PlainLoraT<Store>&, const Store*, std::int64_t, void*);                         \
  template void lora_plain_dsx_dys(const PlainLoraT<Store>&, const Store*, std::int64_t, const Store*, std::int64_t, \
                                   void*);
#define LORATWIN_STORE_OUT(Store, Out)                                              \
  template void lora_plain_sb(const PlainLoraT<Store>&, Out*, std::int64_t, void*); \
  template void lora_plain_dsa(const PlainLoraT<Store>&, Out*, std::int64_t, void*);
LORATWIN_STORE(float)
LORATWIN_STORE(Bf16)
LORATWIN_STORE_OUT(float, float)
LORATWIN_STORE_OUT(Bf16, float)
LORATWIN_STORE_OUT(Bf16, Bf16)
#undef LORATWIN_STORE
#undef LORATWIN_STORE_OUT

}  // namespace loratwin::cuda
