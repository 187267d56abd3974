#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "ops/lora.h"
#include "steps.h"

namespace loratwin {

namespace {

// `target`: the (layer, projection) that adapters are asked for.
struct Projection {
  std::uint32_t target;
  std::int32_t outFeatures;
  std::int32_t column;
  Tensor s;
  std::int64_t lds;
};

// What both directions are given: an input, and the projections that share it and their output tensor.
struct Projections {
  explicit Projections(Fields& f)
      : dtype(f.dtype("dtype")),
        inFeatures(f.count("inFeatures")),
        x(f.tensor("x")),
        ldx(f.stride("ldx", inFeatures)) {
    const auto name = [this](const char* field) {
      return "projections[" + std::to_string(items.size()) + "]." + field;
    };
    while (items.empty() || f.given(name("target").c_str())) {
      if (static_cast<std::int32_t>(items.size()) == ops::kLoraProjections) {
        f.refuse("projections", "at most " + std::to_string(ops::kLoraProjections), "more");
      }
      const auto target = static_cast<std::uint32_t>(f.count(name("target").c_str(), 0));
      const std::int32_t outFeatures = f.count(name("outFeatures").c_str());
      const std::int32_t column = f.count(name("column").c_str(), 0);
      const Tensor s = f.tensor(name("s").c_str());
      items.push_back({target, outFeatures, column, s, f.stride(name("lds").c_str(), 1)});
    }
  }

  // One past the last column of the output tensor that a projection has.
  std::int64_t columns() const {
    std::int64_t end = 0;
    for (const Projection& p : items) end = std::max(end, std::int64_t{p.column} + p.outFeatures);
    return end;
  }

  void reach(const Reach& r) const {
    r.matrix("x", x, ldx, inFeatures, dtype);
    for (const Projection& p : items) {
      r.matrix("s", p.s, p.lds, p.lds, dtype);
      for (const RunSegment& segment : r.bindings.segments) {
        const AdapterEntry* const entry = segment.adapter->find(p.target);
        if (entry == nullptr) continue;
        if (entry->inFeatures != inFeatures || entry->outFeatures != p.outFeatures) {
          r.refuse("target", "adapters of [" + std::to_string(p.outFeatures) + "," + std::to_string(inFeatures) + "]",
                   "one of [" + std::to_string(entry->outFeatures) + "," + std::to_string(entry->inFeatures) + "]");
        }
        if (entry->rank > p.lds) r.refuse("lds", "at least rank " + std::to_string(entry->rank), std::to_string(p.lds));
      }
    }
  }

  const ops::DType dtype;
  const std::int32_t inFeatures;
  const Tensor x;
  const std::int64_t ldx;
  std::vector<Projection> items;
};

ops::LoraSegments segmentsOf(const Run& run, std::uint32_t target, std::vector<ops::LoraSegment>& items,
                             bool backward) {
  items.clear();
  for (const RunSegment& from : run.bindings.segments) {
    ops::LoraSegment to;
    to.rowStart = from.rowStart;
    to.rowEnd = from.rowEnd;
    to.dropout = from.dropout;
    std::memcpy(to.seed, from.seed, sizeof to.seed);
    if (const AdapterEntry* const entry = from.adapter->find(target)) {
      float* const parameters = from.adapter->part(AdapterPart::parameters) + entry->offset;
      to.a = parameters;
      to.b = parameters + entry->sizeA();
      to.rank = entry->rank;
      to.scale = entry->scale;
      if (backward) {
        to.da = from.adapter->part(AdapterPart::gradients) + entry->offset;
        to.db = to.da + entry->sizeA();
      }
    }
    items.push_back(to);
  }
  ops::LoraSegments segments;
  segments.items = items.data();
  segments.count = static_cast<std::int32_t>(items.size());
  segments.rowKeys = run.bindings.rowKeys.empty() ? nullptr : run.bindings.rowKeys.data();
  segments.target = target;
  return segments;
}

// body(projections, count) with the operator's view of them.
template <class Store, class Body>
void withProjections(const Run& run, const Projections& given, bool backward, Body&& body) {
  ops::LoraProjectionT<float, Store> list[ops::kLoraProjections] = {};
  std::size_t count = 0;
  for (const Projection& p : given.items) {
    const ops::LoraSegments segments = segmentsOf(run, p.target, run.scratch.lora[count], backward);
    list[count++] = {segments, p.column, p.outFeatures, run.at<Store>(p.s), p.lds};
  }
  body(list, static_cast<std::int32_t>(count));
}

// body(Store{}, Out{}); a float32 operator writes float32.
template <class Body>
void withTypes(ops::DType store, ops::DType out, Body&& body) {
  if (store == ops::DType::float32) {
    body(float{}, float{});
  } else {
    ops::withStore(out, [&]<class Out>(Out type) { body(ops::Bf16{}, type); });
  }
}

struct LoraStep final : Step {
  explicit LoraStep(Fields& f)
      : given(f), y(f.tensor("y")), yType(f.dtype("yType", given.dtype)), ldy(f.stride("ldy", given.columns())) {
    if (given.dtype == ops::DType::float32) f.requireType("yType", yType, given.dtype);
  }
  void reach(Reach& r) const override {
    given.reach(r);
    r.matrix("y", y, ldy, given.columns(), yType);
  }
  void run(Run& r) const override {
    withTypes(given.dtype, yType, [&]<class Store, class Out>(Store, Out) {
      withProjections<Store>(r, given, false, [&](const auto* list, std::int32_t count) {
        ops::lora(r.pool, ops::LoraT<float, Store, Out>{list, count, r.at<Store>(given.x), given.ldx, given.inFeatures,
                                                        r.at<Out>(y), ldy});
      });
    });
  }
  const Projections given;
  const Tensor y;
  const ops::DType yType;
  const std::int64_t ldy;
};

struct LoraBackwardStep final : Step {
  explicit LoraBackwardStep(Fields& f)
      : given(f),
        dy(f.tensor("dy")),
        lddy(f.stride("lddy", given.columns())),
        dx(f.optionalTensor("dx")),
        dxType(f.dtype("dxType", given.dtype)),
        lddx(dx || f.given("lddx") ? f.stride("lddx", given.inFeatures) : 0),
        scratch(f.tensor("scratch")) {
    if (given.dtype == ops::DType::float32) f.requireType("dxType", dxType, given.dtype);
  }
  void reach(Reach& r) const override {
    given.reach(r);
    r.matrix("dy", dy, lddy, given.columns(), given.dtype);
    if (dx) r.matrix("dx", *dx, lddx, given.inFeatures, dxType);
    r.bytes("scratch", scratch,
            ops::loraBackwardScratchBytes(static_cast<std::size_t>(r.bindings.rows),
                                          static_cast<std::size_t>(r.bindings.maxRank()), given.items.size(),
                                          given.dtype));
  }
  void run(Run& r) const override {
    withTypes(given.dtype, dxType, [&]<class Store, class Out>(Store, Out) {
      withProjections<Store>(r, given, true, [&](const auto* list, std::int32_t count) {
        ops::lora_backward(r.pool, ops::LoraBackwardT<float, Store, Out>{
                                       list, count, r.at<Store>(dy), lddy, r.at<Store>(given.x), given.ldx,
                                       given.inFeatures, dx ? r.at<Out>(*dx) : nullptr, lddx, r.at<Store>(scratch)});
      });
    });
  }
  const Projections given;
  const Tensor dy;
  const std::int64_t lddy;
  const std::optional<Tensor> dx;
  const ops::DType dxType;
  const std::int64_t lddx;
  const Tensor scratch;
};

constexpr StepEntry kSteps[] = {
    {"lora", makeStep<LoraStep>},
    {"loraBackward", makeStep<LoraBackwardStep>},
};

}  // namespace

StepTable loraSteps() { return {kSteps, std::size(kSteps)}; }

}  // namespace loratwin
