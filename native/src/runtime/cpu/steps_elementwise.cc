#include "ops/copy.h"
#include "ops/embed.h"
#include "ops/head_norm.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "ops/temperature.h"
#include "ops/token_rows.h"
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
                                                   f.table.rows, f.scale});
      if (!f.tokens) return;
      ops::embed_tokens(r.pool, ops::EmbedTokensT<float, Store>{tokenSegments(r, *f.tokens, false),
                                                                r.bindings.ids.data(), r.at(f.out), f.hidden, f.scale});
    });
  }
  const EmbedFields f;
};

struct EmbedBackward final : CpuStep {
  explicit EmbedBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::embed_tokens_backward(
        r.pool, {tokenSegments(r, f.tokens, true), r.bindings.ids.data(), r.at(f.dx), f.hidden, f.scale});
  }
  const EmbedBackwardFields f;
};

struct Copy final : CpuRowStep {
  explicit Copy(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const float* const added = f.residual ? r.rowsOf(*f.residual, f.columns) : nullptr;
    ops::copy(r.pool, {r.rowPlace(f.x, f.columns, f.from), f.from, r.rowPlace(f.y, f.columns, f.to), f.to,
                       std::int64_t{r.rows()} * f.columns, f.scale, added});
  }
  const CopyFields f;
};

struct Rmsnorm final : CpuRowStep {
  explicit Rmsnorm(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const float* const added = f.residual ? r.rowsOf(*f.residual, f.hidden) : nullptr;
    ops::withStore(f.xType, [&]<class From>(From) {
      ops::withStore(f.yType(), [&]<class To>(To) {
        ops::rmsnorm(r.pool, ops::RmsnormT<float, To, From>{r.rowsOf<From>(f.x, f.hidden), f.weight.values.floats(),
                                                            r.rowsOf<To>(f.y, f.hidden), r.rowsOf(f.rstd, 1), r.rows(),
                                                            f.hidden, f.eps, added});
      });
    });
  }
  const RmsnormFields f;
};

struct RmsnormBackward final : CpuRowStep {
  explicit RmsnormBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const float* const added = f.residual ? r.rowsOf(*f.residual, f.hidden) : nullptr;
    ops::Bf16* const rounded = f.dxCompute ? r.rowsOf<ops::Bf16>(*f.dxCompute, f.hidden) : nullptr;
    ops::withStore(f.xType, [&]<class From>(From) {
      ops::rmsnorm_backward(r.pool,
                            ops::RmsnormBackwardT<float, From>{r.rowsOf(f.dy, f.hidden), r.rowsOf<From>(f.x, f.hidden),
                                                               r.rowsOf(f.rstd, 1), f.weight.values.floats(), added,
                                                               r.rowsOf(f.dx, f.hidden), r.rows(), f.hidden, rounded});
    });
  }
  const RmsnormBackwardFields f;
};

struct HeadNorm final : CpuRowStep {
  explicit HeadNorm(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::head_norm(r.pool, ops::HeadNormT<float, Store>{r.rowsOf<Store>(f.x, f.ld), r.rowsOf<Store>(f.y, f.ld), f.ld,
                                                          r.rows(), normedHeads(f.columns), f.weights.values()});
    });
  }
  const HeadNormFields f;
};

struct HeadNormBackward final : CpuRowStep {
  explicit HeadNormBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::head_norm_backward(
          r.pool, ops::HeadNormBackwardT<float, Store>{r.rowsOf<Store>(f.dy, f.ld), r.rowsOf<Store>(f.x, f.ld),
                                                       r.rowsOf<Store>(f.dx, f.ld), f.ld, r.rows(),
                                                       normedHeads(f.columns), f.weights.values()});
    });
  }
  const HeadNormBackwardFields f;
};

struct Rope final : CpuRowStep {
  explicit Rope(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const float* const longFrequencies = f.longFrequencies != nullptr ? f.longFrequencies->values.floats() : nullptr;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::rope(r.pool, ops::RopeT<Store>{r.sequences(), r.at<Store>(f.x), f.ld, f.column, f.heads, f.headDim,
                                          f.frequencies.values.floats(), f.turned(), f.inverse, r.window.first,
                                          r.window.end, f.pairs, f.factor, longFrequencies, f.longFrom});
    });
  }
  const RopeFields f;
};

struct Temperature final : CpuRowStep {
  explicit Temperature(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::temperature(r.pool, ops::TemperatureT<Store>{r.sequences(), r.at<Store>(f.x), f.ld, f.column, f.columns,
                                                        f.scale, f.floor, r.window.first, r.window.end});
    });
  }
  const TemperatureFields f;
};

struct Swiglu final : CpuStep {
  explicit Swiglu(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::swiglu(r.pool,
                  ops::SwigluT<Store>{r.rowsOf<Store>(f.gateUp, f.ld), f.ld, r.rowsOf<Store>(f.out, f.ldo), f.ldo,
                                      r.rows() * f.perRow, f.intermediate, f.act.kind, f.act.alpha, f.act.limit});
    });
  }
  bool goesByRows() const override { return !f.isPlaced; }
  const SwigluFields f;
};

struct SwigluBackward final : CpuStep {
  explicit SwigluBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::swiglu_backward(
          r.pool, ops::SwigluBackwardT<Store>{r.rowsOf<Store>(f.gateUp, f.ld), f.ld, r.rowsOf<Store>(f.dout, f.lddo),
                                              f.lddo, r.rowsOf<Store>(f.dgateUp, f.ldd), f.ldd, r.rows() * f.perRow,
                                              f.intermediate, f.act.kind, f.act.alpha, f.act.limit});
    });
  }
  bool goesByRows() const override { return !f.isPlaced; }
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

StepTable cpuElementwiseSteps() { return kSteps; }

}  // namespace loratwin
