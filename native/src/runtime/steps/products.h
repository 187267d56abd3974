// matmul, matmulBackward, headLoss and headLogits: fields and reach.
#pragma once

#include <cmath>
#include <optional>

#include "ops/head_logits.h"
#include "ops/logits_kind.h"
#include "runtime/fields.h"
#include "runtime/steps/lora.h"

namespace loratwin {

struct MatmulFields {
  explicit MatmulFields(Fields& f)
      : dtype(f.dtype("dtype")),
        weight(f.matrix("weight")),
        x(f.tensor("x")),
        ldx(f.stride("ldx", weight.in)),
        y(f.tensor("y")),
        yType(f.dtype("yType", dtype)),
        ldy(f.stride("ldy", weight.out)),
        bias(f.optionalVector("bias", static_cast<std::size_t>(weight.out))),
        residual(f.optionalTensor("residual")),
        ldr(residual || f.given("ldr") ? f.stride("ldr", weight.out) : 0) {
    f.requireType("weight", weight.dtype, dtype);
    if (residual || dtype == ops::DType::float32) f.requireType("yType", yType, ops::DType::float32);
  }
  void reach(const Reach& r) const {
    r.matrix("x", x, ldx, weight.in, dtype);
    r.matrix("y", y, ldy, weight.out, yType);
    if (residual) r.matrix("residual", *residual, ldr, weight.out);
  }
  bool residualInPlace() const { return residual && residual->space == y.space && residual->offset == y.offset; }

  const ops::DType dtype;
  const Matrix& weight;
  const Tensor x;
  const std::int64_t ldx;
  const Tensor y;
  const ops::DType yType;
  const std::int64_t ldy;
  const Vector* const bias;
  const std::optional<Tensor> residual;
  const std::int64_t ldr;
};

struct MatmulBackwardFields {
  explicit MatmulBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        weight(f.matrix("weight")),
        dy(f.tensor("dy")),
        lddy(f.stride("lddy", weight.out)),
        dx(f.tensor("dx")),
        dxType(f.dtype("dxType", dtype)),
        lddx(f.stride("lddx", weight.in)) {
    f.requireType("weight", weight.dtype, dtype);
    if (dtype == ops::DType::float32) f.requireType("dxType", dxType, ops::DType::float32);
    if (!weight.backward) f.refuse("weight", "a matrix loaded with backward", "one without");
  }
  void reach(const Reach& r) const {
    r.matrix("dy", dy, lddy, weight.out, dtype);
    r.matrix("dx", dx, lddx, weight.in, dxType);
  }

  const ops::DType dtype;
  const Matrix& weight;
  const Tensor dy;
  const std::int64_t lddy;
  const Tensor dx;
  const ops::DType dxType;
  const std::int64_t lddx;
};

inline ops::LogitsKind logitsKind(Fields& f) {
  ops::LogitsKind kind;
  const auto positive = [&f](const char* field, float absent) {
    if (!f.given(field)) return absent;
    const float value = f.number(field);
    // As a float it may have become 0 or infinite.
    if (!(value > 0.0F) || !std::isfinite(value)) f.refuse(field, "a positive number", std::to_string(value));
    return value;
  };
  kind.scale = positive("scale", kind.scale);
  kind.softcap = positive("softcap", kind.softcap);
  return kind;
}

// `target`: what adapters on the head are asked for.
struct HeadAdapters {
  explicit HeadAdapters(Fields& f)
      : target(static_cast<std::uint32_t>(f.count("target", 0))), lds(f.stride("lds", 1)) {}

  const std::uint32_t target;
  const std::int64_t lds;
};

// `tokens`: the target of rows that adapters have of a head that is tied to the embedding, at most so many `columns`.
struct HeadTokens {
  explicit HeadTokens(Fields& f)
      : target(static_cast<std::uint32_t>(f.count("tokens", 0))), columns(f.stride("tokenColumns", 1)) {}

  const std::uint32_t target;
  const std::int64_t columns;
};

struct HeadLossFields {
  explicit HeadLossFields(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        vocabulary(f.count("vocabulary")),
        tileRows(f.count("tileRows")),
        x(f.tensor("x")),
        weight(f.matrix("weight")),
        dx(f.optionalTensor("dx")),
        logits(f.tensor("logits")),
        kind(logitsKind(f)) {
    if (f.given("target")) adapters.emplace(f);
    if (f.given("tokens")) tokens.emplace(f);
    if (weight.out != vocabulary || weight.in != hidden) {
      f.refuse("weight", "a matrix of [vocabulary, hidden]", "another shape");
    }
    f.requireType("weight", weight.dtype, dtype);
    if (dx && !weight.backward) f.refuse("weight", "a matrix loaded with backward", "one without");
  }
  void reach(const Reach& r) const {
    r.present("targets", r.bindings.targets);
    r.matrix("x", x, hidden, hidden, dtype);
    if (dx) r.matrix("dx", *dx, hidden, hidden);
    if (tokens) reachTokens(r, tokens->target, hidden, vocabulary, tokens->columns);
    if (tokens && dx) reachGradients(r, tokens->target);
    if (!adapters) return;
    reachTarget(r, adapters->target, vocabulary, hidden, 1, adapters->lds);
    if (dx) reachGradients(r, adapters->target);
  }
  std::size_t lds() const { return adapters ? static_cast<std::size_t>(adapters->lds) : 0; }
  std::size_t tokenColumns() const { return tokens ? static_cast<std::size_t>(tokens->columns) : 0; }

  const ops::DType dtype;
  const std::int32_t hidden;
  const std::int32_t vocabulary;
  const std::int32_t tileRows;
  const Tensor x;
  const Matrix& weight;
  const std::optional<Tensor> dx;
  const Tensor logits;
  const ops::LogitsKind kind;
  std::optional<HeadAdapters> adapters;
  std::optional<HeadTokens> tokens;
};

struct HeadLogitsFields {
  explicit HeadLogitsFields(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        vocabulary(f.count("vocabulary")),
        mostRows(f.count("mostRows")),
        x(f.tensor("x")),
        weight(f.matrix("weight")),
        logits(f.tensor("logits")),
        kind(logitsKind(f)) {
    if (f.given("target")) adapters.emplace(f);
    if (f.given("tokens")) tokens.emplace(f);
    if (weight.out != vocabulary || weight.in != hidden) {
      f.refuse("weight", "a matrix of [vocabulary, hidden]", "another shape");
    }
    f.requireType("weight", weight.dtype, dtype);
  }
  void reach(const Reach& r) const {
    r.matrix("x", x, hidden, hidden, dtype);
    if (r.bindings.logitRows.size() > static_cast<std::size_t>(mostRows)) {
      r.refuse("mostRows", "at least as many as the run wants", std::to_string(r.bindings.logitRows.size()));
    }
    r.bytes("logits", logits,
            ops::headLogitsBytes(static_cast<std::size_t>(mostRows), static_cast<std::size_t>(hidden),
                                 static_cast<std::size_t>(vocabulary), dtype, lds()));
    if (tokens) reachTokens(r, tokens->target, hidden, vocabulary, tokens->columns);
    if (!adapters) return;
    reachTarget(r, adapters->target, vocabulary, hidden, 1, adapters->lds);
    for (const RunSegment& segment : r.bindings.segments) {
      if (segment.dropout > 0) r.refuse("target", "segments without dropout", std::to_string(segment.dropout));
    }
  }
  std::size_t lds() const { return adapters ? static_cast<std::size_t>(adapters->lds) : 0; }

  const ops::DType dtype;
  const std::int32_t hidden;
  const std::int32_t vocabulary;
  const std::int32_t mostRows;
  const Tensor x;
  const Matrix& weight;
  const Tensor logits;
  const ops::LogitsKind kind;
  std::optional<HeadAdapters> adapters;
  std::optional<HeadTokens> tokens;
};

}  // namespace loratwin
