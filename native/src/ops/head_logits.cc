#include "head_logits.h"

#include <algorithm>
#include <cstring>

#include "bf16.h"
#include "head_loss_rows.h"

namespace loratwin::ops {

namespace {

// The segments of the wanted rows, which are numbered anew. Both come in row order.
void placeSegments(const LoraSegments& of, std::span<const std::int32_t> wanted, std::vector<LoraSegment>& segments) {
  segments.clear();
  std::size_t row = 0;
  for (std::int32_t i = 0; i < of.count; ++i) {
    LoraSegment segment = of.items[i];
    while (row < wanted.size() && wanted[row] < segment.rowStart) ++row;
    const std::size_t first = row;
    while (row < wanted.size() && wanted[row] < segment.rowEnd) ++row;
    if (first == row || segment.a == nullptr) continue;
    segment.rowStart = static_cast<std::int32_t>(first);
    segment.rowEnd = static_cast<std::int32_t>(row);
    segments.push_back(segment);
  }
}

}  // namespace

void prepare_head_logits(MatmulEngine& engine, const PackedMatrix& weight) {
  prepare_matmul(engine, {nullptr, weight.inFeatures(), &weight, nullptr, DType::float32, weight.outFeatures(), nullptr,
                          nullptr, 0, 0});
}

void head_logits(ExecContext& context, MatmulEngine& engine, const HeadLogits& op, std::vector<LoraSegment>& segments) {
  if (op.wanted.empty()) return;
  const std::int64_t H = op.weight->inFeatures();
  const std::int64_t V = op.weight->outFeatures();
  const DType type = op.weight->dtype();
  const HeadLogitsPlaces places = headLogitsPlaces(static_cast<std::size_t>(op.mostRows), static_cast<std::size_t>(H),
                                                   static_cast<std::size_t>(V), type, static_cast<std::size_t>(op.lds));
  auto* const room = reinterpret_cast<std::byte*>(op.logits);
  auto* const lse = reinterpret_cast<float*>(room + places.logSums);
  std::byte* const x = room + places.x;
  const std::size_t rowBytes = static_cast<std::size_t>(H) * sizeOf(type);
  const auto gather = [&](std::size_t to, std::int32_t row) {
    std::memcpy(x + to * rowBytes, static_cast<const std::byte*>(op.x) + static_cast<std::size_t>(row) * rowBytes,
                rowBytes);
  };
  for (std::size_t i = 0; i < op.wanted.size(); ++i) gather(i, op.wanted[i]);
  if (op.wanted.size() == 1) gather(1, op.wanted[0]);
  const std::int32_t rows = std::max(2, static_cast<std::int32_t>(op.wanted.size()));
  matmul(context, engine, {x, H, op.weight, op.logits, DType::float32, V, nullptr, nullptr, 0, rows});
  if (op.adapters != nullptr) {
    placeSegments(*op.adapters, op.wanted, segments);
    const LoraSegments own{segments.data(), static_cast<std::int32_t>(segments.size()), nullptr, op.adapters->target};
    withStore(type, [&]<class Store>(Store) {
      const LoraProjectionT<float, Store> projection{own, 0, static_cast<std::int32_t>(V),
                                                     reinterpret_cast<Store*>(room + places.s), op.lds};
      lora(context, LoraT<float, Store, float>{&projection, 1, reinterpret_cast<const Store*>(x), H,
                                               static_cast<std::int32_t>(H), op.logits, V});
    });
  }
  if (op.tokens.count > 0) {
    withStore(type, [&]<class Store>(Store) {
      head_tokens(context,
                  HeadTokensT<float, Store>{op.tokens, op.wanted.data(), static_cast<std::int32_t>(op.wanted.size()),
                                            static_cast<std::int32_t>(H), reinterpret_cast<const Store*>(x), op.logits,
                                            V, nullptr, 0, nullptr, 0, nullptr});
    });
  }
  context.parallelFor(op.wanted.size(), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      lse[i] = static_cast<float>(logits_row(op.logits + static_cast<std::int64_t>(i) * V, V, op.kind));
    }
  });
}

}  // namespace loratwin::ops
