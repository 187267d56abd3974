#include "ops/head_logits.h"
#include "ops/preference.h"
#include "runtime/cpu/steps.h"
#include "runtime/steps/products.h"

namespace loratwin {

namespace {

// A quantized weight is dequantized anew in every window.
bool multipliesByRows(const Matrix& weight) { return !packedOf(weight).isQuantized(); }

struct Matmul final : CpuStep {
  explicit Matmul(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void prepare(ops::MatmulEngine& engine) const override {
    float places[2] = {};
    const float* const added = f.residual ? &places[f.residualInPlace() ? 0 : 1] : nullptr;
    ops::prepare_matmul(engine,
                        {nullptr, f.ldx, &packedOf(f.weight), &places[0], f.yType, f.ldy, biases(), added, f.ldr, 0});
  }
  void run(CpuRun& r) const override {
    const float* const added = f.residual ? r.rowsOf(*f.residual, f.ldr) : nullptr;
    ops::matmul(r.pool, r.engine,
                {r.rowPlace(f.x, f.ldx, f.dtype), f.ldx, &packedOf(f.weight), r.rowPlace(f.y, f.ldy, f.yType), f.yType,
                 f.ldy, biases(), added, f.ldr, r.rows()});
  }
  bool goesByRows() const override { return multipliesByRows(f.weight); }
  const float* biases() const { return f.bias == nullptr ? nullptr : f.bias->values.floats(); }
  const MatmulFields f;
};

struct MatmulBackward final : CpuStep {
  explicit MatmulBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void prepare(ops::MatmulEngine& engine) const override {
    ops::prepare_matmul_backward(engine, {nullptr, f.lddy, &packedOf(f.weight), nullptr, f.dxType, f.lddx, 0});
  }
  void run(CpuRun& r) const override {
    ops::matmul_backward(r.pool, r.engine,
                         {r.rowPlace(f.dy, f.lddy, f.dtype), f.lddy, &packedOf(f.weight),
                          r.rowPlace(f.dx, f.lddx, f.dxType), f.dxType, f.lddx, r.rows()});
  }
  bool goesByRows() const override { return multipliesByRows(f.weight); }
  const MatmulBackwardFields f;
};

struct HeadLoss final : CpuStep {
  explicit HeadLoss(Fields& fields) : f(fields) { givesLosses = true; }
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("logits", f.logits,
            ops::headLossScratchBytes(static_cast<std::size_t>(f.tileRows), static_cast<std::size_t>(f.hidden),
                                      static_cast<std::size_t>(f.vocabulary), f.dtype, f.lds(), f.tokenColumns()));
  }
  void prepare(ops::MatmulEngine& engine) const override {
    ops::prepare_head_loss(engine, packedOf(f.weight), f.dx.has_value());
  }
  void run(CpuRun& r) const override {
    ops::HeadLoss op{};
    op.segments = r.bindings.losses.data();
    op.segmentCount = static_cast<std::int32_t>(r.bindings.losses.size());
    op.targets = r.bindings.targets.data();
    op.x = r.place(f.x);
    op.weight = &packedOf(f.weight);
    op.dx = f.dx ? r.at(*f.dx) : nullptr;
    op.logits = r.at(f.logits);
    op.tileRows = f.tileRows;
    op.rows = r.rows();
    op.losses = r.losses->data();
    op.kind = f.kind;
    op.lds = static_cast<std::int64_t>(f.lds());
    ops::LoraSegments adapters;
    if (f.adapters) {
      adapters = loraSegments(r, f.adapters->target, r.scratch.lora[0], op.dx != nullptr);
      op.adapters = &adapters;
    }
    if (f.tokens) op.tokens = tokenSegments(r, f.tokens->target, op.dx != nullptr);
    op.tokenColumns = static_cast<std::int64_t>(f.tokenColumns());
    ops::head_loss(r.pool, r.engine, op);
    if (op.dx == nullptr) return;
    ops::preference(r.pool, {r.bindings.preferences.data(), static_cast<std::int32_t>(r.bindings.preferences.size()),
                             op.segments, op.losses, op.dx, f.hidden});
  }
  const HeadLossFields f;
};

struct HeadLogits final : CpuStep {
  explicit HeadLogits(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void prepare(ops::MatmulEngine& engine) const override { ops::prepare_head_logits(engine, packedOf(f.weight)); }
  void run(CpuRun& r) const override {
    ops::HeadLogits op{};
    op.wanted = r.bindings.logitRows;
    op.x = r.place(f.x);
    op.weight = &packedOf(f.weight);
    op.logits = r.at(f.logits);
    op.mostRows = f.mostRows;
    op.kind = f.kind;
    op.lds = static_cast<std::int64_t>(f.lds());
    ops::LoraSegments adapters;
    if (f.adapters) {
      adapters = loraSegments(r, f.adapters->target, r.scratch.lora[0], false);
      op.adapters = &adapters;
    }
    if (f.tokens) op.tokens = tokenSegments(r, f.tokens->target, false);
    ops::head_logits(r.pool, r.engine, op, r.scratch.logits);
  }
  const HeadLogitsFields f;
};

constexpr StepEntry kSteps[] = {
    {"matmul", makeStep<Matmul>},
    {"matmulBackward", makeStep<MatmulBackward>},
    {"headLoss", makeStep<HeadLoss>},
    {"headLogits", makeStep<HeadLogits>},
};

}  // namespace

StepTable cpuProductSteps() { return kSteps; }

}  // namespace loratwin
