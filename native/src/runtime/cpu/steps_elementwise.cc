#include "ops/copy.h"
#include "ops/embed.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "runtime/cpu/steps.h"
#include "runtime/steps/elementwise.h"

namespace loratwin {

namespace {

struct Embed final : CpuStep {
  explicit Embed(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const auto* const values = reinterpret_cast<const Store*>(f.table.values.data());
      ops::embed(r.pool, ops::EmbedT<float, Store>{values, r.bindings.ids.data(), r.at(f.out), r.rows(), f.hidden,
                                                   f.table.rows});
    });
  }
  const EmbedFields f;
};

struct Copy final : CpuStep {
  explicit Copy(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::copy(r.pool, {r.place(f.x), f.from, r.place(f.y), f.to, std::int64_t{r.rows()} * f.columns});
  }
  const CopyFields f;
};

struct Rmsnorm final : CpuStep {
  explicit Rmsnorm(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::rmsnorm(r.pool, ops::RmsnormT<float, Store>{r.at(f.x), f.weight.values.floats(), r.at<Store>(f.y),
                                                       r.at(f.rstd), r.rows(), f.hidden, f.eps});
    });
  }
  const RmsnormFields f;
};

struct RmsnormBackward final : CpuStep {
  explicit RmsnormBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const float* const added = f.residual ? r.at(*f.residual) : nullptr;
    ops::Bf16* const rounded = f.dxCompute ? r.at<ops::Bf16>(*f.dxCompute) : nullptr;
    ops::rmsnorm_backward(r.pool, {r.at(f.dy), r.at(f.x), r.at(f.rstd), f.weight.values.floats(), added, r.at(f.dx),
                                   r.rows(), f.hidden, rounded});
  }
  const RmsnormBackwardFields f;
};

struct Rope final : CpuStep {
  explicit Rope(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::rope(r.pool, ops::RopeT<Store>{r.sequences(), r.at<Store>(f.x), f.ld, f.column, f.heads, f.headDim,
                                          f.frequencies.values.floats(), f.inverse});
    });
  }
  const RopeFields f;
};

struct Swiglu final : CpuStep {
  explicit Swiglu(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::swiglu(r.pool, ops::SwigluT<Store>{r.at<Store>(f.gateUp), f.ld, r.at<Store>(f.out), f.ldo, r.rows(),
                                              f.intermediate});
    });
  }
  const SwigluFields f;
};

struct SwigluBackward final : CpuStep {
  explicit SwigluBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::swiglu_backward(r.pool,
                           ops::SwigluBackwardT<Store>{r.at<Store>(f.gateUp), f.ld, r.at<Store>(f.dout), f.lddo,
                                                       r.at<Store>(f.dgateUp), f.ldd, r.rows(), f.intermediate});
    });
  }
  const SwigluBackwardFields f;
};

constexpr StepEntry kSteps[] = {
    {"embed", makeStep<Embed>},
    {"copy", makeStep<Copy>},
    {"rmsnorm", makeStep<Rmsnorm>},
    {"rmsnormBackward", makeStep<RmsnormBackward>},
    {"rope", makeStep<Rope>},
    {"swiglu", makeStep<Swiglu>},
    {"swigluBackward", makeStep<SwigluBackward>},
};

}  // namespace

StepTable cpuElementwiseSteps() { return kSteps; }

}  // namespace loratwin
