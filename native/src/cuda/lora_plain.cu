#include "cuda/lora_plain.h"

#include "cuda/lora_dropout.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 128;

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
    lora_plain_xa_dyb_kernel(PlainLoraT<Store> op, const Store* in, std::int64_t ld) {
  const LoraSegmentT<Store>& segment = op.run.segments[blockIdx.y];
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
__global__ void __launch_bounds__(kThreads) lora_plain_sb_kernel(PlainLoraT<Store> op, Out* y, std::int64_t ldy) {
  const LoraSegmentT<Store>& segment = op.run.segments[blockIdx.y];
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
__global__ void __launch_bounds__(kThreads) lora_plain_dsa_kernel(PlainLoraT<Store> op, Out* dx, std::int64_t lddx) {
  const LoraSegmentT<Store>& first = op.run.segments[blockIdx.y];
  const std::int64_t row = first.rowStart + globalThread() / op.run.inFeatures;
  const std::int64_t k = globalThread() % op.run.inFeatures;
  if (row >= first.rowEnd) return;
  float total = 0.0F;
  for (std::int32_t p = 0; p < op.projections; ++p) {
    const LoraSegmentT<Store>& segment =
        op.run.segments[static_cast<std::int64_t>(p) * op.perProjection + static_cast<std::int64_t>(blockIdx.y)];
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
    lora_plain_dsx_dys_kernel(PlainLoraT<Store> op, const Store* in, std::int64_t ld) {
  const LoraSegmentT<Store>& segment = op.run.segments[blockIdx.y];
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

// Blocks for `elements` threads of each segment; false where there is nothing to do.
bool shapeFor(std::int64_t elements, std::int32_t segments, void* stream, LaunchShape& shape) {
  if (elements == 0 || segments == 0) return false;
  shape = {.blocks = blocksFor(elements, kThreads),
           .blocksY = static_cast<unsigned>(segments),
           .threads = kThreads,
           .stream = stream};
  return true;
}

}  // namespace

template <class Store>
void lora_plain_xa(const PlainLoraT<Store>& op, const Store* x, std::int64_t ldx, void* stream) {
  LaunchShape shape;
  if (!shapeFor(std::int64_t{op.maxRows} * op.maxRank, op.projections * op.perProjection, stream, shape)) return;
  launch("lora_plain_xa", lora_plain_xa_dyb_kernel<Store, false>, shape, op, x, ldx);
}

template <class Store>
void lora_plain_dyb(const PlainLoraT<Store>& op, const Store* dy, std::int64_t lddy, void* stream) {
  LaunchShape shape;
  if (!shapeFor(std::int64_t{op.maxRows} * op.maxRank, op.projections * op.perProjection, stream, shape)) return;
  launch("lora_plain_dyb", lora_plain_xa_dyb_kernel<Store, true>, shape, op, dy, lddy);
}

template <class Store, class Out>
void lora_plain_sb(const PlainLoraT<Store>& op, Out* y, std::int64_t ldy, void* stream) {
  LaunchShape shape;
  if (!shapeFor(std::int64_t{op.maxRows} * op.maxFeatures, op.projections * op.perProjection, stream, shape)) return;
  launch("lora_plain_sb", lora_plain_sb_kernel<Store, Out>, shape, op, y, ldy);
}

template <class Store, class Out>
void lora_plain_dsa(const PlainLoraT<Store>& op, Out* dx, std::int64_t lddx, void* stream) {
  LaunchShape shape;
  if (!shapeFor(std::int64_t{op.maxRows} * op.run.inFeatures, op.perProjection, stream, shape)) return;
  launch("lora_plain_dsa", lora_plain_dsa_kernel<Store, Out>, shape, op, dx, lddx);
}

template <class Store>
void lora_plain_dsx_dys(const PlainLoraT<Store>& op, const Store* x, std::int64_t ldx, const Store* dy,
                        std::int64_t lddy, void* stream) {
  const std::int32_t segments = op.projections * op.perProjection;
  LaunchShape shape;
  if (!shapeFor(std::int64_t{op.maxRank} * op.run.inFeatures, segments, stream, shape)) return;
  launch("lora_plain_dsx_dys", lora_plain_dsx_dys_kernel<Store, false>, shape, op, x, ldx);
  shapeFor(std::int64_t{op.maxRank} * op.maxFeatures, segments, stream, shape);
  launch("lora_plain_dsx_dys", lora_plain_dsx_dys_kernel<Store, true>, shape, op, dy, lddy);
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
