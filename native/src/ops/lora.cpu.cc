#include "lora.h"

#include "lora_features.h"
#include "lora_rows.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// Threads part a segment at multiples of this: whole blocks of rows.
#if defined(LORATWIN_TILES)
constexpr std::int64_t kSplitRows = kTileRows;
#else
constexpr std::int64_t kSplitRows = 8;
#endif

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

// Which of `count` pieces, each of the cost `each` and the first one starting at `start`, start in [from, to).
inline Range piecesWithin(Range cost, std::int64_t start, std::int64_t each, std::int64_t count) {
  const auto place = [&](std::int64_t at) { return at <= start ? 0 : smaller(count, (at - start + each - 1) / each); };
  return {place(cost.begin), place(cost.end)};
}

// body(cost) on each thread: its share of the total
template <class Body>
void shareCost(ExecContext& context, std::int64_t total, Body&& body) {
  const std::int64_t threads = context.threads();
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int) {
    [[maybe_unused]] const TileUse tiles;
    body(Range{total * static_cast<std::int64_t>(begin) / threads, total * static_cast<std::int64_t>(end) / threads});
  });
}

// body(segment, first row, rows, is the thread's first) for all rows with adapters, at most kRowBlock at a time, shared
// by cost
template <class Op, class Body>
void forEachRowBlock(ExecContext& context, const Op& op, Body&& body) {
  // Pieces of kSplitRows rows. A row costs its arithmetic and traffic, and an adapter as much as kSplitRows rows.
  struct Pieces {
    std::int64_t count;
    std::int64_t cost;
  };
  const auto piecesOf = [&](std::int32_t i) -> Pieces {
    const LoraSegment& g = segmentOf(op, 0, i);
    const std::int64_t rows = g.rowEnd - g.rowStart;
    std::int64_t ranks = 0;
    for (std::int32_t p = 0; p < op.count; ++p) {
      if (segmentOf(op, p, i).a != nullptr) ranks += segmentOf(op, p, i).rank;
    }
    if (rows == 0 || ranks == 0) return {0, 0};
    const std::int64_t count = (rows + kSplitRows - 1) / kSplitRows;
    return {count, (ranks + kSplitRows) * (rows + kSplitRows) / count};
  };
  const std::int32_t segments = op.projections[0].segments.count;
  std::int64_t total = 0;
  for (std::int32_t i = 0; i < segments; ++i) total += piecesOf(i).count * piecesOf(i).cost;
  if (total == 0) return;
  shareCost(context, total, [&](Range share) {
    std::int64_t start = 0;
    bool fresh = true;
    for (std::int32_t i = 0; i < segments; ++i) {
      const Pieces pieces = piecesOf(i);
      if (pieces.count == 0) continue;
      const LoraSegment& g = segmentOf(op, 0, i);
      const Range mine = piecesWithin(share, start, pieces.cost, pieces.count);
      start += pieces.count * pieces.cost;
      const std::int64_t last = smaller(g.rowEnd, g.rowStart + mine.end * kSplitRows);
      for (std::int64_t t = g.rowStart + mine.begin * kSplitRows; t < last; t += kRowBlock) {
        body(i, t, smaller(kRowBlock, last - t), fresh);
        fresh = false;
      }
    }
  });
}

// All A or all B of a segment, null: there is none.
template <class Op>
void addFactors(Ahead& ahead, const Op& op, std::int32_t i, bool wantA) {
  if (i >= op.projections[0].segments.count) return;
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraSegment& g = segmentOf(op, p, i);
    if (g.a == nullptr) continue;
    ahead.add(wantA ? g.a : g.b, std::int64_t{g.rank} * (wantA ? op.inFeatures : op.projections[p].outFeatures));
  }
}

template <class Store, class Op>
void forward(ExecContext& context, const Op& op) {
  forEachRowBlock(context, op, [&](std::int32_t i, std::int64_t first, std::int64_t rows, bool fresh) {
    Ahead soon;
    if (fresh) addFactors(soon, op, i, true);
    addFactors(soon, op, i, false);
    lora_xa<Store>(op, i, first, rows, soon);
    Ahead next;
    addFactors(next, op, i + 1, true);
    for (std::int32_t p = 0; p < op.count; ++p) {
      if (segmentOf(op, p, i).a != nullptr) lora_sb<Store>(op, p, i, first, rows, next);
    }
  });
}

template <class Store, class Op>
void backward(ExecContext& context, const Op& op) {
  const std::int32_t segments = op.projections[0].segments.count;
  std::int64_t ldds = 0;
  std::int64_t costs[1 + kLoraProjections] = {};  // of a block of in-features, and of each projection's out-features
  for (std::int32_t i = 0; i < segments; ++i) {
    std::int64_t columns = 0;
    for (std::int32_t p = 0; p < op.count; ++p) {
      const LoraSegment& g = segmentOf(op, p, i);
      if (g.a == nullptr) continue;
      columns += paddedRank<Store>(g.rank);
      const std::int64_t cost = std::int64_t{g.rank} * (g.rowEnd - g.rowStart);
      costs[0] += cost;
      costs[1 + p] += cost;
    }
    ldds = larger(ldds, (columns + kLanes - 1) / kLanes * kLanes);
  }
  if (costs[0] == 0) return;
  forEachRowBlock(context, op, [&](std::int32_t i, std::int64_t first, std::int64_t rows, bool fresh) {
    Ahead soon;
    if (fresh) addFactors(soon, op, i, false);
    addFactors(soon, op, i, true);
    lora_dyb<Store>(op, i, first, rows, ldds, soon);
    Ahead next;
    addFactors(next, op, i + 1, false);
    if (op.dx != nullptr) lora_dsa<Store>(op, i, first, rows, ldds, next);
  });
  const auto featuresOf = [&](std::int32_t operand) {
    return std::int64_t{operand == 0 ? op.inFeatures : op.projections[operand - 1].outFeatures};
  };
  const auto blocksOf = [&](std::int32_t operand) { return (featuresOf(operand) + kWidth - 1) / kWidth; };
  std::int64_t total = 0;
  for (std::int32_t operand = 0; operand <= op.count; ++operand) total += blocksOf(operand) * costs[operand];
  shareCost(context, total, [&](Range share) {
    std::int64_t start = 0;
    for (std::int32_t operand = 0; operand <= op.count; ++operand) {
      if (costs[operand] == 0) continue;
      const Range blocks = piecesWithin(share, start, costs[operand], blocksOf(operand));
      start += blocksOf(operand) * costs[operand];
      const std::int64_t begin = blocks.begin * kWidth;
      const std::int64_t end = smaller(blocks.end * kWidth, featuresOf(operand));
      for (std::int32_t i = 0; begin < end && i < segments; ++i) {
        if (operand == 0) {
          lora_dsx<Store>(op, i, ldds, begin, end);
        } else if (segmentOf(op, operand - 1, i).a != nullptr) {
          lora_dys<Store>(op, operand - 1, i, begin, end);
        }
      }
    }
  });
}

}  // namespace

void lora(ExecContext& context, const Lora& op) { forward<float>(context, op); }
void lora(ExecContext& context, const LoraBf16& op) { forward<Bf16>(context, op); }
void lora(ExecContext& context, const LoraBf16F32& op) { forward<Bf16>(context, op); }
void lora_backward(ExecContext& context, const LoraBackward& op) { backward<float>(context, op); }
void lora_backward(ExecContext& context, const LoraBackwardBf16& op) { backward<Bf16>(context, op); }
void lora_backward(ExecContext& context, const LoraBackwardBf16F32& op) { backward<Bf16>(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
