#include "lora.h"

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kPanel = 64;          // columns of a stack tile
constexpr std::int64_t kRankPart = 64;       // ranks of a stack tile
constexpr std::int64_t kDropColumns = 1024;  // columns of x masked at a time, for 4 rows
constexpr std::int64_t kDropRows = 64;       // rows of x masked at a time, for kPanel columns

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

struct Drop {
  const LoraSegments& segments;
  const LoraSegment& segment;
  std::uint32_t threshold;
  float keepScale;

  Drop(const LoraSegments& all, const LoraSegment& g)
      : segments(all), segment(g), threshold(dropoutThreshold(g.dropout)), keepScale(1.0F / (1.0F - g.dropout)) {}
  bool active() const { return segment.dropout > 0.0F; }

  // destination [rows, columns] (+)= mask(source) for the elements from (row, column) on
  void apply(const float* source, std::int64_t lds, std::int64_t row, std::int64_t rows, std::int64_t column,
             std::int64_t columns, float* destination, std::int64_t ldd, bool accumulate) const {
    for (std::int64_t t = 0; t < rows; ++t) {
      const DropoutRow hash = dropoutRow(segment.seed, segments.rowKeys[row + t], segments.target);
      for (std::int64_t k = 0; k < columns; k += kLanes) {
        const Mask m = firstLanes(columns - k);
        const Vec factor = dropoutFactors(hash, static_cast<std::uint32_t>(column + k), threshold, keepScale);
        const Vec masked = load(source + t * lds + k, m) * factor;
        float* p = destination + t * ldd + k;
        store(p, accumulate ? masked + load(p, m) : masked, m);
      }
    }
  }
};

// s = drop(x) A^T for rows first .. last
void lora_xa(const Lora& op, const LoraSegment& g, std::int64_t first, std::int64_t last) {
  const std::int64_t K = op.inFeatures;
  const Drop drop(op.segments, g);
  if (!drop.active()) {
    dotGemm(last - first, g.rank, K, op.x + first * op.ldx, op.ldx, g.a, K, op.s + first * op.lds, op.lds, false);
    return;
  }
  float masked[4 * kDropColumns];
  for (std::int64_t t = first; t < last; t += 4) {
    const std::int64_t rows = smaller(4, last - t);
    for (std::int64_t k = 0; k < K; k += kDropColumns) {
      const std::int64_t columns = smaller(kDropColumns, K - k);
      drop.apply(op.x + t * op.ldx + k, op.ldx, t, rows, k, columns, masked, kDropColumns, false);
      dotGemm(rows, g.rank, columns, masked, kDropColumns, g.a + k, K, op.s + t * op.lds, op.lds, k > 0);
    }
  }
}

// y += scale s B^T for rows first .. last
void lora_sb(const Lora& op, const LoraSegment& g, std::int64_t first, std::int64_t last) {
  const std::int64_t R = g.rank;
  float bT[kRankPart * kPanel];
  for (std::int64_t n = 0; n < op.outFeatures; n += kPanel) {
    const std::int64_t columns = smaller(kPanel, op.outFeatures - n);
    for (std::int64_t r = 0; r < R; r += kRankPart) {
      const std::int64_t ranks = smaller(kRankPart, R - r);
      transpose(g.b + n * R + r, R, columns, ranks, bT, kPanel);
      tileGemm(last - first, columns, ranks, op.s + first * op.lds + r, op.lds, 1, bT, kPanel,
               op.y + first * op.ldy + op.yColumn + n, op.ldy, g.scale, true);
    }
  }
}

// dx += drop'(ds A) for rows first .. last
void lora_dsa(const LoraBackward& op, const LoraSegment& g, const float* ds, std::int64_t ldds, std::int64_t first,
              std::int64_t last) {
  const std::int64_t K = op.inFeatures;
  const Drop drop(op.segments, g);
  if (!drop.active()) {
    tileGemm(last - first, K, g.rank, ds + first * ldds, ldds, 1, g.a, K, op.dx + first * op.lddx, op.lddx, 1.0F, true);
    return;
  }
  constexpr std::int64_t kRows = 24;
  float tile[kRows * kPanel];
  for (std::int64_t k = 0; k < K; k += kPanel) {
    const std::int64_t columns = smaller(kPanel, K - k);
    for (std::int64_t t = first; t < last; t += kRows) {
      const std::int64_t rows = smaller(kRows, last - t);
      tileGemm(rows, columns, g.rank, ds + t * ldds, ldds, 1, g.a + k, K, tile, kPanel, 1.0F, false);
      drop.apply(tile, kPanel, t, rows, k, columns, op.dx + t * op.lddx + k, op.lddx, true);
    }
  }
}

// dA[:, k ..] += ds^T drop(x)[:, k ..] over all rows of the segment, for one panel of columns
void lora_dsx(const LoraBackward& op, const LoraSegment& g, const float* ds, std::int64_t ldds, std::int64_t k,
              std::int64_t columns) {
  const std::int64_t K = op.inFeatures;
  const Drop drop(op.segments, g);
  if (!drop.active()) {
    tileGemm(g.rank, columns, g.rowEnd - g.rowStart, ds + g.rowStart * ldds, 1, ldds, op.x + g.rowStart * op.ldx + k,
             op.ldx, g.da + k, K, 1.0F, true);
    return;
  }
  float masked[kDropRows * kPanel];
  for (std::int64_t t = g.rowStart; t < g.rowEnd; t += kDropRows) {
    const std::int64_t rows = smaller(kDropRows, g.rowEnd - t);
    drop.apply(op.x + t * op.ldx + k, op.ldx, t, rows, k, columns, masked, kPanel, false);
    tileGemm(g.rank, columns, rows, ds + t * ldds, 1, ldds, masked, kPanel, g.da + k, K, 1.0F, true);
  }
}

// dB[n .., :] += scale dy[:, n ..]^T s over all rows of the segment, for one panel of out-features: computed as (s^T
// dy)^T
void lora_dys(const LoraBackward& op, const LoraSegment& g, std::int64_t n, std::int64_t columns) {
  const std::int64_t R = g.rank;
  float dbT[kRankPart * kPanel];
  for (std::int64_t r = 0; r < R; r += kRankPart) {
    const std::int64_t ranks = smaller(kRankPart, R - r);
    tileGemm(ranks, columns, g.rowEnd - g.rowStart, op.s + g.rowStart * op.lds + r, 1, op.lds,
             op.dy + g.rowStart * op.lddy + op.dyColumn + n, op.lddy, dbT, kPanel, g.scale, false);
    for (std::int64_t j = 0; j < columns; ++j) {
      float* db = g.db + (n + j) * R + r;
      for (std::int64_t i = 0; i < ranks; ++i) db[i] += dbT[i * kPanel + j];
    }
  }
}

}  // namespace

void lora(ExecContext& context, const Lora& op) {
  const LoraSegments& segments = op.segments;
  if (segments.count == 0) return;
  const std::int64_t firstRow = segments.items[0].rowStart;
  const std::int64_t rows = segments.items[segments.count - 1].rowEnd - firstRow;
  context.parallelFor(static_cast<std::size_t>(rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::int32_t i = 0; i < segments.count; ++i) {
      const LoraSegment& g = segments.items[i];
      const std::int64_t first = larger(g.rowStart, firstRow + static_cast<std::int64_t>(begin));
      const std::int64_t last = smaller(g.rowEnd, firstRow + static_cast<std::int64_t>(end));
      if (g.a == nullptr || first >= last) continue;
      lora_xa(op, g, first, last);
      lora_sb(op, g, first, last);
    }
  });
}

void lora_backward(ExecContext& context, const LoraBackward& op) {
  const LoraSegments& segments = op.segments;
  if (segments.count == 0) return;
  const std::int64_t firstRow = segments.items[0].rowStart;
  const std::int64_t rows = segments.items[segments.count - 1].rowEnd - firstRow;
  std::int64_t ldds = 0;
  for (std::int32_t i = 0; i < segments.count; ++i) {
    if (segments.items[i].a != nullptr) ldds = larger(ldds, (segments.items[i].rank + 15) / 16 * 16);
  }
  if (ldds == 0 || rows == 0) return;
  float* ds = op.scratch;
  context.parallelFor(static_cast<std::size_t>(rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::int32_t i = 0; i < segments.count; ++i) {
      const LoraSegment& g = segments.items[i];
      const std::int64_t first = larger(g.rowStart, firstRow + static_cast<std::int64_t>(begin));
      const std::int64_t last = smaller(g.rowEnd, firstRow + static_cast<std::int64_t>(end));
      if (g.a == nullptr || first >= last) continue;
      tileGemm(last - first, g.rank, op.outFeatures, op.dy + first * op.lddy + op.dyColumn, op.lddy, 1, g.b, g.rank,
               ds + first * ldds, ldds, g.scale, false);
      if (op.dx != nullptr) lora_dsa(op, g, ds, ldds, first, last);
    }
  });
  const std::int64_t inPanels = (op.inFeatures + kPanel - 1) / kPanel;
  const std::int64_t outPanels = (op.outFeatures + kPanel - 1) / kPanel;
  context.parallelFor(static_cast<std::size_t>(inPanels + outPanels), [&](std::size_t begin, std::size_t end, int) {
    for (std::int64_t panel = static_cast<std::int64_t>(begin); panel < static_cast<std::int64_t>(end); ++panel) {
      for (std::int32_t i = 0; i < segments.count; ++i) {
        const LoraSegment& g = segments.items[i];
        if (g.a == nullptr || g.rowStart >= g.rowEnd) continue;
        if (panel < inPanels) {
          const std::int64_t k = panel * kPanel;
          lora_dsx(op, g, ds, ldds, k, smaller(kPanel, op.inFeatures - k));
        } else {
          const std::int64_t n = (panel - inPanels) * kPanel;
          lora_dys(op, g, n, smaller(kPanel, op.outFeatures - n));
        }
      }
    }
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
