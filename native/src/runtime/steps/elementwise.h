// embed, embedBackward, copy, rmsnorm, headNorm, rope, temperature, swiglu and their backwards: fields and reach.
#pragma once

#include <limits>
#include <optional>

#include "ops/head_norm.h"
#include "ops/swiglu.h"
#include "runtime/fields.h"
#include "runtime/steps/attention.h"
#include "runtime/steps/lora.h"

namespace loratwin {

// Columns of a tensor that is not there.
constexpr std::int64_t kAnyTokens = std::numeric_limits<std::int64_t>::max();

inline float scaleOrOne(Fields& f, const char* field) { return f.given(field) ? f.number(field) : 1.0F; }

struct EmbedFields {
  explicit EmbedFields(Fields& f)
      : dtype(f.dtype("dtype")),
        table(f.table("table")),
        out(f.tensor("out")),
        hidden(f.count("hidden")),
        scale(scaleOrOne(f, "scale")),
        tokens(optionalTarget(f, "tokens")) {
    if (table.columns != hidden) f.refuse("hidden", std::to_string(table.columns), std::to_string(hidden));
    f.requireType("table", table.dtype, dtype);
  }
  void reach(const Reach& r) const {
    r.present("ids", r.bindings.ids);
    r.matrix("out", out, hidden, hidden);
    if (tokens) reachTokens(r, *tokens, hidden, table.rows, kAnyTokens);
  }

  const ops::DType dtype;
  const Table& table;
  const Tensor out;
  const std::int32_t hidden;
  const float scale;
  const std::optional<std::uint32_t> tokens;
};

struct EmbedBackwardFields {
  explicit EmbedBackwardFields(Fields& f)
      : dx(f.tensor("dx")),
        hidden(f.count("hidden")),
        scale(scaleOrOne(f, "scale")),
        tokens(static_cast<std::uint32_t>(f.count("tokens", 0))) {}
  void reach(const Reach& r) const {
    r.present("ids", r.bindings.ids);
    r.matrix("dx", dx, hidden, hidden);
    reachTokens(r, tokens, hidden, std::numeric_limits<std::int32_t>::max(), kAnyTokens);
    reachGradients(r, tokens);
  }

  const Tensor dx;
  const std::int32_t hidden;
  const float scale;
  const std::uint32_t tokens;
};

struct CopyFields {
  explicit CopyFields(Fields& f)
      : columns(f.count("columns")),
        x(f.tensor("x")),
        from(f.dtype("from")),
        y(f.tensor("y")),
        to(f.dtype("to")),
        scale(scaleOrOne(f, "scale")),
        residual(f.optionalTensor("residual")) {
    if (residual) f.requireType("to", to, ops::DType::float32);
  }
  void reach(const Reach& r) const {
    r.matrix("x", x, columns, columns, from);
    r.matrix("y", y, columns, columns, to);
    if (residual) r.matrix("residual", *residual, columns, columns);
  }

  const std::int32_t columns;
  const Tensor x;
  const ops::DType from;
  const Tensor y;
  const ops::DType to;
  const float scale;
  const std::optional<Tensor> residual;
};

// The type of a norm's input, which is the compute dtype where it is not float32.
inline ops::DType normedType(Fields& f, ops::DType dtype) {
  const ops::DType type = f.dtype("xType");
  if (type != ops::DType::float32) f.requireType("xType", type, dtype);
  return type;
}

struct RmsnormFields {
  explicit RmsnormFields(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        x(f.tensor("x")),
        xType(normedType(f, dtype)),
        weight(f.vector("weight", static_cast<std::size_t>(hidden))),
        y(f.tensor("y")),
        residual(f.optionalTensor("residual")),
        rstd(f.tensor("rstd")),
        eps(f.number("eps")) {}
  void reach(const Reach& r) const {
    r.matrix("x", x, hidden, hidden, xType);
    r.matrix("y", y, hidden, hidden, yType());
    if (residual) r.matrix("residual", *residual, hidden, hidden);
    r.matrix("rstd", rstd, 1, 1);
  }
  ops::DType yType() const { return residual ? ops::DType::float32 : dtype; }

  const ops::DType dtype;
  const std::int32_t hidden;
  const Tensor x;
  const ops::DType xType;
  const Vector& weight;
  const Tensor y;
  const std::optional<Tensor> residual;
  const Tensor rstd;
  const float eps;
};

struct RmsnormBackwardFields {
  explicit RmsnormBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        hidden(f.count("hidden")),
        dy(f.tensor("dy")),
        x(f.tensor("x")),
        xType(normedType(f, dtype)),
        rstd(f.tensor("rstd")),
        weight(f.vector("weight", static_cast<std::size_t>(hidden))),
        residual(f.optionalTensor("residual")),
        dx(f.tensor("dx")),
        dxCompute(f.optionalTensor("dxCompute")) {
    if (dxCompute) f.requireType("dtype", dtype, ops::DType::bfloat16);
  }
  void reach(const Reach& r) const {
    r.matrix("dy", dy, hidden, hidden);
    r.matrix("x", x, hidden, hidden, xType);
    r.matrix("rstd", rstd, 1, 1);
    if (residual) r.matrix("residual", *residual, hidden, hidden);
    r.matrix("dx", dx, hidden, hidden);
    if (dxCompute) r.matrix("dxCompute", *dxCompute, hidden, hidden, dtype);
  }

  const ops::DType dtype;
  const std::int32_t hidden;
  const Tensor dy;
  const Tensor x;
  const ops::DType xType;
  const Tensor rstd;
  const Vector& weight;
  const std::optional<Tensor> residual;
  const Tensor dx;
  const std::optional<Tensor> dxCompute;
};

// What the norms of queries and keys have, forward and backward.
struct HeadNormWeightFields {
  HeadNormWeightFields(Fields& f, const HeadColumns& columns)
      : whole(f.flag("whole")),
        q(f.optionalVector("qWeight", count(columns.heads, columns))),
        k(f.optionalVector("kWeight", count(columns.kvHeads, columns))),
        eps(f.number("eps")) {}
  std::size_t count(std::int32_t heads, const HeadColumns& columns) const {
    return (whole ? static_cast<std::size_t>(heads) : 1) * static_cast<std::size_t>(columns.headDim);
  }
  ops::HeadNormWeights<float> values() const {
    return {q != nullptr ? q->values.floats() : nullptr, k != nullptr ? k->values.floats() : nullptr, whole, eps};
  }

  const bool whole;
  const Vector* const q;  // null: 1 everywhere
  const Vector* const k;
  const float eps;
};

inline ops::NormedHeads normedHeads(const HeadColumns& columns) {
  return {columns.q, columns.k, columns.v, columns.heads, columns.kvHeads, columns.headDim};
}

struct HeadNormFields {
  explicit HeadNormFields(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        x(f.tensor("x")),
        y(f.tensor("y")),
        ld(f.stride("ld", columns.columns())),
        weights(f, columns) {}
  void reach(const Reach& r) const {
    r.matrix("x", x, ld, columns.columns(), dtype);
    r.matrix("y", y, ld, columns.columns(), dtype);
  }

  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor x;
  const Tensor y;
  const std::int64_t ld;
  const HeadNormWeightFields weights;
};

struct HeadNormBackwardFields {
  explicit HeadNormBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        dy(f.tensor("dy")),
        x(f.tensor("x")),
        dx(f.tensor("dx")),
        ld(f.stride("ld", columns.columns())),
        weights(f, columns) {}
  void reach(const Reach& r) const {
    r.matrix("dy", dy, ld, columns.columns(), dtype);
    r.matrix("x", x, ld, columns.columns(), dtype);
    r.matrix("dx", dx, ld, columns.columns(), dtype);
  }

  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor dy;
  const Tensor x;
  const Tensor dx;
  const std::int64_t ld;
  const HeadNormWeightFields weights;
};

struct RopeFields {
  explicit RopeFields(Fields& f)
      : dtype(f.dtype("dtype")),
        column(f.count("column", 0)),
        heads(f.count("heads")),
        headDim(f.count("headDim", 2)),
        x(f.tensor("x")),
        ld(f.stride("ld", columns())),
        frequencies(f.vector("frequencies", 1, static_cast<std::size_t>(headDim / 2))),
        longFrequencies(f.optionalVector("longFrequencies", frequencies.count)),
        longFrom(f.given("longFrom") ? f.count("longFrom", 0) : 0),
        pairs(f.given("pairs") && f.flag("pairs")),
        factor(scaleOrOne(f, "factor")),
        inverse(f.flag("inverse")) {
    if (headDim % 2 != 0 || headDim > kMaxHeadDim) {
      f.refuse("headDim", "an even number up to 1024", std::to_string(headDim));
    }
    if (longFrequencies != nullptr && !f.given("longFrom")) {
      f.refuse("longFrom", "the rows from which sequences have the long frequencies", "nothing");
    }
    if (longFrequencies == nullptr && f.given("longFrom")) {
      f.refuse("longFrequencies", "a vector beside longFrom", "nothing");
    }
  }
  void reach(const Reach& r) const { r.matrix("x", x, ld, columns(), dtype); }
  std::int64_t columns() const { return column + std::int64_t{heads} * headDim; }
  std::int32_t turned() const { return static_cast<std::int32_t>(frequencies.count); }

  static constexpr std::int32_t kMaxHeadDim = 1024;
  const ops::DType dtype;
  const std::int32_t column;
  const std::int32_t heads;
  const std::int32_t headDim;
  const Tensor x;
  const std::int64_t ld;
  const Vector& frequencies;
  const Vector* const longFrequencies;  // null: none
  const std::int32_t longFrom;
  const bool pairs;
  const float factor;
  const bool inverse;
};

struct TemperatureFields {
  explicit TemperatureFields(Fields& f)
      : dtype(f.dtype("dtype")),
        column(f.count("column", 0)),
        columns(f.count("columns")),
        x(f.tensor("x")),
        ld(f.stride("ld", end())),
        scale(f.number("scale")),
        floor(f.number("floor")) {
    if (!(floor > 0.0F)) f.refuse("floor", "a positive number", std::to_string(floor));
  }
  void reach(const Reach& r) const { r.matrix("x", x, ld, end(), dtype); }
  std::int64_t end() const { return std::int64_t{column} + columns; }

  const ops::DType dtype;
  const std::int32_t column;
  const std::int32_t columns;
  const Tensor x;
  const std::int64_t ld;
  const float scale;
  const float floor;
};

// How many rows of a tensor there are for each row of the run.
inline std::int32_t rowsPerRow(Fields& f) { return f.given("perRow") ? f.count("perRow") : 1; }

struct ActivationFields {
  explicit ActivationFields(Fields& f)
      : kind(kKinds[f.choice("activation", {"silu", "gelu", "clamped"})]),
        alpha(kind == ops::Activation::clamped ? f.number("alpha") : 1.0F),
        limit(kind == ops::Activation::clamped ? f.number("limit") : 1.0F) {
    if (!(limit > 0.0F)) f.refuse("limit", "a positive number", std::to_string(limit));
  }

  static constexpr ops::Activation kKinds[] = {ops::Activation::silu, ops::Activation::gelu, ops::Activation::clamped};
  const ops::Activation kind;
  const float alpha;
  const float limit;
};

struct SwigluFields {
  explicit SwigluFields(Fields& f)
      : dtype(f.dtype("dtype")),
        intermediate(f.count("intermediate")),
        gateUp(f.tensor("gateUp")),
        ld(f.stride("ld", 2 * std::int64_t{intermediate})),
        out(f.tensor("out")),
        ldo(f.stride("ldo", intermediate)),
        act(f),
        isPlaced(f.given("perRow")),
        perRow(rowsPerRow(f)) {}
  void reach(const Reach& r) const {
    r.matrix("gateUp", gateUp, ld, 2 * std::int64_t{intermediate}, dtype, perRow);
    r.matrix("out", out, ldo, intermediate, dtype, perRow);
  }

  const ops::DType dtype;
  const std::int32_t intermediate;
  const Tensor gateUp;
  const std::int64_t ld;
  const Tensor out;
  const std::int64_t ldo;
  const ActivationFields act;
  const bool isPlaced;  // rows are places of experts, not rows of the run
  const std::int32_t perRow;
};

struct SwigluBackwardFields {
  explicit SwigluBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        intermediate(f.count("intermediate")),
        gateUp(f.tensor("gateUp")),
        ld(f.stride("ld", 2 * std::int64_t{intermediate})),
        dout(f.tensor("dout")),
        lddo(f.stride("lddo", intermediate)),
        dgateUp(f.tensor("dgateUp")),
        ldd(f.stride("ldd", 2 * std::int64_t{intermediate})),
        act(f),
        isPlaced(f.given("perRow")),
        perRow(rowsPerRow(f)) {}
  void reach(const Reach& r) const {
    r.matrix("gateUp", gateUp, ld, 2 * std::int64_t{intermediate}, dtype, perRow);
    r.matrix("dout", dout, lddo, intermediate, dtype, perRow);
    r.matrix("dgateUp", dgateUp, ldd, 2 * std::int64_t{intermediate}, dtype, perRow);
  }

  const ops::DType dtype;
  const std::int32_t intermediate;
  const Tensor gateUp;
  const std::int64_t ld;
  const Tensor dout;
  const std::int64_t lddo;
  const Tensor dgateUp;
  const std::int64_t ldd;
  const ActivationFields act;
  const bool isPlaced;  // rows are places of experts, not rows of the run
  const std::int32_t perRow;
};

}  // namespace loratwin
