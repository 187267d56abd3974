#include <algorithm>

#include "cuda/copy.h"
#include "cuda/embed.h"
#include "cuda/head_norm.h"
#include "cuda/rmsnorm.h"
#include "cuda/rope.h"
#include "cuda/swiglu.h"
#include "cuda/temperature.h"
#include "runtime/cuda/lora_segment.h"
#include "runtime/cuda/steps.h"
#include "runtime/steps/elementwise.h"

namespace loratwin {

namespace {

struct Embed final : CudaStep {
  explicit Embed(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    for (const std::int32_t id : r.bindings.ids) {
      if (id < 0 || id >= f.table.rows) {
        r.refuse("ids", "token ids below " + std::to_string(f.table.rows), std::to_string(id));
      }
    }
  }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::EmbedT<Store> op{
          reinterpret_cast<const Store*>(f.table.values.data()), r.ids(), r.at(f.out), r.rows(), f.hidden, f.scale};
      if (!f.tokens) {
        launch = [op](void* stream) { cuda::embed(op, stream); };
        return;
      }
      const auto tokens = tokenSegments<Store>(r, *f.tokens, f.hidden, [](std::int32_t row) { return row; });
      launch = [op, tokens](void* stream) {
        cuda::embed(op, stream);
        cuda::embed_tokens(tokens, op.ids, op.scale, op.out, stream);
      };
    });
    return launch;
  }
  const EmbedFields f;
};

struct EmbedBackward final : CudaStep {
  explicit EmbedBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const auto tokens = tokenSegments<float>(r, f.tokens, f.hidden, [](std::int32_t row) { return row; });
    return [tokens, ids = r.ids(), dx = r.at(f.dx), scale = f.scale](void* stream) {
      cuda::embed_tokens_backward(tokens, ids, scale, dx, stream);
    };
  }
  const EmbedBackwardFields f;
};

struct Copy final : CudaStep {
  explicit Copy(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    const std::int64_t count = std::int64_t{r.rows()} * f.columns;
    ops::withStore(f.from, [&]<class From>(From) {
      ops::withStore(f.to, [&]<class To>(To) {
        const From* const x = r.at<const From>(f.x);
        To* const y = r.at<To>(f.y);
        if (f.scale == 1.0F && !f.residual) {
          launch = [x, y, count](void* stream) { cuda::copy(x, y, count, stream); };
        } else {
          const cuda::ScaledCopyT<From, To> op{x, y, count, f.scale, f.residual ? r.at(*f.residual) : nullptr};
          launch = [op](void* stream) { cuda::scaled_copy(op, stream); };
        }
      });
    });
    return launch;
  }
  const CopyFields f;
};

struct Rmsnorm final : CudaStep {
  explicit Rmsnorm(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.xType, [&]<class From>(From) {
      ops::withStore(f.yType(), [&]<class To>(To) {
        const cuda::RmsnormT<To, From> op{r.at<const From>(f.x),
                                          f.weight.values.floats(),
                                          r.at<To>(f.y),
                                          r.at(f.rstd),
                                          r.rows(),
                                          f.hidden,
                                          f.eps,
                                          f.residual ? r.at(*f.residual) : nullptr};
        launch = [op](void* stream) { cuda::rmsnorm(op, stream); };
      });
    });
    return launch;
  }
  const RmsnormFields f;
};

struct RmsnormBackward final : CudaStep {
  explicit RmsnormBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.xType, [&]<class From>(From) {
      const cuda::RmsnormBackwardT<From> op{r.at(f.dy),
                                            r.at<const From>(f.x),
                                            r.at(f.rstd),
                                            f.weight.values.floats(),
                                            f.residual ? r.at(*f.residual) : nullptr,
                                            r.at(f.dx),
                                            r.rows(),
                                            f.hidden,
                                            f.dxCompute ? r.at<ops::Bf16>(*f.dxCompute) : nullptr};
      launch = [op](void* stream) { cuda::rmsnorm_backward(op, stream); };
    });
    return launch;
  }
  const RmsnormBackwardFields f;
};

struct HeadNorm final : CudaStep {
  explicit HeadNorm(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::HeadNormT<Store> op{r.at<const Store>(f.x), r.at<Store>(f.y),  f.ld, r.rows(),
                                      normedHeads(f.columns), f.weights.values()};
      launch = [op](void* stream) { cuda::head_norm(op, stream); };
    });
    return launch;
  }
  const HeadNormFields f;
};

struct HeadNormBackward final : CudaStep {
  explicit HeadNormBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::HeadNormBackwardT<Store> op{
          r.at<const Store>(f.dy), r.at<const Store>(f.x), r.at<Store>(f.dx), f.ld, r.rows(),
          normedHeads(f.columns),  f.weights.values()};
      launch = [op](void* stream) { cuda::head_norm_backward(op, stream); };
    });
    return launch;
  }
  const HeadNormBackwardFields f;
};

struct Rope final : CudaStep {
  explicit Rope(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    const ops::Sequences sequences = r.sequences();
    std::int32_t positions = 0;  // one past the last of any row
    std::int32_t longest = 0;
    for (std::int32_t i = 0; i < sequences.count; i++) {
      positions = std::max(positions, sequences.past(i) + sequences.offsets[i + 1] - sequences.offsets[i]);
      longest = std::max(longest, sequences.length(i));
    }
    const bool isLong = f.longFrequencies != nullptr && longest > f.longFrom;
    const cuda::Rotation* const turns = r.rotations.find(f.frequencies, positions);
    const cuda::Rotation* const longTurns = isLong ? r.rotations.find(*f.longFrequencies, positions) : nullptr;
    const std::int32_t* const ends = isLong ? r.ends() : nullptr;
    r.dependsOn(turns);
    r.dependsOn(longTurns);
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::RopeT<Store> op{.positions = r.positions(),
                                  .rotations = turns,
                                  .x = r.at<Store>(f.x),
                                  .ld = f.ld,
                                  .rows = r.rows(),
                                  .column = f.column,
                                  .heads = f.heads,
                                  .headDim = f.headDim,
                                  .turned = f.turned(),
                                  .inverse = f.inverse,
                                  .pairs = f.pairs,
                                  .factor = f.factor,
                                  .longRotations = longTurns,
                                  .ends = ends,
                                  .longFrom = f.longFrom};
      launch = [op](void* stream) { cuda::rope(op, stream); };
    });
    return launch;
  }
  const RopeFields f;
};

struct Temperature final : CudaStep {
  explicit Temperature(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::TemperatureT<Store> op{r.positions(), r.at<Store>(f.x), f.ld,    r.rows(),
                                         f.column,      f.columns,        f.scale, f.floor};
      launch = [op](void* stream) { cuda::temperature(op, stream); };
    });
    return launch;
  }
  const TemperatureFields f;
};

struct Swiglu final : CudaStep {
  explicit Swiglu(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::SwigluT<Store> op{
          r.at<Store>(f.gateUp), f.ld,       r.at<Store>(f.out), f.ldo,      r.rows() * f.perRow,
          f.intermediate,        f.act.kind, f.act.alpha,        f.act.limit};
      launch = [op](void* stream) { cuda::swiglu(op, stream); };
    });
    return launch;
  }
  const SwigluFields f;
};

struct SwigluBackward final : CudaStep {
  explicit SwigluBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::SwigluBackwardT<Store> op{r.at<Store>(f.gateUp),
                                            f.ld,
                                            r.at<Store>(f.dout),
                                            f.lddo,
                                            r.at<Store>(f.dgateUp),
                                            f.ldd,
                                            r.rows() * f.perRow,
                                            f.intermediate,
                                            f.act.kind,
                                            f.act.alpha,
                                            f.act.limit};
      launch = [op](void* stream) { cuda::swiglu_backward(op, stream); };
    });
    return launch;
  }
  const SwigluBackwardFields f;
};

constexpr StepEntry kSteps[] = {
    {"embed", makeStep<Embed>},
    {"embedBackward", makeStep<EmbedBackward>},
    {"copy", makeStep<Copy>},
    {"rmsnorm", makeStep<Rmsnorm>},
    {"rmsnormBackward", makeStep<RmsnormBackward>},
    {"headNorm", makeStep<HeadNorm>},
    {"headNormBackward", makeStep<HeadNormBackward>},
    {"rope", makeStep<Rope>},
    {"temperature", makeStep<Temperature>},
    {"swiglu", makeStep<Swiglu>},
    {"swigluBackward", makeStep<SwigluBackward>},
};

}  // namespace

StepTable cudaElementwiseSteps() { return kSteps; }

}  // namespace loratwin
