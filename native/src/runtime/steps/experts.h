// route, gatherRows, combine, expertMatmul and their backwards: fields and reach.
#pragma once

#include <optional>

#include "runtime/fields.h"
#include "runtime/steps/places.h"

namespace loratwin {

struct RouteFields {
  explicit RouteFields(Fields& f)
      : counts(f),
        logits(f.tensor("logits")),
        normalized(f.flag("normalized")),
        chosen(f.tensor("chosen")),
        weights(f.tensor("weights")),
        order(f.tensor("order")),
        places(f.tensor("places")),
        starts(f.tensor("starts")) {}
  void reach(const Reach& r) const {
    r.matrix("logits", logits, counts.experts, counts.experts);
    reachPairs(r, "chosen", chosen, counts.perRow);
    reachPairs(r, "weights", weights, counts.perRow);
    reachPairs(r, "order", order, counts.perRow);
    reachPairs(r, "places", places, counts.perRow);
    reachStarts(r, starts, counts.experts);
  }

  const ExpertCounts counts;
  const Tensor logits;
  const bool normalized;
  const Tensor chosen;
  const Tensor weights;
  const Tensor order;
  const Tensor places;
  const Tensor starts;
};

struct RouteBackwardFields {
  explicit RouteBackwardFields(Fields& f)
      : counts(f),
        dweights(f.tensor("dweights")),
        logits(f.tensor("logits")),
        normalized(f.flag("normalized")),
        chosen(f.tensor("chosen")),
        weights(f.tensor("weights")),
        dlogits(f.tensor("dlogits")) {}
  void reach(const Reach& r) const {
    reachPairs(r, "dweights", dweights, counts.perRow);
    r.matrix("logits", logits, counts.experts, counts.experts);
    reachPairs(r, "chosen", chosen, counts.perRow);
    reachPairs(r, "weights", weights, counts.perRow);
    r.matrix("dlogits", dlogits, counts.experts, counts.experts);
  }

  const ExpertCounts counts;
  const Tensor dweights;
  const Tensor logits;
  const bool normalized;
  const Tensor chosen;
  const Tensor weights;
  const Tensor dlogits;
};

struct GatherRowsFields {
  explicit GatherRowsFields(Fields& f)
      : dtype(f.dtype("dtype")),
        perRow(f.count("perRow")),
        columns(f.count("columns")),
        order(f.tensor("order")),
        x(f.tensor("x")),
        y(f.tensor("y")) {}
  void reach(const Reach& r) const {
    reachPairs(r, "order", order, perRow);
    r.matrix("x", x, columns, columns, dtype);
    r.matrix("y", y, columns, columns, dtype, perRow);
  }

  const ops::DType dtype;
  const std::int32_t perRow;
  const std::int32_t columns;
  const Tensor order;
  const Tensor x;
  const Tensor y;
};

struct CombineFields {
  explicit CombineFields(Fields& f)
      : dtype(f.dtype("dtype")),
        perRow(f.count("perRow")),
        columns(f.count("columns")),
        places(f.tensor("places")),
        x(f.tensor("x")),
        weights(f.optionalTensor("weights")),
        y(f.tensor("y")),
        yType(f.dtype("yType", dtype)),
        residual(f.optionalTensor("residual")) {
    if (residual || dtype == ops::DType::float32) f.requireType("yType", yType, ops::DType::float32);
  }
  void reach(const Reach& r) const {
    reachPairs(r, "places", places, perRow);
    r.matrix("x", x, columns, columns, dtype, perRow);
    if (weights) reachPairs(r, "weights", *weights, perRow);
    r.matrix("y", y, columns, columns, yType);
    if (residual) r.matrix("residual", *residual, columns, columns);
  }

  const ops::DType dtype;
  const std::int32_t perRow;
  const std::int32_t columns;
  const Tensor places;
  const Tensor x;
  const std::optional<Tensor> weights;
  const Tensor y;
  const ops::DType yType;
  const std::optional<Tensor> residual;
};

struct CombineBackwardFields {
  explicit CombineBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        perRow(f.count("perRow")),
        columns(f.count("columns")),
        places(f.tensor("places")),
        dy(f.tensor("dy")),
        x(f.tensor("x")),
        weights(f.tensor("weights")),
        dx(f.tensor("dx")),
        dweights(f.tensor("dweights")) {}
  void reach(const Reach& r) const {
    reachPairs(r, "places", places, perRow);
    r.matrix("dy", dy, columns, columns, dtype);
    r.matrix("x", x, columns, columns, dtype, perRow);
    reachPairs(r, "weights", weights, perRow);
    r.matrix("dx", dx, columns, columns, dtype, perRow);
    reachPairs(r, "dweights", dweights, perRow);
  }

  const ops::DType dtype;
  const std::int32_t perRow;
  const std::int32_t columns;
  const Tensor places;
  const Tensor dy;
  const Tensor x;
  const Tensor weights;
  const Tensor dx;
  const Tensor dweights;
};

struct ExpertMatmulFields {
  explicit ExpertMatmulFields(Fields& f)
      : dtype(f.dtype("dtype")),
        weight(f.expertMatrix("weight")),
        perRow(f.count("perRow")),
        starts(f.tensor("starts")),
        x(f.tensor("x")),
        ldx(f.stride("ldx", weight.in)),
        y(f.tensor("y")),
        ldy(f.stride("ldy", weight.out)),
        bias(f.optionalVector("bias", static_cast<std::size_t>(weight.experts) * static_cast<std::size_t>(weight.out))),
        scratch(f.tensor("scratch")) {
    f.requireType("weight", weight.dtype, dtype);
  }
  void reach(const Reach& r) const {
    reachStarts(r, starts, weight.experts);
    r.matrix("x", x, ldx, weight.in, dtype, perRow);
    r.matrix("y", y, ldy, weight.out, dtype, perRow);
  }

  const ops::DType dtype;
  const Matrix& weight;
  const std::int32_t perRow;
  const Tensor starts;
  const Tensor x;
  const std::int64_t ldx;
  const Tensor y;
  const std::int64_t ldy;
  const Vector* const bias;
  const Tensor scratch;
};

struct ExpertMatmulBackwardFields {
  explicit ExpertMatmulBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        weight(f.expertMatrix("weight")),
        perRow(f.count("perRow")),
        starts(f.tensor("starts")),
        dy(f.tensor("dy")),
        lddy(f.stride("lddy", weight.out)),
        dx(f.tensor("dx")),
        lddx(f.stride("lddx", weight.in)),
        scratch(f.tensor("scratch")) {
    f.requireType("weight", weight.dtype, dtype);
    if (!weight.backward) f.refuse("weight", "a matrix loaded with backward", "one without");
  }
  void reach(const Reach& r) const {
    reachStarts(r, starts, weight.experts);
    r.matrix("dy", dy, lddy, weight.out, dtype, perRow);
    r.matrix("dx", dx, lddx, weight.in, dtype, perRow);
  }

  const ops::DType dtype;
  const Matrix& weight;
  const std::int32_t perRow;
  const Tensor starts;
  const Tensor dy;
  const std::int64_t lddy;
  const Tensor dx;
  const std::int64_t lddx;
  const Tensor scratch;
};

}  // namespace loratwin
