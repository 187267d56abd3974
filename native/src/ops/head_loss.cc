#include "head_loss.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "bf16.h"
#include "head_loss_rows.h"

namespace loratwin::ops {

namespace {

struct Tile {
  float* logits;
  std::byte* x;  // the weight's type
  float* dx;
  double* losses;
  std::int32_t* rows;
  std::int32_t* segments;
  // Of adapters on the head.
  std::byte* s;  // the weight's type
  std::byte* backward;
  std::int32_t* keys;
  // Of rows that adapters have of it.
  float* g;

  Tile(float* scratch, std::size_t tileRows, std::size_t hidden, std::size_t vocabulary, DType type, std::size_t lds,
       std::size_t tokenColumns) {
    char* next = reinterpret_cast<char*>(scratch);
    const auto take = [&next](std::size_t bytes) {
      char* here = next;
      next += (bytes + 63) / 64 * 64;
      return here;
    };
    logits = reinterpret_cast<float*>(take(tileRows * vocabulary * sizeof(float)));
    x = reinterpret_cast<std::byte*>(take(tileRows * hidden * sizeOf(type)));
    dx = reinterpret_cast<float*>(take(tileRows * hidden * sizeof(float)));
    losses = reinterpret_cast<double*>(take(tileRows * sizeof(double)));
    rows = reinterpret_cast<std::int32_t*>(take(tileRows * sizeof(std::int32_t)));
    segments = reinterpret_cast<std::int32_t*>(take(tileRows * sizeof(std::int32_t)));
    s = reinterpret_cast<std::byte*>(take(tileRows * lds * sizeOf(type)));
    backward = reinterpret_cast<std::byte*>(take(loraBackwardScratchBytes(tileRows, lds, 1, type)));
    keys = reinterpret_cast<std::int32_t*>(take(lds == 0 ? 0 : tileRows * sizeof(std::int32_t)));
    g = reinterpret_cast<float*>(take(tileRows * tokenColumns * sizeof(float)));
  }
};

// A gradient's row keeps the place of its logits.
std::int64_t gradientStride(const PackedMatrix& weight) {
  const std::int64_t V = weight.outFeatures();
  return weight.dtype() == DType::bfloat16 ? 2 * V : V;
}

// An adapter on the rows of a tile, and the tile as its operators take it.
template <class Store>
struct TileLora {
  LoraSegment segment;
  LoraProjectionT<float, Store> projection;
  std::int64_t hidden;
  const Tile& tile;

  TileLora(const HeadLoss& op, const Tile& rows, const LoraSegment& adapter, std::int32_t count)
      : segment(adapter), hidden(op.weight->inFeatures()), tile(rows) {
    segment.rowStart = 0;
    segment.rowEnd = count;
    const std::int32_t* const keys = op.adapters->rowKeys;
    for (std::int32_t i = 0; keys != nullptr && i < count; ++i) tile.keys[i] = keys[tile.rows[i]];
    const LoraSegments one{&segment, 1, keys == nullptr ? nullptr : tile.keys, op.adapters->target};
    projection = {one, 0, op.weight->outFeatures(), reinterpret_cast<Store*>(tile.s), op.lds};
  }
  const Store* x() const { return reinterpret_cast<const Store*>(tile.x); }
  void forward(ExecContext& context) const {
    lora(context, LoraT<float, Store, float>{&projection, 1, x(), hidden, static_cast<std::int32_t>(hidden),
                                             tile.logits, projection.outFeatures});
  }
  void backward(ExecContext& context, std::int64_t lddy) const {
    lora_backward(context,
                  LoraBackwardT<float, Store, float>{&projection, 1, reinterpret_cast<const Store*>(tile.logits), lddy,
                                                     x(), hidden, static_cast<std::int32_t>(hidden), tile.dx, hidden,
                                                     reinterpret_cast<Store*>(tile.backward)});
  }
};

// body(TileLora) where the tile has an adapter
template <class Body>
void withAdapter(const HeadLoss& op, const Tile& tile, const LoraSegment* adapter, std::int32_t count, Body&& body) {
  if (adapter == nullptr) return;
  withStore(op.weight->dtype(), [&]<class Store>(Store) { body(TileLora<Store>(op, tile, *adapter, count)); });
}

// body(HeadTokensT) of the tile where adapters have rows of the head
template <class Body>
void withTokens(const HeadLoss& op, const Tile& tile, std::int32_t count, Body&& body) {
  if (op.tokens.count == 0) return;
  const std::int32_t H = op.weight->inFeatures();
  withStore(op.weight->dtype(), [&]<class Store>(Store) {
    body(HeadTokensT<float, Store>{op.tokens, tile.rows, count, H, reinterpret_cast<const Store*>(tile.x), tile.logits,
                                   op.weight->outFeatures(), reinterpret_cast<Store*>(tile.logits),
                                   gradientStride(*op.weight), tile.g, op.tokenColumns, tile.dx});
  });
}

// The adapter of a row; rows come in ascending order.
class AdapterOfRow {
 public:
  explicit AdapterOfRow(const LoraSegments* adapters) : adapters_(adapters) {}
  const LoraSegment* at(std::int32_t row) {
    if (adapters_ == nullptr) return nullptr;
    while (next_ < adapters_->count && adapters_->items[next_].rowEnd <= row) ++next_;
    if (next_ == adapters_->count) return nullptr;
    const LoraSegment& segment = adapters_->items[next_];
    return segment.rowStart <= row && segment.a != nullptr ? &segment : nullptr;
  }

 private:
  const LoraSegments* adapters_;
  std::int32_t next_ = 0;
};

void runTile(ExecContext& context, MatmulEngine& engine, const HeadLoss& op, const Tile& tile, std::int32_t count,
             bool isGraded, const LoraSegment* adapter) {
  const std::int64_t H = op.weight->inFeatures();
  const std::int64_t V = op.weight->outFeatures();
  const DType type = op.weight->dtype();
  const std::size_t rowBytes = static_cast<std::size_t>(H) * sizeOf(type);
  const std::byte* const x = static_cast<const std::byte*>(op.x);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::memcpy(tile.x + i * rowBytes, x + static_cast<std::size_t>(tile.rows[i]) * rowBytes, rowBytes);
  }
  matmul(context, engine, {tile.x, H, op.weight, tile.logits, DType::float32, V, nullptr, nullptr, 0, count});
  withAdapter(op, tile, adapter, count, [&](const auto& own) { own.forward(context); });
  withTokens(op, tile, count, [&](const auto& own) { head_tokens(context, own); });
  const RowGradient gradient = !isGraded                 ? RowGradient::none
                               : type == DType::bfloat16 ? RowGradient::bfloat16
                                                         : RowGradient::float32;
  context.parallelFor(static_cast<std::size_t>(count), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      tile.losses[i] = head_loss_row(tile.logits + static_cast<std::int64_t>(i) * V, V, op.targets[tile.rows[i]],
                                     op.segments[tile.segments[i]].lossScale, gradient, op.kind);
    }
  });
  for (std::int32_t i = 0; i < count; ++i) op.losses[tile.segments[i]] += tile.losses[i];
  if (!isGraded) return;
  withTokens(op, tile, count, [&](const auto& own) { head_tokens_take(context, own); });
  matmul_backward(context, engine,
                  {tile.logits, gradientStride(*op.weight), op.weight, tile.dx, DType::float32, H, count});
  withAdapter(op, tile, adapter, count, [&](const auto& own) { own.backward(context, gradientStride(*op.weight)); });
  withTokens(op, tile, count, [&](const auto& own) { head_tokens_backward(context, own); });
  const std::size_t gradientBytes = static_cast<std::size_t>(H) * sizeof(float);
  for (std::int32_t i = 0; i < count; ++i) std::memcpy(op.dx + tile.rows[i] * H, tile.dx + i * H, gradientBytes);
}

}  // namespace

void prepare_head_loss(MatmulEngine& engine, const PackedMatrix& weight, bool gradient) {
  const std::int64_t H = weight.inFeatures();
  const std::int64_t V = weight.outFeatures();
  prepare_matmul(engine, {nullptr, H, &weight, nullptr, DType::float32, V, nullptr, nullptr, 0, 0});
  if (!gradient) return;
  prepare_matmul_backward(engine, {nullptr, gradientStride(weight), &weight, nullptr, DType::float32, H, 0});
}

void head_loss(ExecContext& context, MatmulEngine& engine, const HeadLoss& op) {
  const std::int32_t V = op.weight->outFeatures();
  const std::size_t H = static_cast<std::size_t>(op.weight->inFeatures());
  for (std::int32_t t = 0; t < op.rows; ++t) {
    if (op.targets[t] < -1 || op.targets[t] >= V) {
      throw std::invalid_argument("head_loss: Expected targets of -1 .. " + std::to_string(V - 1) + ", got " +
                                  std::to_string(op.targets[t]) + " at row " + std::to_string(t) + " of [" +
                                  std::to_string(op.rows) + "]");
    }
  }
  const Tile tile(op.logits, static_cast<std::size_t>(op.tileRows), H, static_cast<std::size_t>(V), op.weight->dtype(),
                  static_cast<std::size_t>(op.lds), static_cast<std::size_t>(op.tokenColumns));
  if (op.dx != nullptr) std::memset(op.dx, 0, static_cast<std::size_t>(op.rows) * H * sizeof(float));
  // Rows with a gradient and rows without one are in tiles of their own.
  for (const bool isGraded : {true, false}) {
    std::int32_t filled = 0;
    const LoraSegment* adapter = nullptr;
    AdapterOfRow adapters(op.adapters);
    const auto run = [&] {
      if (filled > 0) runTile(context, engine, op, tile, filled, isGraded, adapter);
      filled = 0;
    };
    for (std::int32_t g = 0; g < op.segmentCount; ++g) {
      if ((op.dx != nullptr && op.segments[g].lossScale != 0.0F) != isGraded) continue;
      op.losses[g] = 0;
      for (std::int32_t t = op.segments[g].rowStart; t < op.segments[g].rowEnd; ++t) {
        if (op.targets[t] < 0) continue;
        const LoraSegment* const own = adapters.at(t);
        if (own != adapter) run();
        adapter = own;
        tile.rows[filled] = t;
        tile.segments[filled] = g;
        if (++filled == op.tileRows) run();
      }
    }
    run();
  }
}

}  // namespace loratwin::ops
