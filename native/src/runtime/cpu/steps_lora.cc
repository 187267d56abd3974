#include <algorithm>
#include <cstring>

#include "ops/lora.h"
#include "ops/magnitude.h"
#include "ops/route.h"
#include "runtime/cpu/steps.h"
#include "runtime/steps/lora.h"

namespace loratwin {

namespace {

// What of the adapter belongs to the target and the expert.
void addFactors(ops::LoraSegment& to, const Adapter& adapter, std::uint32_t target, std::int32_t expert,
                bool backward) {
  const AdapterEntry* const entry = adapter.find(target);
  if (entry == nullptr) return;
  const std::size_t a = entry->offset + static_cast<std::size_t>(expert) * entry->expertA();
  const std::size_t b = entry->offset + entry->sizeA() + static_cast<std::size_t>(expert) * entry->expertB();
  to.a = adapter.part(AdapterPart::parameters) + a;
  to.b = adapter.part(AdapterPart::parameters) + b;
  to.rank = entry->rank;
  to.scale = entry->scale;
  if (!backward) return;
  to.da = adapter.part(AdapterPart::gradients) + a;
  to.db = adapter.part(AdapterPart::gradients) + b;
}

// The window's segments, with rows counted from its first.
void addSegments(const CpuRun& run, std::uint32_t target, std::vector<ops::LoraSegment>& items, bool backward) {
  const RowWindow window = run.window;
  for (const RunSegment& from : run.bindings.segments) {
    ops::LoraSegment to;
    to.rowStart = std::max(from.rowStart, window.first) - window.first;
    to.rowEnd = std::min(from.rowEnd, window.end) - window.first;
    if (to.rowStart >= to.rowEnd) continue;
    to.dropout = from.dropout;
    std::memcpy(to.seed, from.seed, sizeof to.seed);
    addFactors(to, *from.adapter, target, 0, backward);
    items.push_back(to);
  }
}

// Expert by expert, the places of each segment.
void addPlaces(const CpuRun& run, const LoraPlaces& places, std::uint32_t target, std::vector<ops::LoraSegment>& items,
               bool backward) {
  const std::int32_t* const order = run.at<std::int32_t>(places.order);
  const std::int32_t* const starts = run.at<std::int32_t>(places.starts);
  ops::checkStarts("lora", starts, static_cast<std::size_t>(places.counts.experts), run.rows() * places.counts.perRow);
  for (std::int32_t expert = 0; expert < places.counts.experts; expert++) {
    for (const RunSegment& from : run.bindings.segments) {
      const ops::PlaceRange range =
          ops::placesOf(order, starts, places.counts.perRow, expert, from.rowStart, from.rowEnd);
      if (range.first == range.end) continue;
      ops::LoraSegment to;
      to.rowStart = range.first;
      to.rowEnd = range.end;
      addFactors(to, *from.adapter, target, expert, backward);
      items.push_back(to);
    }
  }
}

ops::LoraSegments listed(const CpuRun& run, std::uint32_t target, const std::vector<ops::LoraSegment>& items) {
  const std::vector<std::int32_t>& keys = run.bindings.rowKeys;
  return {items.data(), static_cast<std::int32_t>(items.size()),
          keys.empty() ? nullptr : keys.data() + run.window.first, target};
}

ops::LoraSegments segmentsOf(const CpuRun& run, const std::optional<LoraPlaces>& places, std::uint32_t target,
                             std::vector<ops::LoraSegment>& items, bool backward) {
  items.clear();
  if (places) {
    addPlaces(run, *places, target, items, backward);
  } else {
    addSegments(run, target, items, backward);
  }
  return listed(run, target, items);
}

// body(projections, count) with the operator's view of them.
template <class Store, class Body>
void withProjections(const CpuRun& run, const Projections& given, bool backward, Body&& body) {
  ops::LoraProjectionT<float, Store> list[ops::kLoraProjections] = {};
  std::size_t count = 0;
  for (const Projection& p : given.items) {
    const ops::LoraSegments segments = segmentsOf(run, given.places, p.target, run.scratch.lora[count], backward);
    list[count++] = {segments, p.column, p.outFeatures, run.rowsOf<Store>(p.s, p.lds), p.lds};
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

struct Lora final : CpuStep {
  explicit Lora(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const Projections& given = f.given;
    withTypes(given.dtype, f.yType, [&]<class Store, class Out>(Store, Out) {
      withProjections<Store>(r, given, false, [&](const auto* list, std::int32_t count) {
        ops::lora(r.pool, ops::LoraT<float, Store, Out>{list, count, r.rowsOf<Store>(given.x, given.ldx), given.ldx,
                                                        given.inFeatures, r.rowsOf<Out>(f.y, f.ldy), f.ldy});
      });
    });
  }
  bool goesByRows() const override { return !f.given.places; }
  const LoraFields f;
};

struct LoraBackward final : CpuStep {
  explicit LoraBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("scratch", f.scratch,
            ops::loraBackwardScratchBytes(
                static_cast<std::size_t>(r.bindings.rows) * static_cast<std::size_t>(f.given.perRow()),
                static_cast<std::size_t>(r.bindings.maxRank()), f.given.items.size(), f.given.dtype));
  }
  void run(CpuRun& r) const override {
    const Projections& given = f.given;
    withTypes(given.dtype, f.dxType, [&]<class Store, class Out>(Store, Out) {
      withProjections<Store>(r, given, true, [&](const auto* list, std::int32_t count) {
        ops::lora_backward(r.pool, ops::LoraBackwardT<float, Store, Out>{
                                       list, count, r.rowsOf<Store>(f.dy, f.lddy), f.lddy,
                                       r.rowsOf<Store>(given.x, given.ldx), given.ldx, given.inFeatures,
                                       f.dx ? r.rowsOf<Out>(*f.dx, f.lddx) : nullptr, f.lddx, r.at<Store>(f.scratch)});
      });
    });
  }
  bool goesByRows() const override { return !f.given.places; }
  const LoraBackwardFields f;
};

// The window's segments that have magnitudes, with rows counted from its first.
const std::vector<ops::MagnitudeSegment>& magnitudesOf(const CpuRun& r, const MagnitudeGiven& given, bool backward) {
  std::vector<ops::MagnitudeSegment>& items = r.scratch.magnitudes;
  items.clear();
  for (const RunSegment& from : r.bindings.segments) {
    const Adapter& adapter = *from.adapter;
    const AdapterEntry* const entry = adapter.find(given.target);
    if (entry == nullptr || !entry->weight) continue;
    ops::MagnitudeSegment to;
    to.rowStart = std::max(from.rowStart, r.window.first) - r.window.first;
    to.rowEnd = std::min(from.rowEnd, r.window.end) - r.window.first;
    if (to.rowStart >= to.rowEnd) continue;
    to.magnitude = adapter.part(AdapterPart::parameters) + entry->offsetM();
    to.norm = adapter.norms(*entry);
    if (backward) to.dMagnitude = adapter.part(AdapterPart::gradients) + entry->offsetM();
    items.push_back(to);
  }
  return items;
}

struct Magnitude final : CpuRowStep {
  explicit Magnitude(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const MagnitudeGiven& given = f.given;
    const std::vector<ops::MagnitudeSegment>& items = magnitudesOf(r, given, false);
    withTypes(given.dtype, f.yType, [&]<class Store, class Out>(Store, Out) {
      ops::magnitude(
          r.pool, ops::MagnitudeT<float, Store, Out>{items.data(), static_cast<std::int32_t>(items.size()),
                                                     given.outFeatures, given.column, r.rowsOf<Out>(f.y, f.ldy), f.ldy,
                                                     given.u ? r.rowsOf<Store>(*given.u, given.ldu) : nullptr,
                                                     given.ldu, f.bias == nullptr ? nullptr : f.bias->values.floats(),
                                                     f.residual ? r.rowsOf(*f.residual, f.ldr) : nullptr, f.ldr});
    });
  }
  const MagnitudeFields f;
};

// Not by rows: its sums have blocks of rows.
struct MagnitudeBackward final : CpuStep {
  explicit MagnitudeBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  void run(CpuRun& r) const override {
    const MagnitudeGiven& given = f.given;
    const std::vector<ops::MagnitudeSegment>& items = magnitudesOf(r, given, true);
    ops::withStore(given.dtype, [&]<class Store>(Store) {
      ops::magnitude_backward(
          r.pool, ops::MagnitudeBackwardT<float, Store>{
                      items.data(), static_cast<std::int32_t>(items.size()), given.outFeatures, given.column,
                      r.at<Store>(f.dy), f.lddy, given.u ? r.at<Store>(*given.u) : r.at<Store>(*f.y) + given.column,
                      given.u ? given.ldu : f.ldy, !given.u});
    });
  }
  const MagnitudeBackwardFields f;
};

constexpr StepEntry kSteps[] = {
    {"lora", makeStep<Lora>},
    {"loraBackward", makeStep<LoraBackward>},
    {"magnitude", makeStep<Magnitude>},
    {"magnitudeBackward", makeStep<MagnitudeBackward>},
};

}  // namespace

ops::LoraSegments loraSegments(const CpuRun& run, std::uint32_t target, std::vector<ops::LoraSegment>& items,
                               bool backward) {
  items.clear();
  addSegments(run, target, items, backward);
  return listed(run, target, items);
}

ops::TokenSegments tokenSegments(const CpuRun& run, std::uint32_t target, bool backward) {
  std::vector<ops::TokenSegment>& items = run.scratch.tokens;
  items.clear();
  for (const RunSegment& from : run.bindings.segments) {
    const Adapter& adapter = *from.adapter;
    const AdapterEntry* const entry = adapter.find(target);
    if (entry == nullptr || from.rowStart >= from.rowEnd) continue;
    ops::TokenSegment to{from.rowStart, from.rowEnd, entry->tokens.data(), entry->rank};
    to.rows = adapter.part(AdapterPart::parameters) + entry->offset;
    if (backward) to.gradients = adapter.part(AdapterPart::gradients) + entry->offset;
    items.push_back(to);
  }
  return {items.data(), static_cast<std::int32_t>(items.size())};
}

StepTable cpuLoraSteps() { return kSteps; }

}  // namespace loratwin
