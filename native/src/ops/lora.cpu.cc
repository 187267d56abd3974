#include "lora.h"

#include "lora_features.h"
#include "lora_rows.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kSplitRows = 8;  // threads part a segment at multiples of this

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
    body(Range{total * static_cast<std::int64_t>(begin) / threads, total * static_cast<std::int64_t>(end) / threads});
  });
}

// Rows of some segments: whole ones, or a part of a long one that starts at a multiple of kRowBlock from its start.
struct Window {
  std::int32_t firstSegment;
  std::int32_t endSegment;
  std::int64_t firstRow;
  std::int64_t endRow;

  template <class Op>
  Range rowsOf(const Op& op, std::int32_t i) const {
    const LoraSegment& g = segmentOf(op, 0, i);
    return {larger(g.rowStart, firstRow), smaller(g.rowEnd, endRow)};
  }
};

// body(window) for all segments: as many whole ones as have at most `rows` rows (a multiple of kRowBlock) together, and
// longer ones in parts of so many
template <class Op, class Body>
void forEachWindow(const Op& op, std::int64_t rows, Body&& body) {
  const std::int32_t segments = op.projections[0].segments.count;
  for (std::int32_t i = 0; i < segments; ++i) {
    const LoraSegment& g = segmentOf(op, 0, i);
    std::int64_t first = g.rowStart;
    for (; g.rowEnd - first > rows; first += rows) body(Window{i, i + 1, first, first + rows});
    std::int32_t end = i + 1;
    while (end < segments && segmentOf(op, 0, end).rowEnd - first <= rows) ++end;
    body(Window{i, end, first, segmentOf(op, 0, end - 1).rowEnd});
    i = end - 1;
  }
}

// body(segment, first row, rows, is the thread's first) for the window's rows with adapters, at most kRowBlock at a
// time, shared by cost
template <class Op, class Body>
void forEachRowBlock(ExecContext& context, const Op& op, const Window& window, Body&& body) {
  // Pieces of kSplitRows rows. A row costs its arithmetic and traffic, and an adapter as much as kSplitRows rows.
  struct Pieces {
    std::int64_t count;
    std::int64_t cost;
  };
  const auto piecesOf = [&](std::int32_t i) -> Pieces {
    const Range own = window.rowsOf(op, i);
    const std::int64_t rows = own.end - own.begin;
    std::int64_t ranks = 0;
    for (std::int32_t p = 0; p < op.count; ++p) {
      if (segmentOf(op, p, i).a != nullptr) ranks += segmentOf(op, p, i).rank;
    }
    if (rows == 0 || ranks == 0) return {0, 0};
    const std::int64_t count = (rows + kSplitRows - 1) / kSplitRows;
    return {count, (ranks + kSplitRows) * (rows + kSplitRows) / count};
  };
  std::int64_t total = 0;
  for (std::int32_t i = window.firstSegment; i < window.endSegment; ++i) total += piecesOf(i).count * piecesOf(i).cost;
  if (total == 0) return;
  shareCost(context, total, [&](Range share) {
    std::int64_t start = 0;
    bool fresh = true;
    for (std::int32_t i = window.firstSegment; i < window.endSegment; ++i) {
      const Pieces pieces = piecesOf(i);
      if (pieces.count == 0) continue;
      const Range own = window.rowsOf(op, i);
      const Range mine = piecesWithin(share, start, pieces.cost, pieces.count);
      start += pieces.count * pieces.cost;
      const std::int64_t last = smaller(own.end, own.begin + mine.end * kSplitRows);
      for (std::int64_t t = own.begin + mine.begin * kSplitRows; t < last; t += kRowBlock) {
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

// All rows at once: nothing of a row is read twice.
template <class Op>
Window allRows(const Op& op) {
  const std::int32_t segments = op.projections[0].segments.count;
  return {0, segments, segmentOf(op, 0, 0).rowStart, segmentOf(op, 0, segments - 1).rowEnd};
}

template <class Store, class Op>
void forward(ExecContext& context, const Op& op) {
  if (op.projections[0].segments.count == 0) return;
  forEachRowBlock(context, op, allRows(op), [&](std::int32_t i, std::int64_t first, std::int64_t rows, bool fresh) {
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

// The gradients of A and B over the window's rows, features shared among the threads by cost.
template <class Store, class Op>
void addFactorGradients(ExecContext& context, const Op& op, const Window& window, std::int64_t ldds) {
  std::int64_t costs[1 + kLoraProjections] = {};  // of a block of in-features, and of each projection's out-features
  for (std::int32_t i = window.firstSegment; i < window.endSegment; ++i) {
    const Range own = window.rowsOf(op, i);
    for (std::int32_t p = 0; p < op.count; ++p) {
      const LoraSegment& g = segmentOf(op, p, i);
      if (g.a == nullptr) continue;
      const std::int64_t cost = std::int64_t{g.rank} * (own.end - own.begin);
      costs[0] += cost;
      costs[1 + p] += cost;
    }
  }
  const auto featuresOf = [&](std::int32_t operand) {
    return std::int64_t{operand == 0 ? op.inFeatures : op.projections[operand - 1].outFeatures};
  };
  const auto blocksOf = [&](std::int32_t operand) { return (featuresOf(operand) + kWidth - 1) / kWidth; };
  std::int64_t total = 0;
  for (std::int32_t operand = 0; operand <= op.count; ++operand) total += blocksOf(operand) * costs[operand];
  if (total == 0) return;
  shareCost(context, total, [&](Range share) {
    std::int64_t start = 0;
    for (std::int32_t operand = 0; operand <= op.count; ++operand) {
      if (costs[operand] == 0) continue;
      const Range blocks = piecesWithin(share, start, costs[operand], blocksOf(operand));
      start += blocksOf(operand) * costs[operand];
      const Range features{blocks.begin * kWidth, smaller(blocks.end * kWidth, featuresOf(operand))};
      if (features.begin >= features.end) continue;
      for (std::int32_t i = window.firstSegment; i < window.endSegment; ++i) {
        if (operand == 0) {
          lora_dsx<Store>(op, i, window.rowsOf(op, i), ldds, features);
        } else if (segmentOf(op, operand - 1, i).a != nullptr) {
          lora_dys<Store>(op, operand - 1, i, window.rowsOf(op, i), features);
        }
      }
    }
  });
}

// Units of ds for each row: the most that a segment has.
template <class Store, class Op>
std::int64_t strideOfRanks(const Op& op) {
  std::int64_t most = 0;
  for (std::int32_t i = 0; i < op.projections[0].segments.count; ++i) {
    std::int64_t columns = 0;
    for (std::int32_t p = 0; p < op.count; ++p) {
      if (segmentOf(op, p, i).a != nullptr) columns += paddedRank<Store>(segmentOf(op, p, i).rank);
    }
    most = larger(most, (columns + kLanes - 1) / kLanes * kLanes);
  }
  return most;
}

template <class Store, class Op>
void backward(ExecContext& context, const Op& op) {
  const std::int64_t ldds = strideOfRanks<Store>(op);
  // So few rows that the factors' gradients find x, dy and ds where the rows' products left them, near the threads.
  forEachWindow(op, kRowBlock * context.threads(), [&](const Window& window) {
    forEachRowBlock(context, op, window, [&](std::int32_t i, std::int64_t first, std::int64_t rows, bool fresh) {
      Ahead soon;
      if (fresh) addFactors(soon, op, i, false);
      addFactors(soon, op, i, true);
      lora_dyb<Store>(op, i, first, rows, ldds, soon);
      Ahead next;
      addFactors(next, op, i + 1, false);
      if (op.dx != nullptr) lora_dsa<Store>(op, i, first, rows, ldds, next);
    });
    addFactorGradients<Store>(context, op, window, ldds);
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
