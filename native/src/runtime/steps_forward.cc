#include "ops/attention.h"
#include "ops/copy.h"
#include "ops/embed.h"
#include "ops/head_loss.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "steps.h"

namespace loratwin {

namespace {

struct EmbedStep final : Step {
  explicit EmbedStep(Fields& f)
      : dtype(f.dtype("dtype")), table(f.table("table")), out(f.tensor("out")), hidden(f.count("hidden")) {
    if (table.columns != hidden) f.refuse("hidden", std::to_string(table.columns), std::to_string(hidden));
    f.requireType("table", table.dtype, dtype);
  }
  void reach(Reach& r) const override {
    r.present("ids", r.bindings.ids);
    r.matrix("out", out, hidden, hidden);
  }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      const auto* const values = reinterpret_cast<const Store*>(table.values.data());
      ops::embed(r.pool, ops::EmbedT<float, Store>{values, r.bindings.ids.data(), r.at(out), r.rows(), hidden,
                                                   table.rows});
    });
  }
  const ops::DType dtype;
  const Table& table;
  const Tensor out;
  const std::int32_t hidden;
};

struct CopyStep final : Step {
  explicit CopyStep(Fields& f)
      : columns(f.count("columns")), x(f.tensor("x")), from(f.dtype("from")), y(f.tensor("y")), to(f.dtype("to")) {}
  void reach(Reach& r) const override {
    r.matrix("x", x, columns, columns, from);
    r.matrix("y", y, columns, columns, to);
  }
  void run(Run& r) const override {
    const std::int64_t count = std::int64_t{r.rows()} * columns;
    ops::copy(r.pool, {r.place(x), from, r.place(y), to, count});
  }
  const std::int32_t columns;
  const Tensor x;
  const ops::DType from;
  const Tensor y;
  const ops::DType to;
};

struct RmsnormStep final : Step {
  explicit RmsnormStep(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        x(f.tensor("x")),
        weight(f.vector("weight", static_cast<std::size_t>(hidden))),
        y(f.tensor("y")),
        rstd(f.tensor("rstd")),
        eps(f.number("eps")) {}
  void reach(Reach& r) const override {
    r.matrix("x", x, hidden, hidden);
    r.matrix("y", y, hidden, hidden, dtype);
    r.matrix("rstd", rstd, 1, 1);
  }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      ops::rmsnorm(r.pool, ops::RmsnormT<float, Store>{r.at(x), weight.values.floats(), r.at<Store>(y), r.at(rstd),
                                                       r.rows(), hidden, eps});
    });
  }
  const ops::DType dtype;
  const std::int32_t hidden;
  const Tensor x;
  const Vector& weight;
  const Tensor y;
  const Tensor rstd;
  const float eps;
};

struct MatmulStep final : Step {
  explicit MatmulStep(Fields& f)
      : dtype(f.dtype("dtype")),
        weight(f.matrix("weight").packed),
        x(f.tensor("x")),
        ldx(f.stride("ldx", weight.inFeatures())),
        y(f.tensor("y")),
        yType(f.dtype("yType", dtype)),
        ldy(f.stride("ldy", weight.outFeatures())),
        bias(f.optionalVector("bias", static_cast<std::size_t>(weight.outFeatures()))),
        residual(f.optionalTensor("residual")),
        ldr(residual || f.given("ldr") ? f.stride("ldr", weight.outFeatures()) : 0) {
    f.requireType("weight", weight.dtype(), dtype);
    if (residual || dtype == ops::DType::float32) f.requireType("yType", yType, ops::DType::float32);
  }
  void reach(Reach& r) const override {
    r.matrix("x", x, ldx, weight.inFeatures(), dtype);
    r.matrix("y", y, ldy, weight.outFeatures(), yType);
    if (residual) r.matrix("residual", *residual, ldr, weight.outFeatures());
  }
  void prepare(ops::MatmulEngine& engine) const override {
    float places[2] = {};
    const bool inPlace = residual && residual->space == y.space && residual->offset == y.offset;
    const float* const added = residual ? &places[inPlace ? 0 : 1] : nullptr;
    const float* const biases = bias == nullptr ? nullptr : bias->values.floats();
    ops::prepare_matmul(engine, {nullptr, ldx, &weight, &places[0], yType, ldy, biases, added, ldr, 0});
  }
  void run(Run& r) const override {
    const float* const added = residual ? r.at(*residual) : nullptr;
    const float* const biases = bias == nullptr ? nullptr : bias->values.floats();
    ops::matmul(r.pool, r.engine, {r.place(x), ldx, &weight, r.place(y), yType, ldy, biases, added, ldr, r.rows()});
  }
  const ops::DType dtype;
  const ops::PackedMatrix& weight;
  const Tensor x;
  const std::int64_t ldx;
  const Tensor y;
  const ops::DType yType;
  const std::int64_t ldy;
  const Vector* const bias;
  const std::optional<Tensor> residual;
  const std::int64_t ldr;
};

constexpr std::int32_t kMaxRopeHeadDim = 1024;

struct RopeStep final : Step {
  explicit RopeStep(Fields& f)
      : dtype(f.dtype("dtype")),
        column(f.count("column", 0)),
        heads(f.count("heads")),
        headDim(f.count("headDim", 2)),
        x(f.tensor("x")),
        ld(f.stride("ld", std::int64_t{column} + std::int64_t{heads} * headDim)),
        frequencies(f.vector("frequencies", static_cast<std::size_t>(headDim / 2))),
        inverse(f.flag("inverse")) {
    if (headDim % 2 != 0 || headDim > kMaxRopeHeadDim) {
      f.refuse("headDim", "an even number up to 1024", std::to_string(headDim));
    }
  }
  void reach(Reach& r) const override { r.matrix("x", x, ld, column + std::int64_t{heads} * headDim, dtype); }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      ops::rope(r.pool, ops::RopeT<Store>{r.sequences(), r.at<Store>(x), ld, column, heads, headDim,
                                          frequencies.values.floats(), inverse});
    });
  }
  const ops::DType dtype;
  const std::int32_t column;
  const std::int32_t heads;
  const std::int32_t headDim;
  const Tensor x;
  const std::int64_t ld;
  const Vector& frequencies;
  const bool inverse;
};

struct AttentionStep final : Step {
  explicit AttentionStep(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        qkv(f.tensor("qkv")),
        ld(f.stride("ld", columns.columns())),
        out(f.tensor("out")),
        ldo(f.stride("ldo", width())),
        lse(f.tensor("lse")),
        scratch(f.tensor("scratch")) {}
  std::int64_t width() const { return std::int64_t{columns.heads} * columns.headDim; }
  void reach(Reach& r) const override {
    const auto threads = static_cast<std::size_t>(r.threads);
    const auto longest = static_cast<std::size_t>(r.bindings.maxSequence());
    const auto headDim = static_cast<std::size_t>(columns.headDim);
    r.matrix("qkv", qkv, ld, columns.columns(), dtype);
    r.matrix("out", out, ldo, width(), dtype);
    r.matrix("lse", lse, columns.heads, columns.heads);
    r.bytes("scratch", scratch, ops::attentionScratchBytes(threads, longest, headDim));
  }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      ops::attention(r.pool, ops::AttentionT<float, Store>{
                                 r.sequences(), r.at<Store>(qkv), ld, columns.q, columns.k, columns.v,
                                 r.at<Store>(out), ldo, r.at(lse), columns.heads, columns.kvHeads, columns.headDim,
                                 r.at(scratch)});
    });
  }
  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor qkv;
  const std::int64_t ld;
  const Tensor out;
  const std::int64_t ldo;
  const Tensor lse;
  const Tensor scratch;
};

struct SwigluStep final : Step {
  explicit SwigluStep(Fields& f)
      : dtype(f.dtype("dtype")),
        intermediate(f.count("intermediate")),
        gateUp(f.tensor("gateUp")),
        ld(f.stride("ld", 2 * std::int64_t{intermediate})),
        out(f.tensor("out")),
        ldo(f.stride("ldo", intermediate)) {}
  void reach(Reach& r) const override {
    r.matrix("gateUp", gateUp, ld, 2 * std::int64_t{intermediate}, dtype);
    r.matrix("out", out, ldo, intermediate, dtype);
  }
  void run(Run& r) const override {
    ops::withStore(dtype, [&]<class Store>(Store) {
      ops::swiglu(r.pool, ops::SwigluT<Store>{r.at<Store>(gateUp), ld, r.at<Store>(out), ldo, r.rows(), intermediate});
    });
  }
  const ops::DType dtype;
  const std::int32_t intermediate;
  const Tensor gateUp;
  const std::int64_t ld;
  const Tensor out;
  const std::int64_t ldo;
};

struct HeadLossStep final : Step {
  explicit HeadLossStep(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        vocabulary(f.count("vocabulary")),
        tileRows(f.count("tileRows")),
        x(f.tensor("x")),
        weight(f.matrix("weight").packed),
        dx(f.optionalTensor("dx")),
        logits(f.tensor("logits")) {
    if (weight.outFeatures() != vocabulary || weight.inFeatures() != hidden) {
      f.refuse("weight", "a matrix of [vocabulary, hidden]", "another shape");
    }
    f.requireType("weight", weight.dtype(), dtype);
    if (dx && !weight.hasBackward()) f.refuse("weight", "a matrix loaded with backward", "one without");
    givesLosses = true;
  }
  void reach(Reach& r) const override {
    r.present("targets", r.bindings.targets);
    r.matrix("x", x, hidden, hidden, dtype);
    if (dx) r.matrix("dx", *dx, hidden, hidden);
    r.bytes("logits", logits,
            ops::headLossScratchBytes(static_cast<std::size_t>(tileRows), static_cast<std::size_t>(hidden),
                                      static_cast<std::size_t>(vocabulary), dtype));
  }
  void prepare(ops::MatmulEngine& engine) const override {
    ops::prepare_head_loss(engine, weight, dx.has_value());
  }
  void run(Run& r) const override {
    std::vector<ops::LossSegment>& segments = r.scratch.loss;
    segments.clear();
    for (const RunSegment& s : r.bindings.segments) segments.push_back({s.rowStart, s.rowEnd, s.lossScale});
    ops::HeadLoss op{};
    op.segments = segments.data();
    op.segmentCount = static_cast<std::int32_t>(segments.size());
    op.targets = r.bindings.targets.data();
    op.x = r.place(x);
    op.weight = &weight;
    op.dx = dx ? r.at(*dx) : nullptr;
    op.logits = r.at(logits);
    op.tileRows = tileRows;
    op.rows = r.rows();
    op.losses = r.losses->data();
    ops::head_loss(r.pool, r.engine, op);
  }
  const ops::DType dtype;
  const std::int32_t hidden;
  const std::int32_t vocabulary;
  const std::int32_t tileRows;
  const Tensor x;
  const ops::PackedMatrix& weight;
  const std::optional<Tensor> dx;
  const Tensor logits;
};

constexpr StepEntry kSteps[] = {
    {"embed", makeStep<EmbedStep>},         {"rmsnorm", makeStep<RmsnormStep>}, {"matmul", makeStep<MatmulStep>},
    {"rope", makeStep<RopeStep>},       {"attention", makeStep<AttentionStep>},
    {"swiglu", makeStep<SwigluStep>},       {"headLoss", makeStep<HeadLossStep>}, {"copy", makeStep<CopyStep>},
};

}  // namespace

StepTable forwardSteps() { return {kSteps, std::size(kSteps)}; }

}  // namespace loratwin
