#include "cuda/cross_entropy.h"
#include "cuda/fill_rows.h"
#include "cuda/lora_plain.h"
#include "cuda/preference.h"
#include "cuda/quantized_product.h"
#include "cuda/select_rows.h"
#include "runtime/cuda/lora_segment.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/steps.h"
#include "runtime/steps/products.h"

namespace loratwin {

namespace {

void multiply(cuda::Blas& blas, const cuda::Product& op, const Matrix& weight, ops::Bf16* room, void* stream) {
  const CudaMatrix& matrix = cudaMatrix(weight);
  if (matrix.quantized) {
    cuda::multiplyQuantized(blas, op, *matrix.quantized, room, stream);
  } else {
    blas.multiply(op, stream);
  }
}

struct Matmul final : CudaStep {
  explicit Matmul(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    cuda::Product op{};
    op.x = r.place(f.x);
    op.ldx = f.ldx;
    op.weight = weightFor(f.weight);
    op.type = f.dtype;
    op.out = f.weight.out;
    op.in = f.weight.in;
    op.y = r.place(f.y);
    op.yType = f.yType;
    op.ldy = f.ldy;
    op.rows = r.rows();
    if (f.residual) {
      op.residual = r.at(*f.residual);
      op.ldr = f.ldr;
    }
    op.accumulate = f.bias != nullptr;
    return [op, bias = f.bias, &weight = f.weight, room = r.dequantized, &blas = r.blas](void* stream) {
      if (bias != nullptr) {
        ops::withStore(op.yType, [&]<class Store>(Store) {
          cuda::fill_rows(bias->values.floats(), op.out, static_cast<Store*>(op.y), op.ldy, op.rows, stream);
        });
      }
      multiply(blas, op, weight, room, stream);
    };
  }
  const MatmulFields f;
};

struct MatmulBackward final : CudaStep {
  explicit MatmulBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    cuda::Product op{};
    op.x = r.place(f.dy);
    op.ldx = f.lddy;
    op.weight = weightFor(f.weight);
    op.type = f.dtype;
    op.out = f.weight.out;
    op.in = f.weight.in;
    op.backward = true;
    op.y = r.place(f.dx);
    op.yType = f.dxType;
    op.ldy = f.lddx;
    op.rows = r.rows();
    return [op, &weight = f.weight, room = r.dequantized, &blas = r.blas](void* stream) {
      multiply(blas, op, weight, room, stream);
    };
  }
  const MatmulBackwardFields f;
};

// Scored rows one behind another, all of them with a gradient or none: tiles are of one run.
struct TileRun {
  std::int32_t first;
  std::int32_t end;
  bool isGraded;
};

// Tiles of scored rows with the whole vocabulary, so that the logits' product runs once. Of those without a gradient
// dx is zero.
template <class Store>
struct HeadLossRun {
  const HeadLossFields* f;
  const Store* x;
  float* dx;  // null: the losses only
  // Of a tile. `gradient` is that of the logits, in their place where both are float32.
  Store* tileX;
  float* tileDx;
  float* logits;
  Store* gradient;
  std::int64_t ld;  // of logits and gradient
  // The rows that are scored, in order, and those that have no gradient.
  const std::int32_t* scored;
  std::vector<TileRun> runs;
  const std::int32_t* others;
  std::int32_t otherCount;
  // Of the scored rows.
  const std::int32_t* targets;
  const float* lossScale;
  const std::int32_t* offsets;
  std::int32_t segments;
  cuda::CrossEntropyState* state;
  double* losses;
  cuda::Preference preferences;
  cuda::Blas* blas;
  // By tile; empty without adapters on the head.
  std::vector<cuda::PlainLoraT<Store>> adapters;
  // By tile too; empty without rows that adapters have of it.
  std::vector<cuda::HeadTokensT<Store>> tokens;

  void operator()(void* stream) const {
    if (dx != nullptr) cuda::scatter_rows(nullptr, others, otherCount, f->hidden, dx, stream);
    std::size_t next = 0;
    for (const TileRun& run : runs) {
      for (std::int32_t row = run.first; row < run.end; row += f->tileRows) {
        tile(row, std::min(f->tileRows, run.end - row), run.isGraded, next++, stream);
      }
    }
    cuda::cross_entropy_losses(state, targets, offsets, segments, losses, stream);
    if (dx != nullptr) cuda::preference(preferences, stream);
  }

  // null: no row of the tile has one
  const cuda::PlainLoraT<Store>* adapterOf(std::size_t tile) const {
    return adapters.empty() || adapters[tile].perProjection == 0 ? nullptr : &adapters[tile];
  }

  void tile(std::int32_t row, std::int32_t rows, bool isGraded, std::size_t index, void* stream) const {
    const cuda::PlainLoraT<Store>* const own = adapterOf(index);
    const cuda::HeadTokensT<Store>* const ownRows = tokens.empty() ? nullptr : &tokens[index];
    cuda::gather_rows(x, scored + row, rows, f->hidden, tileX, stream);
    cuda::Product op{};
    op.x = tileX;
    op.ldx = f->hidden;
    op.weight = weightFor(f->weight);
    op.type = f->dtype;
    op.out = f->vocabulary;
    op.in = f->hidden;
    op.y = logits;
    op.yType = ops::DType::float32;
    op.ldy = ld;
    op.rows = rows;
    blas->multiply(op, stream);
    if (own != nullptr) {
      cuda::lora_plain_xa(*own, tileX, f->hidden, stream);
      cuda::lora_plain_sb(*own, logits, ld, stream);
    }
    if (ownRows != nullptr) cuda::head_tokens(*ownRows, stream);
    const cuda::LogitsTile scores{logits, ld, rows, 0, f->vocabulary, targets + row, f->kind};
    cuda::cross_entropy_tile(scores, state + row, true, stream);
    if (!isGraded) return;
    cuda::cross_entropy_gradient(scores, state + row, lossScale + row, gradient, ld, stream);
    if (ownRows != nullptr) cuda::head_tokens_take(*ownRows, stream);
    op.x = gradient;
    op.ldx = ld;
    op.backward = true;
    op.y = tileDx;
    op.ldy = f->hidden;
    blas->multiply(op, stream);
    if (own != nullptr) {
      cuda::lora_plain_dyb(*own, gradient, ld, stream);
      cuda::lora_plain_dsa(*own, tileDx, f->hidden, stream);
      cuda::lora_plain_dsx_dys(*own, tileX, f->hidden, gradient, ld, stream);
    }
    if (ownRows != nullptr) cuda::head_tokens_backward(*ownRows, stream);
    cuda::scatter_rows(tileDx, scored + row, rows, f->hidden, dx, stream);
  }
};

// The rows of a run by whether they are scored; only rows that losses are summed over are.
struct ScoredRows {
  std::vector<std::int32_t> scored;
  std::vector<TileRun> runs;
  std::vector<std::int32_t> others;  // without a gradient
  // Of the scored rows.
  std::vector<std::int32_t> targets;
  std::vector<float> scales;
  std::vector<std::int32_t> offsets{0};  // of each sum of losses

  ScoredRows(const Bindings& bindings, bool hasGradient) {
    std::int32_t next = 0;
    const auto leaveOut = [&](std::int32_t end) {
      for (; next < end; next++) others.push_back(next);
    };
    for (const ops::LossSegment& segment : bindings.losses) {
      const bool isGraded = hasGradient && segment.lossScale != 0.0F;
      for (std::int32_t row = segment.rowStart; row < segment.rowEnd; row++) {
        const std::int32_t target = bindings.targets[static_cast<std::size_t>(row)];
        if (target < 0) continue;
        if (isGraded) {
          leaveOut(row);
          next = row + 1;
        }
        const auto place = static_cast<std::int32_t>(scored.size());
        if (runs.empty() || runs.back().isGraded != isGraded) runs.push_back({place, place, isGraded});
        runs.back().end = place + 1;
        scored.push_back(row);
        targets.push_back(target);
        scales.push_back(segment.lossScale);
      }
      offsets.push_back(static_cast<std::int32_t>(scored.size()));
    }
    leaveOut(bindings.rows);
  }
};

// Where adapters on the head leave what they have shrunk; `ds` is of a backward.
template <class Store>
struct HeadRoom {
  std::int32_t vocabulary;
  std::int32_t lds;
  Store* s;
  Store* ds;
};

// The place of a row among rows first .. end of those listed, which come in order; from `first` on.
auto placesFrom(const std::vector<std::int32_t>& listed, std::int32_t first, std::int32_t end) {
  return [&listed, first, end](std::int32_t row) {
    const auto place = static_cast<std::int32_t>(std::lower_bound(listed.begin(), listed.end(), row) - listed.begin());
    return std::clamp(place, first, end) - first;
  };
}

// Rows that adapters have of the head, for rows first .. end of those listed; numbered as adapters on it.
template <class Store>
cuda::TokenSegmentsT<Store> headTokens(CudaRun& r, std::uint32_t target, std::int32_t hidden,
                                       const std::vector<std::int32_t>& listed, std::int32_t first, std::int32_t end) {
  return tokenSegments<Store>(r, target, hidden, placesFrom(listed, first, end));
}

// Adapters on the head of rows first .. end of those listed, which come in order; numbered from `first` on. `keys`: of
// the dropout, from `first` on, or null.
template <class Store>
cuda::PlainLoraT<Store> headLora(CudaRun& r, std::uint32_t target, std::int32_t hidden,
                                 const std::vector<std::int32_t>& listed, std::int32_t first, std::int32_t end,
                                 const std::int32_t* keys, const HeadRoom<Store>& room) {
  const auto placeOf = placesFrom(listed, first, end);
  std::vector<cuda::LoraSegmentT<Store>> items;
  cuda::PlainLoraT<Store> op{};
  for (const RunSegment& segment : r.bindings.segments) {
    cuda::LoraSegmentT<Store> to = loraSegment<Store>(segment, target);
    to.rowStart = placeOf(segment.rowStart);
    to.rowEnd = placeOf(segment.rowEnd);
    if (to.rowStart >= to.rowEnd || to.rank == 0) continue;
    to.outFeatures = room.vocabulary;
    to.lds = room.lds;
    to.s = room.s;
    to.ds = room.ds;
    op.maxRows = std::max(op.maxRows, to.rowEnd - to.rowStart);
    op.maxRank = std::max(op.maxRank, to.rank);
    items.push_back(to);
  }
  op.projections = 1;
  op.perProjection = static_cast<std::int32_t>(items.size());
  op.maxFeatures = room.vocabulary;
  const auto lda = static_cast<std::int32_t>(cuda::padded(static_cast<std::size_t>(hidden), 8));
  op.run = {r.slot.table(items), hidden, lda, keys};
  // Which of a segment's rows are listed is no matter of the bindings that a graph goes by.
  r.dependsOn(static_cast<std::uint64_t>(op.maxRows));
  r.dependsOn(static_cast<std::uint64_t>(op.maxRank));
  return op;
}

struct HeadLoss final : CudaStep {
  explicit HeadLoss(Fields& fields) : f(fields) { givesLosses = true; }
  cuda::HeadScratch scratch() const {
    return cuda::headScratch(static_cast<std::size_t>(f.tileRows), static_cast<std::size_t>(f.hidden),
                             static_cast<std::size_t>(f.vocabulary), f.dtype, f.lds(), f.tokenColumns());
  }
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("logits", f.logits, scratch().bytes);
    for (const std::int32_t target : r.bindings.targets) {
      if (target >= f.vocabulary) {
        r.refuse("targets", "token ids below " + std::to_string(f.vocabulary), std::to_string(target));
      }
    }
  }
  Launch prepare(CudaRun& r) const override {
    const ScoredRows rows(r.bindings, f.dx.has_value());
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      const cuda::HeadScratch places = scratch();
      std::byte* const room = r.place(f.logits);
      HeadLossRun<Store> op{};
      op.f = &f;
      op.x = r.at<Store>(f.x);
      op.dx = f.dx ? r.at(*f.dx) : nullptr;
      op.logits = r.at(f.logits);
      op.gradient = reinterpret_cast<Store*>(room + places.gradient);
      op.tileX = reinterpret_cast<Store*>(room + places.x);
      op.tileDx = reinterpret_cast<float*>(room + places.dx);
      op.ld = static_cast<std::int64_t>(cuda::padded(static_cast<std::size_t>(f.vocabulary), 8));
      op.scored = r.slot.table(rows.scored);
      op.runs = rows.runs;
      for (const TileRun& run : rows.runs) {
        r.dependsOn(static_cast<std::uint64_t>(run.end));
        r.dependsOn(static_cast<std::uint64_t>(run.isGraded));
      }
      op.others = r.slot.table(rows.others);
      op.otherCount = static_cast<std::int32_t>(rows.others.size());
      op.targets = r.slot.table(rows.targets);
      op.lossScale = r.slot.table(rows.scales);
      op.offsets = r.slot.table(rows.offsets);
      op.segments = static_cast<std::int32_t>(r.bindings.losses.size());
      op.preferences = {r.slot.table(r.bindings.preferences),
                        static_cast<std::int32_t>(r.bindings.preferences.size()),
                        r.slot.table(r.bindings.losses),
                        r.losses,
                        op.dx,
                        f.hidden};
      op.state = r.slot.room<cuda::CrossEntropyState>(rows.scored.size());
      op.losses = r.losses;
      op.blas = &r.blas;
      if (f.adapters) op.adapters = tileAdapters<Store>(r, rows, places);
      if (f.tokens) op.tokens = tileTokens<Store>(r, rows, op, reinterpret_cast<float*>(room + places.g));
      launch = op;
    });
    return launch;
  }
  // Of each tile, the adapters that have rows in it.
  template <class Store>
  std::vector<cuda::PlainLoraT<Store>> tileAdapters(CudaRun& r, const ScoredRows& rows,
                                                    const cuda::HeadScratch& places) const {
    std::byte* const room = r.place(f.logits);
    // A key for each scored row.
    const std::int32_t* keys = nullptr;
    if (!r.bindings.rowKeys.empty()) {
      std::vector<std::int32_t> own;
      for (const std::int32_t row : rows.scored) own.push_back(r.bindings.rowKeys[static_cast<std::size_t>(row)]);
      keys = r.slot.table(own);
    }
    std::vector<cuda::PlainLoraT<Store>> all;
    const HeadRoom<Store> into{f.vocabulary, static_cast<std::int32_t>(f.lds()),
                               reinterpret_cast<Store*>(room + places.s), reinterpret_cast<Store*>(room + places.ds)};
    forTiles(rows, [&](std::int32_t first, std::int32_t end) {
      const std::int32_t* const own = keys == nullptr ? nullptr : keys + first;
      all.push_back(headLora(r, f.adapters->target, f.hidden, rows.scored, first, end, own, into));
    });
    return all;
  }
  template <class Store>
  std::vector<cuda::HeadTokensT<Store>> tileTokens(CudaRun& r, const ScoredRows& rows, const HeadLossRun<Store>& op,
                                                   float* g) const {
    std::vector<cuda::HeadTokensT<Store>> all;
    forTiles(rows, [&](std::int32_t first, std::int32_t end) {
      all.push_back({headTokens<Store>(r, f.tokens->target, f.hidden, rows.scored, first, end), op.tileX, op.logits,
                     op.gradient, op.ld, g, f.tokens->columns, op.tileDx});
    });
    return all;
  }
  // body(first, end) of each tile
  template <class Body>
  void forTiles(const ScoredRows& rows, Body&& body) const {
    for (const TileRun& run : rows.runs) {
      for (std::int32_t first = run.first; first < run.end; first += f.tileRows) {
        body(first, std::min(first + f.tileRows, run.end));
      }
    }
  }
  const HeadLossFields f;
};

// The wanted rows by the whole vocabulary.
template <class Store>
struct HeadLogitsRun {
  const HeadLogitsFields* f;
  const Store* x;
  Store* wantedX;
  float* logits;
  float* logSums;
  const std::int32_t* wanted;
  std::int32_t rows;
  std::optional<cuda::PlainLoraT<Store>> adapters;
  std::optional<cuda::HeadTokensT<Store>> tokens;
  cuda::Blas* blas;

  void operator()(void* stream) const {
    if (rows == 0) return;
    cuda::gather_rows(x, wanted, rows, f->hidden, wantedX, stream);
    cuda::Product op{};
    op.x = wantedX;
    op.ldx = f->hidden;
    op.weight = weightFor(f->weight);
    op.type = f->dtype;
    op.out = f->vocabulary;
    op.in = f->hidden;
    op.y = logits;
    op.yType = ops::DType::float32;
    op.ldy = f->vocabulary;
    op.rows = rows;
    blas->multiply(op, stream);
    if (adapters && adapters->perProjection > 0) {
      cuda::lora_plain_xa(*adapters, wantedX, f->hidden, stream);
      cuda::lora_plain_sb(*adapters, logits, f->vocabulary, stream);
    }
    if (tokens) cuda::head_tokens(*tokens, stream);
    cuda::head_logits(logits, rows, f->vocabulary, f->kind, logSums, stream);
  }
};

struct HeadLogits final : CudaStep {
  explicit HeadLogits(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    const auto places = ops::headLogitsPlaces(static_cast<std::size_t>(f.mostRows), static_cast<std::size_t>(f.hidden),
                                              static_cast<std::size_t>(f.vocabulary), f.dtype, f.lds());
    const std::vector<std::int32_t>& wanted = r.bindings.logitRows;
    const auto count = static_cast<std::int32_t>(wanted.size());
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      std::byte* const room = r.place(f.logits);
      HeadLogitsRun<Store> op{};
      op.f = &f;
      op.x = r.at<Store>(f.x);
      op.wantedX = reinterpret_cast<Store*>(room + places.x);
      op.logits = r.at(f.logits);
      op.logSums = reinterpret_cast<float*>(room + places.logSums);
      op.wanted = r.slot.table(wanted);
      op.rows = count;
      op.blas = &r.blas;
      if (f.adapters) {
        op.adapters = headLora<Store>(
            r, f.adapters->target, f.hidden, wanted, 0, count, nullptr,
            {f.vocabulary, static_cast<std::int32_t>(f.lds()), reinterpret_cast<Store*>(room + places.s), nullptr});
      }
      if (f.tokens) {
        op.tokens = {headTokens<Store>(r, f.tokens->target, f.hidden, wanted, 0, count),
                     op.wantedX,
                     op.logits,
                     nullptr,
                     f.vocabulary,
                     nullptr,
                     0,
                     nullptr};
      }
      launch = op;
    });
    return launch;
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

StepTable cudaProductSteps() { return kSteps; }

}  // namespace loratwin
