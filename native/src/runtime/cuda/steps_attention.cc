#include "cuda/attention.h"
#include "cuda/attention_plain.h"
#include "cuda/cached_attention.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/steps.h"
#include "runtime/steps/attention.h"

namespace loratwin {

namespace {

cuda::AttentionHeads headsOf(const HeadColumns& c, std::int64_t ld, std::int64_t ldo) {
  return {ld, c.q, c.k, c.v, ldo, c.heads, c.kvHeads, c.headDim};
}

template <class AnyFields>
const float* sinksOf(const AnyFields& f) {
  return f.sinks != nullptr ? reinterpret_cast<const float*>(f.sinks->values.data()) : nullptr;
}

// Whether the tensor core kernels take it.
bool inTiles(ops::DType dtype, const cuda::AttentionHeads& shape) {
  return dtype == ops::DType::bfloat16 && shape.headDim <= cuda::kMaxAttentionHeadDim && aligned(shape.headDim) &&
         aligned(shape.ld) && aligned(shape.ldo) && aligned(shape.qColumn) && aligned(shape.kColumn) &&
         aligned(shape.vColumn);
}

struct Attention final : CudaStep {
  explicit Attention(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const cuda::AttentionHeads shape = headsOf(f.columns, f.ld, f.ldo);
    if (inTiles(f.dtype, shape)) {
      const CudaRun::Tiles queries = r.queryTiles();
      const cuda::Attention op{queries.tiles,          queries.count, shape,  r.at<ops::Bf16>(f.qkv),
                               r.at<ops::Bf16>(f.out), r.at(f.lse),   f.kind, sinksOf(f)};
      return [op](void* stream) { cuda::attention(op, stream); };
    }
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::AttentionPlainT<Store> op{r.positions(),      shape,       r.rows(), r.at<Store>(f.qkv),
                                            r.at<Store>(f.out), r.at(f.lse), f.kind,   sinksOf(f)};
      launch = [op](void* stream) { cuda::attention_plain(op, stream); };
    });
    return launch;
  }
  const AttentionFields f;
};

struct CachedAttention final : CudaStep {
  explicit CachedAttention(Fields& fields) : f(fields) {
    if (f.columns.headDim > cuda::kMaxCachedHeadDim) {
      fields.refuse("headDim", "at most " + std::to_string(cuda::kMaxCachedHeadDim), std::to_string(f.columns.headDim));
    }
  }
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::CachedAttentionT<Store> op{r.cachedRows(),
                                             headsOf(f.columns, f.ld, f.ldo),
                                             r.rows(),
                                             r.at<Store>(f.qkv),
                                             r.at<Store>(f.cache),
                                             f.ldc,
                                             r.at<Store>(f.out),
                                             f.kind,
                                             sinksOf(f)};
      launch = [op](void* stream) { cuda::cached_attention(op, stream); };
    });
    return launch;
  }
  const CachedAttentionFields f;
};

struct AttentionBackward final : CudaStep {
  explicit AttentionBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("scratch", f.scratch,
            cuda::attentionScratchBytes(static_cast<std::size_t>(r.bindings.rows),
                                        static_cast<std::size_t>(f.columns.heads)));
  }
  Launch prepare(CudaRun& r) const override {
    const cuda::AttentionHeads shape = headsOf(f.columns, f.ld, f.ldo);
    if (inTiles(f.dtype, shape) && f.ldd == f.ld && f.lddo == f.ldo) {
      const CudaRun::Tiles queries = r.queryTiles();
      const CudaRun::Tiles keys = r.keyTiles();
      const cuda::AttentionBackward op{queries.tiles,
                                       queries.count,
                                       keys.tiles,
                                       keys.count,
                                       shape,
                                       r.rows(),
                                       r.at<ops::Bf16>(f.qkv),
                                       r.at<ops::Bf16>(f.out),
                                       r.at<ops::Bf16>(f.dout),
                                       r.at(f.lse),
                                       r.at(f.scratch),
                                       r.at<ops::Bf16>(f.dqkv),
                                       f.kind};
      return [op](void* stream) { cuda::attention_backward(op, stream); };
    }
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::AttentionPlainBackwardT<Store> op{r.positions(),
                                                    r.ends(),
                                                    shape,
                                                    f.lddo,
                                                    f.ldd,
                                                    r.rows(),
                                                    r.at<Store>(f.qkv),
                                                    r.at<Store>(f.out),
                                                    r.at<Store>(f.dout),
                                                    r.at(f.lse),
                                                    r.at(f.scratch),
                                                    r.at<Store>(f.dqkv),
                                                    f.kind};
      launch = [op](void* stream) { cuda::attention_plain_backward(op, stream); };
    });
    return launch;
  }
  const AttentionBackwardFields f;
};

constexpr StepEntry kSteps[] = {
    {"attention", makeStep<Attention>},
    {"attentionBackward", makeStep<AttentionBackward>},
    {"cachedAttention", makeStep<CachedAttention>},
};

}  // namespace

StepTable cudaAttentionSteps() { return kSteps; }

}  // namespace loratwin
