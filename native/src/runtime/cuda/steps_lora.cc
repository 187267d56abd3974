#include <algorithm>
#include <type_traits>

#include "cuda/lora.h"
#include "cuda/lora_plain.h"
#include "cuda/magnitude.h"
#include "runtime/cuda/lora_segment.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/steps.h"
#include "runtime/steps/lora.h"

namespace loratwin {

namespace {

// The segments of all projections, on the host and the device. A segment without the target has rank 0.
template <class Store>
struct Segments {
  std::vector<cuda::LoraSegmentT<Store>> items;
  cuda::LoraRunT<Store> run;
  std::int32_t perProjection = 0;
  std::int32_t projections = 0;
  std::int32_t maxRows = 0;
  std::int32_t maxRank = 0;
  std::int32_t maxFeatures = 0;

  std::int32_t count() const { return static_cast<std::int32_t>(items.size()); }
  cuda::PlainLoraT<Store> plain() const { return {run, projections, perProjection, maxRows, maxRank, maxFeatures}; }
};

// `ds`: where each projection's lies; empty in a forward.
template <class Store>
Segments<Store> segmentsOf(CudaRun& r, const Projections& given, const std::vector<Store*>& ds) {
  Segments<Store> all;
  all.projections = static_cast<std::int32_t>(given.items.size());
  all.perProjection = static_cast<std::int32_t>(r.bindings.segments.size());
  for (std::size_t p = 0; p < given.items.size(); p++) {
    const Projection& projection = given.items[p];
    for (const RunSegment& from : r.bindings.segments) {
      cuda::LoraSegmentT<Store> to = loraSegment<Store>(from, projection.target);
      to.outFeatures = projection.outFeatures;
      to.column = projection.column;
      to.lds = static_cast<std::int32_t>(projection.lds);
      to.s = r.at<Store>(projection.s);
      if (!ds.empty()) to.ds = ds[p];
      all.maxRank = std::max(all.maxRank, to.rank);
      all.maxRows = std::max(all.maxRows, to.rowEnd - to.rowStart);
      all.items.push_back(to);
    }
    all.maxFeatures = std::max(all.maxFeatures, projection.outFeatures);
  }
  const auto lda = static_cast<std::int32_t>(cuda::padded(static_cast<std::size_t>(given.inFeatures), 8));
  cuda::LoraPlaces places;
  if (given.places) {
    places = {r.at<std::int32_t>(given.places->order), r.at<std::int32_t>(given.places->starts),
              given.places->counts.experts, given.places->counts.perRow};
  }
  all.run = {r.slot.table(all.items), given.inFeatures, lda, r.rowKeys(), places};
  return all;
}

// Whether the tensor core kernels take it.
bool inTiles(const Projections& given, std::int64_t ldy, std::int64_t lddx) {
  return given.dtype == ops::DType::bfloat16 && aligned(given.ldx) && aligned(ldy) && aligned(lddx) &&
         std::all_of(given.items.begin(), given.items.end(),
                     [](const Projection& p) { return aligned(p.lds) && aligned(p.column); });
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

template <class Item>
struct OnDevice {
  const Item* items;
  std::int32_t count;
};

template <class Item>
OnDevice<Item> upload(CudaRun& r, const std::vector<Item>& values) {
  return {r.slot.table(values), static_cast<std::int32_t>(values.size())};
}

struct Lora final : CudaStep {
  explicit Lora(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    withTypes(f.given.dtype, f.yType, [&]<class Store, class Out>(Store, Out) {
      const Segments<Store> all = segmentsOf<Store>(r, f.given, {});
      const Store* const x = r.at<Store>(f.given.x);
      Out* const y = r.at<Out>(f.y);
      const std::int64_t ldx = f.given.ldx;
      const std::int64_t ldy = f.ldy;
      if constexpr (std::is_same_v<Store, ops::Bf16>) {
        if (inTiles(f.given, ldy, 0)) {
          const auto tiles = upload(r, cuda::loraTiles(all.items.data(), all.count()));
          launch = [=, run = all.run, maxFeatures = all.maxFeatures](void* stream) {
            cuda::lora_xa(run, tiles.items, tiles.count, x, ldx, stream);
            cuda::lora_sb(run, tiles.items, tiles.count, maxFeatures, y, ldy, stream);
          };
          return;
        }
      }
      launch = [=, op = all.plain()](void* stream) {
        cuda::lora_plain_xa(op, x, ldx, stream);
        cuda::lora_plain_sb(op, y, ldy, stream);
      };
    });
    return launch;
  }
  const LoraFields f;
};

struct LoraBackward final : CudaStep {
  explicit LoraBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override {
    f.reach(r);
    const std::size_t rows = static_cast<std::size_t>(r.bindings.rows) * static_cast<std::size_t>(f.given.perRow());
    std::vector<cuda::LoraScratchProjection> projections;
    for (const Projection& p : f.given.items) {
      projections.push_back({static_cast<std::size_t>(p.outFeatures), static_cast<std::size_t>(p.lds)});
    }
    r.bytes("scratch", f.scratch,
            cuda::loraScratchBytes(rows, r.bindings.segments.size(), static_cast<std::size_t>(r.bindings.maxRank()),
                                   static_cast<std::size_t>(f.given.inFeatures), projections, f.given.dtype));
  }
  Launch prepare(CudaRun& r) const override {
    Launch launch;
    withTypes(f.given.dtype, f.dxType, [&]<class Store, class Out>(Store, Out) {
      std::byte* scratch = r.place(f.scratch);
      std::vector<Store*> ds;
      for (const Projection& p : f.given.items) {
        ds.push_back(reinterpret_cast<Store*>(scratch));
        const auto elements = static_cast<std::size_t>(std::int64_t{r.rows()} * f.given.perRow() * p.lds);
        scratch += cuda::padded(elements * sizeof(Store), cuda::kScratchLine);
      }
      const Segments<Store> all = segmentsOf<Store>(r, f.given, ds);
      const Store* const x = r.at<Store>(f.given.x);
      const Store* const dy = r.at<Store>(f.dy);
      Out* const dx = f.dx ? r.at<Out>(*f.dx) : nullptr;
      const std::int64_t ldx = f.given.ldx;
      const std::int64_t lddy = f.lddy;
      const std::int64_t lddx = f.lddx;
      if constexpr (std::is_same_v<Store, ops::Bf16>) {
        if (inTiles(f.given, lddy, lddx)) {
          launch = inTilesOf(r, all, reinterpret_cast<float*>(scratch), x, dy, dx);
          return;
        }
      }
      launch = [=, op = all.plain()](void* stream) {
        cuda::lora_plain_dyb(op, dy, lddy, stream);
        if (dx != nullptr) cuda::lora_plain_dsa(op, dx, lddx, stream);
        cuda::lora_plain_dsx_dys(op, x, ldx, dy, lddy, stream);
      };
    });
    return launch;
  }
  template <class Out>
  Launch inTilesOf(CudaRun& r, const Segments<ops::Bf16>& all, float* scratch, const ops::Bf16* x, const ops::Bf16* dy,
                   Out* dx) const {
    const auto tiles = upload(r, cuda::loraTiles(all.items.data(), all.count()));
    const auto rowTiles = upload(r, cuda::loraRowTiles(all.items.data(), all.perProjection));
    const cuda::LoraGradientPlan plan =
        f.given.places ? cuda::loraPlacesPlan(all.items.data(), all.count(), f.given.inFeatures)
                       : cuda::loraGradientPlan(all.items.data(), all.count(), f.given.inFeatures, all.run.lda);
    const auto gradientTiles = upload(r, plan.tiles);
    const auto sums = upload(r, plan.sums);
    const cuda::LoraGradient gradient{gradientTiles.items,
                                      gradientTiles.count,
                                      sums.items,
                                      sums.count,
                                      plan.maxFeatures,
                                      plan.maxElements,
                                      scratch,
                                      x,
                                      f.given.ldx,
                                      dy,
                                      f.lddy};
    return [=, run = all.run, projections = all.projections, perProjection = all.perProjection, lddx = f.lddx,
            lddy = f.lddy](void* stream) {
      cuda::lora_dyb(run, tiles.items, tiles.count, dy, lddy, stream);
      if (dx != nullptr) {
        cuda::lora_dsa(run, rowTiles.items, rowTiles.count, projections, perProjection, dx, lddx, stream);
      }
      cuda::lora_dsx_dys(run, gradient, stream);
    };
  }
  const LoraBackwardFields f;
};

// The run's segments that have magnitudes.
cuda::MagnitudeSegments magnitudesOf(CudaRun& r, const MagnitudeGiven& given) {
  std::vector<cuda::MagnitudeSegment> items;
  std::int32_t maxRows = 0;
  for (const RunSegment& from : r.bindings.segments) {
    const Adapter& adapter = *from.adapter;
    const AdapterEntry* const entry = adapter.find(given.target);
    if (entry == nullptr || !entry->weight) continue;
    const std::size_t place = entry->offsetM();
    items.push_back({from.rowStart, from.rowEnd, adapter.part(AdapterPart::parameters) + place, adapter.norms(*entry),
                     adapter.part(AdapterPart::gradients) + place});
    maxRows = std::max(maxRows, from.rowEnd - from.rowStart);
  }
  const auto listed = upload(r, items);
  return {listed.items, listed.count, maxRows};
}

struct Magnitude final : CudaStep {
  explicit Magnitude(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const MagnitudeGiven& given = f.given;
    const cuda::MagnitudeSegments segments = magnitudesOf(r, given);
    Launch launch;
    withTypes(given.dtype, f.yType, [&]<class Store, class Out>(Store, Out) {
      const cuda::MagnitudeT<Store, Out> op{segments,
                                            given.outFeatures,
                                            given.column,
                                            r.at<Out>(f.y),
                                            f.ldy,
                                            given.u ? r.at<Store>(*given.u) : nullptr,
                                            given.ldu,
                                            f.bias == nullptr ? nullptr : f.bias->values.floats(),
                                            f.residual ? r.at(*f.residual) : nullptr,
                                            f.ldr};
      launch = [op](void* stream) { cuda::magnitude(op, stream); };
    });
    return launch;
  }
  const MagnitudeFields f;
};

struct MagnitudeBackward final : CudaStep {
  explicit MagnitudeBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const MagnitudeGiven& given = f.given;
    const cuda::MagnitudeSegments segments = magnitudesOf(r, given);
    Launch launch;
    ops::withStore(given.dtype, [&]<class Store>(Store) {
      const cuda::MagnitudeBackwardT<Store> op{segments,
                                               given.outFeatures,
                                               given.column,
                                               r.at<Store>(f.dy),
                                               f.lddy,
                                               given.u ? r.at<Store>(*given.u) : r.at<Store>(*f.y) + given.column,
                                               given.u ? given.ldu : f.ldy,
                                               !given.u};
      launch = [op](void* stream) { cuda::magnitude_backward(op, stream); };
    });
    return launch;
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

StepTable cudaLoraSteps() { return kSteps; }

}  // namespace loratwin
