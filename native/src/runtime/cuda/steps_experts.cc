#include "cuda/expert_matmul.h"
#include "cuda/expert_rows.h"
#include "cuda/route.h"
#include "runtime/cuda/steps.h"
#include "runtime/steps/experts.h"

namespace loratwin {

namespace {

struct Route final : CudaStep {
  explicit Route(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const ops::Route op{r.at(f.logits),
                        r.rows(),
                        f.counts.experts,
                        f.counts.perRow,
                        f.normalized,
                        r.at<std::int32_t>(f.chosen),
                        r.at(f.weights),
                        r.at<std::int32_t>(f.order),
                        r.at<std::int32_t>(f.places),
                        r.at<std::int32_t>(f.starts)};
    return [op](void* stream) { cuda::route(op, stream); };
  }
  const RouteFields f;
};

struct RouteBackward final : CudaStep {
  explicit RouteBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const ops::RouteBackward op{r.at(f.dweights), r.at(f.logits), r.at<std::int32_t>(f.chosen),
                                r.at(f.weights),  r.rows(),       f.counts.experts,
                                f.counts.perRow,  f.normalized,   r.at(f.dlogits)};
    return [op](void* stream) { cuda::route_backward(op, stream); };
  }
  const RouteBackwardFields f;
};

struct GatherRows final : CudaStep {
  explicit GatherRows(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const ops::GatherRowsT<Store> op{
          r.at<Store>(f.x), r.at<std::int32_t>(f.order), r.at<Store>(f.y), r.rows(), f.perRow, f.columns};
      launch = [op](void* stream) { cuda::gather_rows(op, stream); };
    });
    return launch;
  }
  const GatherRowsFields f;
};

struct Combine final : CudaStep {
  explicit Combine(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    if (f.dtype == ops::DType::float32) return sum<float, float>(r);
    if (f.yType == ops::DType::float32) return sum<ops::Bf16, float>(r);
    return sum<ops::Bf16, ops::Bf16>(r);
  }
  template <class Store, class Out>
  Launch sum(CudaRun& r) const {
    const ops::CombineT<float, Store, Out> op{r.at<Store>(f.x),
                                              r.at<std::int32_t>(f.places),
                                              f.weights ? r.at(*f.weights) : nullptr,
                                              f.residual ? r.at(*f.residual) : nullptr,
                                              r.at<Out>(f.y),
                                              r.rows(),
                                              f.perRow,
                                              f.columns};
    return [op](void* stream) { cuda::combine(op, stream); };
  }
  const CombineFields f;
};

struct CombineBackward final : CudaStep {
  explicit CombineBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const ops::CombineBackwardT<float, Store> op{r.at<Store>(f.dy), r.at<Store>(f.x),  r.at<std::int32_t>(f.places),
                                                   r.at(f.weights),   r.at<Store>(f.dx), r.at(f.dweights),
                                                   r.rows(),          f.perRow,          f.columns};
      launch = [op](void* stream) { cuda::combine_backward(op, stream); };
    });
    return launch;
  }
  const CombineBackwardFields f;
};

// The product of either direction, but for what it reads and writes.
template <class Store, class ProductFields>
cuda::ExpertProductT<Store> productOf(CudaRun& r, const ProductFields& f) {
  cuda::ExpertProductT<Store> op{};
  const Matrix& weight = f.weight;
  const CudaMatrix& matrix = cudaMatrix(weight);
  if (matrix.quantized) {
    op.quantized = *matrix.quantized;
    op.quantizedBytes = matrix.quantized->layout.bytes();
  } else {
    op.weights = static_cast<const Store*>(weightFor(weight));
  }
  op.experts = weight.experts;
  op.outFeatures = weight.out;
  op.inFeatures = weight.in;
  op.starts = r.at<std::int32_t>(f.starts);
  op.rows = r.rows() * f.perRow;
  return op;
}

struct ExpertMatmul final : CudaStep {
  explicit ExpertMatmul(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      cuda::ExpertProductT<Store> op = productOf<Store>(r, f);
      op.x = r.at<Store>(f.x);
      op.ldx = f.ldx;
      op.y = r.at<Store>(f.y);
      op.ldy = f.ldy;
      op.bias = f.bias == nullptr ? nullptr : f.bias->values.floats();
      launch = [op](void* stream) { cuda::expert_matmul(op, stream); };
    });
    return launch;
  }
  const ExpertMatmulFields f;
};

struct ExpertMatmulBackward final : CudaStep {
  explicit ExpertMatmulBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      cuda::ExpertProductT<Store> op = productOf<Store>(r, f);
      op.x = r.at<Store>(f.dy);
      op.ldx = f.lddy;
      op.y = r.at<Store>(f.dx);
      op.ldy = f.lddx;
      op.backward = true;
      launch = [op](void* stream) { cuda::expert_matmul(op, stream); };
    });
    return launch;
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

StepTable cudaExpertSteps() { return kSteps; }

}  // namespace loratwin
