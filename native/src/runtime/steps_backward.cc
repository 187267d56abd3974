#include "ops/attention.h"
#include "ops/rmsnorm.h"
#include "ops/swiglu.h"
#include "steps.h"

namespace loratwin {

namespace {

struct RmsnormBackwardStep final : Step {
  explicit RmsnormBackwardStep(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        dy(f.tensor("dy")),
        x(f.tensor("x")),
        rstd(f.tensor("rstd")),
        weight(f.vector("weight", static_cast<std::size_t>(hidden))),
        residual(f.optionalTensor("residual")),
        dx(f.tensor("dx")),
        dxCompute(f.optionalTensor("dxCompute")) {
    if (dxCompute) f.requireType("dtype", dtype, ops::DType::bfloat16);
  }
  void reach(Reach& r) const override {
    r.matrix("dy", dy, hidden, hidden);
    r.matrix("x", x, hidden, hidden);
    r.matrix("rstd", rstd, 1, 1);
    if (residual) r.matrix("residual", *residual, hidden, hidden);
    r.matrix("dx", dx, hidden, hidden);
    if (dxCompute) r.matrix("dxCompute", *dxCompute, hidden, hidden, dtype);
  }
  void run(Run& r) const override {
    const float* const added = residual ? r.at(*residual) : nullptr;
    ops::Bf16* const rounded = dxCompute ? r.at<ops::Bf16>(*dxCompute) : nullptr;
    ops::rmsnorm_backward(r.pool, {r.at(dy), r.at(x), r.at(rstd), weight.values.floats(), added, r.at(dx), r.rows(),
                                   hidden, rounded});
  }
  const ops::DType dtype;
  const std::int32_t hidden;
  const Tensor dy;
  const Tensor x;
  const Tensor rstd;
  const Vector& weight;
  const std::optional<Tensor> residual;
  const Tensor dx;
  const std::optional<Tensor> dxCompute;
};

struct MatmulBackwardStep final : Step {
  explicit MatmulBackwardStep(Fields& f)
      : dtype(f.dtype("dtype")),
        weight(f.matrix("weight").packed),
        dy(f.tensor("dy")),
        lddy(f.stride("lddy", weight.outFeatures())),
        dx(f.tensor("dx")),
        dxType(f.dtype("dxType", dtype)),
        lddx(f.stride("lddx", weight.inFeatures())) {
    f.requireType("weight", weight.dtype(), dtype);
    if (dtype == ops::DType::float32) f.requireType("dxType", dxType, ops::DType::float32);
    if (!weight.hasBackward()) f.refuse("weight", "a matrix loaded with backward", "one without");
  }
  void reach(Reach& r) const override {
    r.matrix("dy", dy, lddy, weight.outFeatures(), dtype);
    r.matrix("dx", dx, lddx, weight.inFeatures(), dxType);
  }
  void prepare(ops::MatmulEngine& engine) const override {
    ops::prepare_matmul_backward(engine, {nullptr, lddy, &weight, nullptr, dxType, lddx, 0});
  }
  void run(Run& r) const override {
    ops::matmul_backward(r.pool, r.engine, {r.place(dy), lddy, &weight, r.place(dx), dxType, lddx, r.rows()});
  }
  const ops::DType dtype;
  const ops::PackedMatrix& weight;
  const Tensor dy;
  const std::int64_t lddy;
  const Tensor dx;
  const ops::DType dxType;
  const std::int64_t lddx;
};

struct AttentionBackwardStep final : Step {
  explicit AttentionBackwardStep(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        qkv(f.tensor("qkv")),
        ld(f.stride("ld", columns.columns())),
        out(f.tensor("out")),
        ldo(f.stride("ldo", width())),
        dout(f.tensor("dout")),
        lddo(f.stride("lddo", width())),
        lse(f.tensor("lse")),
        dqkv(f.tensor("dqkv")),
        ldd(f.stride("ldd", columns.columns())),
        scratch(f.tensor("scratch")) {}
  std::int64_t width() const { return std::int64_t{columns.heads} * columns.headDim; }
  void reach(Reach& r) const override {
    const auto threads = static_cast<std::size_t>(r.threads);
    const auto longest = static_cast<std::size_t>(r.bindings.maxSequence());
    const auto headDim = static_cast<std::size_t>(columns.headDim);
    r.matrix("qkv", qkv, ld, columns.columns(), dtype);
    r.matrix("out", out, ldo, width(), dtype);
    r.matrix("dout", dout, lddo, width(), dtype);
    r.matrix("lse", lse, columns.heads, columns.heads);
    r.matrix("dqkv", dqkv, ldd, columns.columns(), dtype);
    r.bytes("scratch", scratch, ops::attentionBackwardScratchBytes(threads, longest, headDim));
  }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      ops::attention_backward(
          r.pool, ops::AttentionBackwardT<float, Store>{
                      r.sequences(), r.at<Store>(qkv), ld, columns.q, columns.k, columns.v, r.at<Store>(out), ldo,
                      r.at<Store>(dout), lddo, r.at(lse), r.at<Store>(dqkv), ldd, columns.heads, columns.kvHeads,
                      columns.headDim, r.at(scratch)});
    });
  }
  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor qkv;
  const std::int64_t ld;
  const Tensor out;
  const std::int64_t ldo;
  const Tensor dout;
  const std::int64_t lddo;
  const Tensor lse;
  const Tensor dqkv;
  const std::int64_t ldd;
  const Tensor scratch;
};

struct SwigluBackwardStep final : Step {
  explicit SwigluBackwardStep(Fields& f)
      : dtype(f.dtype("dtype")),
        intermediate(f.count("intermediate")),
        gateUp(f.tensor("gateUp")),
        ld(f.stride("ld", 2 * std::int64_t{intermediate})),
        dout(f.tensor("dout")),
        lddo(f.stride("lddo", intermediate)),
        dgateUp(f.tensor("dgateUp")),
        ldd(f.stride("ldd", 2 * std::int64_t{intermediate})) {}
  void reach(Reach& r) const override {
    r.matrix("gateUp", gateUp, ld, 2 * std::int64_t{intermediate}, dtype);
    r.matrix("dout", dout, lddo, intermediate, dtype);
    r.matrix("dgateUp", dgateUp, ldd, 2 * std::int64_t{intermediate}, dtype);
  }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      ops::swiglu_backward(r.pool,
                           ops::SwigluBackwardT<Store>{r.at<Store>(gateUp), ld, r.at<Store>(dout), lddo,
                                                       r.at<Store>(dgateUp), ldd, r.rows(), intermediate});
    });
  }
  const ops::DType dtype;
  const std::int32_t intermediate;
  const Tensor gateUp;
  const std::int64_t ld;
  const Tensor dout;
  const std::int64_t lddo;
  const Tensor dgateUp;
  const std::int64_t ldd;
};

constexpr StepEntry kSteps[] = {
    {"rmsnormBackward", makeStep<RmsnormBackwardStep>},
    {"matmulBackward", makeStep<MatmulBackwardStep>},
    {"attentionBackward", makeStep<AttentionBackwardStep>},
    {"swigluBackward", makeStep<SwigluBackwardStep>},
};

}  // namespace

StepTable backwardSteps() { return {kSteps, std::size(kSteps)}; }

}  // namespace loratwin
