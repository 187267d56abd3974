#include "ops/expert_matmul.h"
#include "ops/expert_rows.h"
#include "ops/route.h"
#include "runtime/cpu/steps.h"
#include "runtime/steps/experts.h"

namespace loratwin {

namespace {

// None goes by rows of the run: a place belongs to any of them.

struct Route final : CpuStep {
  explicit Route(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::route(r.pool, {r.at(f.logits), r.rows(), f.counts.experts, f.counts.perRow, f.normalized,
                        r.at<std::int32_t>(f.chosen), r.at(f.weights), r.at<std::int32_t>(f.order),
                        r.at<std::int32_t>(f.places), r.at<std::int32_t>(f.starts)});
  }
  const RouteFields f;
};

struct RouteBackward final : CpuStep {
  explicit RouteBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::route_backward(r.pool, {r.at(f.dweights), r.at(f.logits), r.at<std::int32_t>(f.chosen), r.at(f.weights),
                                 r.rows(), f.counts.experts, f.counts.perRow, f.normalized, r.at(f.dlogits)});
  }
  const RouteBackwardFields f;
};

struct GatherRows final : CpuStep {
  explicit GatherRows(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::gather_rows(r.pool, ops::GatherRowsT<Store>{r.at<Store>(f.x), r.at<std::int32_t>(f.order), r.at<Store>(f.y),
                                                       r.rows(), f.perRow, f.columns});
    });
  }
  const GatherRowsFields f;
};

struct Combine final : CpuStep {
  explicit Combine(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    if (f.dtype == ops::DType::float32) {
      sum<float, float>(r);
    } else if (f.yType == ops::DType::float32) {
      sum<ops::Bf16, float>(r);
    } else {
      sum<ops::Bf16, ops::Bf16>(r);
    }
  }
  template <class Store, class Out>
  void sum(CpuRun& r) const {
    ops::combine(r.pool, ops::CombineT<float, Store, Out>{
                             r.at<Store>(f.x), r.at<std::int32_t>(f.places), f.weights ? r.at(*f.weights) : nullptr,
                             f.residual ? r.at(*f.residual) : nullptr, r.at<Out>(f.y), r.rows(), f.perRow, f.columns});
  }
  const CombineFields f;
};

struct CombineBackward final : CpuStep {
  explicit CombineBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      ops::combine_backward(
          r.pool, ops::CombineBackwardT<float, Store>{r.at<Store>(f.dy), r.at<Store>(f.x), r.at<std::int32_t>(f.places),
                                                      r.at(f.weights), r.at<Store>(f.dx), r.at(f.dweights), r.rows(),
                                                      f.perRow, f.columns});
    });
  }
  const CombineBackwardFields f;
};

ops::Size scratchOf(const Matrix& weight) {
  return ops::expertMatmulScratchBytes(static_cast<std::size_t>(weight.in), static_cast<std::size_t>(weight.out));
}

struct ExpertMatmul final : CpuStep {
  explicit ExpertMatmul(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("scratch", f.scratch, scratchOf(f.weight));
  }
  void prepare(ops::MatmulEngine& engine) const override {
    ops::prepare_expert_matmul(engine,
                               {nullptr, f.ldx, expertsOf(f.weight), nullptr, f.ldy, biases(), nullptr, 0, nullptr});
  }
  void run(CpuRun& r) const override {
    ops::expert_matmul(r.pool, r.engine,
                       {r.place(f.x), f.ldx, expertsOf(f.weight), r.place(f.y), f.ldy, biases(),
                        r.at<std::int32_t>(f.starts), r.rows() * f.perRow, r.place(f.scratch)});
  }
  const float* biases() const { return f.bias == nullptr ? nullptr : f.bias->values.floats(); }
  const ExpertMatmulFields f;
};

struct ExpertMatmulBackward final : CpuStep {
  explicit ExpertMatmulBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("scratch", f.scratch, scratchOf(f.weight));
  }
  void prepare(ops::MatmulEngine& engine) const override {
    ops::prepare_expert_matmul_backward(engine,
                                        {nullptr, f.lddy, expertsOf(f.weight), nullptr, f.lddx, nullptr, 0, nullptr});
  }
  void run(CpuRun& r) const override {
    ops::expert_matmul_backward(r.pool, r.engine,
                                {r.place(f.dy), f.lddy, expertsOf(f.weight), r.place(f.dx), f.lddx,
                                 r.at<std::int32_t>(f.starts), r.rows() * f.perRow, r.place(f.scratch)});
  }
  const ExpertMatmulBackwardFields f;
};

constexpr StepEntry kSteps[] = {
    {"route", makeStep<Route>},
    {"routeBackward", makeStep<RouteBackward>},
    {"gatherRows", makeStep<GatherRows>},
    {"combine", makeStep<Combine>},
    {"combineBackward", makeStep<CombineBackward>},
    {"expertMatmul", makeStep<ExpertMatmul>},
    {"expertMatmulBackward", makeStep<ExpertMatmulBackward>},
};

}  // namespace

StepTable cpuExpertSteps() { return kSteps; }

}  // namespace loratwin
