// lora, magnitude and their backwards: fields and reach; how much scratch the backward needs is the device's affair.
#pragma once

#include <optional>
#include <vector>

#include "runtime/fields.h"
#include "runtime/steps/places.h"

namespace loratwin {

// `target`: the (layer, projection) that adapters are asked for.
struct Projection {
  std::uint32_t target;
  std::int32_t outFeatures;
  std::int32_t column;
  Tensor s;
  std::int64_t lds;
};

// Of LoRA over places of experts (ops/route.h): each has an adapter's A and B of its own.
struct LoraPlaces {
  explicit LoraPlaces(Fields& f) : counts(f), order(f.tensor("order")), starts(f.tensor("starts")) {}
  void reach(const Reach& r) const {
    reachPairs(r, "order", order, counts.perRow);
    reachStarts(r, starts, counts.experts);
  }

  const ExpertCounts counts;
  const Tensor order;
  const Tensor starts;
};

// The run's adapters have at a target what an operator takes: B [outFeatures, rank], A [rank, inFeatures], of so many
// experts, rank <= lds.
void reachTarget(const Reach& r, std::uint32_t target, std::int32_t outFeatures, std::int32_t inFeatures,
                 std::int32_t experts, std::int64_t lds);

// The run's adapters have at a target rows [n, hidden] for tokens of a vocabulary, n <= columns.
void reachTokens(const Reach& r, std::uint32_t target, std::int32_t hidden, std::int32_t vocabulary,
                 std::int64_t columns);

// A field that names a target; none where it is not given.
inline std::optional<std::uint32_t> optionalTarget(Fields& f, const char* field) {
  if (!f.given(field)) return std::nullopt;
  return static_cast<std::uint32_t>(f.count(field, 0));
}

// The run's adapters that have the target have gradients, too.
void reachGradients(const Reach& r, std::uint32_t target);

// What both directions are given: an input, and the projections that share it and their output tensor.
struct Projections {
  explicit Projections(Fields& f);
  // One past the last column of the output tensor that a projection has.
  std::int64_t columns() const;
  void reach(const Reach& r) const;
  std::int32_t perRow() const { return places ? places->counts.perRow : 1; }

  const ops::DType dtype;
  const std::int32_t inFeatures;
  const Tensor x;
  const std::int64_t ldx;
  std::vector<Projection> items;
  std::optional<LoraPlaces> places;  // none: rows are those of the run
};

struct LoraFields {
  explicit LoraFields(Fields& f)
      : given(f), y(f.tensor("y")), yType(f.dtype("yType", given.dtype)), ldy(f.stride("ldy", given.columns())) {
    if (given.dtype == ops::DType::float32) f.requireType("yType", yType, given.dtype);
  }
  void reach(const Reach& r) const {
    given.reach(r);
    r.matrix("y", y, ldy, given.columns(), yType, given.perRow());
  }

  const Projections given;
  const Tensor y;
  const ops::DType yType;
  const std::int64_t ldy;
};

struct LoraBackwardFields {
  explicit LoraBackwardFields(Fields& f)
      : given(f),
        dy(f.tensor("dy")),
        lddy(f.stride("lddy", given.columns())),
        dx(f.optionalTensor("dx")),
        dxType(f.dtype("dxType", given.dtype)),
        lddx(dx || f.given("lddx") ? f.stride("lddx", given.inFeatures) : 0),
        scratch(f.tensor("scratch")) {
    if (given.dtype == ops::DType::float32) f.requireType("dxType", dxType, given.dtype);
  }
  void reach(const Reach& r) const {
    given.reach(r);
    for (const Projection& p : given.items) reachGradients(r, p.target);
    r.matrix("dy", dy, lddy, given.columns(), given.dtype, given.perRow());
    if (dx) r.matrix("dx", *dx, lddx, given.inFeatures, dxType, given.perRow());
  }

  const Projections given;
  const Tensor dy;
  const std::int64_t lddy;
  const std::optional<Tensor> dx;
  const ops::DType dxType;
  const std::int64_t lddx;
  const Tensor scratch;
};

// What both directions of a magnitude are given, beside the tensor that they change.
struct MagnitudeGiven {
  explicit MagnitudeGiven(Fields& f)
      : dtype(f.dtype("dtype")),
        target(static_cast<std::uint32_t>(f.count("target", 0))),
        outFeatures(f.count("outFeatures")),
        column(f.count("column", 0)),
        u(f.optionalTensor("u")),
        ldu(u || f.given("ldu") ? f.stride("ldu", outFeatures) : 0) {}
  void reach(const Reach& r) const;
  std::int64_t end() const { return std::int64_t{column} + outFeatures; }

  const ops::DType dtype;
  const std::uint32_t target;
  const std::int32_t outFeatures;
  const std::int32_t column;
  const std::optional<Tensor> u;
  const std::int64_t ldu;
};

struct MagnitudeFields {
  explicit MagnitudeFields(Fields& f)
      : given(f),
        y(f.tensor("y")),
        yType(f.dtype("yType", given.dtype)),
        ldy(f.stride("ldy", given.end())),
        bias(f.optionalVector("bias", static_cast<std::size_t>(ldy))),
        residual(f.optionalTensor("residual")),
        ldr(residual || f.given("ldr") ? f.stride("ldr", given.end()) : 0) {
    if (residual || given.dtype == ops::DType::float32) f.requireType("yType", yType, ops::DType::float32);
  }
  void reach(const Reach& r) const {
    given.reach(r);
    r.matrix("y", y, ldy, given.end(), yType);
    if (residual) r.matrix("residual", *residual, ldr, given.end());
  }

  const MagnitudeGiven given;
  const Tensor y;
  const ops::DType yType;
  const std::int64_t ldy;
  const Vector* const bias;
  const std::optional<Tensor> residual;
  const std::int64_t ldr;
};

struct MagnitudeBackwardFields {
  explicit MagnitudeBackwardFields(Fields& f)
      : given(f),
        dy(f.tensor("dy")),
        lddy(f.stride("lddy", given.end())),
        y(given.u ? std::nullopt : std::optional<Tensor>(f.tensor("y"))),
        ldy(y ? f.stride("ldy", given.end()) : 0) {}
  void reach(const Reach& r) const {
    given.reach(r);
    reachGradients(r, given.target);
    r.matrix("dy", dy, lddy, given.end(), given.dtype);
    if (y) r.matrix("y", *y, ldy, given.end(), given.dtype);
  }

  const MagnitudeGiven given;
  const Tensor dy;
  const std::int64_t lddy;
  // What is behind the magnitudes, where it is all that is kept.
  const std::optional<Tensor> y;
  const std::int64_t ldy;
};

}  // namespace loratwin
