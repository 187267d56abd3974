#include "ops/attention.h"
#include "ops/cached_attention.h"

#include "runtime/cpu/steps.h"
#include "runtime/steps/attention.h"

namespace loratwin {

namespace {

using ScratchBytes = std::size_t (*)(std::size_t threads, std::size_t maxSequence, std::size_t headDim);

void reachScratch(const Reach& r, Tensor scratch, std::int32_t headDim, ScratchBytes bytesOf) {
  r.bytes("scratch", scratch,
          bytesOf(static_cast<std::size_t>(r.threads), static_cast<std::size_t>(r.bindings.maxSequence()),
                  static_cast<std::size_t>(headDim)));
}

struct Attention final : CpuStep {
  explicit Attention(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    reachScratch(r, f.scratch, f.columns.headDim, ops::attentionScratchBytes);
  }
  void run(CpuRun& r) const override {
    const HeadColumns& c = f.columns;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::attention(r.pool, ops::AttentionT<float, Store>{r.sequences(), r.at<Store>(f.qkv), f.ld, c.q, c.k, c.v,
                                                           r.at<Store>(f.out), f.ldo, r.at(f.lse), c.heads, c.kvHeads,
                                                           c.headDim, r.at(f.scratch), f.kind,
                                                           f.sinks == nullptr ? nullptr : f.sinks->values.floats()});
    });
  }
  const AttentionFields f;
};

struct CachedAttention final : CpuStep {
  explicit CachedAttention(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    const HeadColumns& c = f.columns;
    r.bytes("scratch", f.scratch,
            ops::cachedAttentionScratchBytes(static_cast<std::size_t>(r.threads), static_cast<std::size_t>(c.heads),
                                             static_cast<std::size_t>(c.kvHeads), static_cast<std::size_t>(c.headDim)));
  }
  void run(CpuRun& r) const override {
    const HeadColumns& c = f.columns;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::cached_attention(
          r.pool,
          ops::CachedAttentionT<Store>{r.sequences(), r.at<Store>(f.qkv), f.ld, c.q, c.k, c.v, r.at<Store>(f.cache),
                                       f.ldc, r.at<Store>(f.out), f.ldo, c.heads, c.kvHeads, c.headDim, r.at(f.scratch),
                                       f.kind, f.sinks == nullptr ? nullptr : f.sinks->values.floats()});
    });
  }
  const CachedAttentionFields f;
};

struct AttentionBackward final : CpuStep {
  explicit AttentionBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    reachScratch(r, f.scratch, f.columns.headDim, ops::attentionBackwardScratchBytes);
  }
  void run(CpuRun& r) const override {
    const HeadColumns& c = f.columns;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::attention_backward(r.pool, ops::AttentionBackwardT<float, Store>{
                                          r.sequences(), r.at<Store>(f.qkv), f.ld, c.q, c.k, c.v, r.at<Store>(f.out),
                                          f.ldo, r.at<Store>(f.dout), f.lddo, r.at(f.lse), r.at<Store>(f.dqkv), f.ldd,
                                          c.heads, c.kvHeads, c.headDim, r.at(f.scratch), f.kind});
    });
  }
  const AttentionBackwardFields f;
};

constexpr StepEntry kSteps[] = {
    {"attention", makeStep<Attention>},
    {"attentionBackward", makeStep<AttentionBackward>},
    {"cachedAttention", makeStep<CachedAttention>},
};

}  // namespace

StepTable cpuAttentionSteps() { return kSteps; }

}  // namespace loratwin
