#include "matmul_panels.h"

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kPanel = kPanelColumns;
constexpr std::int64_t kRows = 64;
constexpr std::int64_t kDepth = 192;

void widenRows(const Bf16* source, std::int64_t lds, std::int64_t rows, std::int64_t columns, float* destination,
               std::int64_t ldd) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      const Mask m = firstLanes(columns - c);
      store(destination + r * ldd + c, load(source + r * lds + c, m), m);
    }
  }
}

template <class Store>
void finish(const PanelProduct& op, const float* sums, std::int64_t row, std::int64_t rows, std::int64_t column,
            std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      const Mask m = firstLanes(columns - c);
      Vec v = load(sums + r * kPanel + c, m);
      if (op.bias != nullptr) v = v + load(op.bias + column + c, m);
      if (op.residual != nullptr) v = v + load(op.residual + (row + r) * op.ldr + column + c, m);
      store(static_cast<Store*>(op.y) + (row + r) * op.ldy + column + c, v, m);
    }
  }
}

// The sums of a block of rows and a panel, over k from `k` on, added to those before it.
void addBlock(const float* x, std::int64_t ldx, const float* panel, std::int64_t rows, std::int64_t k,
              std::int64_t depth, float* sums) {
  tileGemm(rows, kPanel, depth, x + k, ldx, 1, panel + k * kPanel, kPanel, sums, kPanel, k > 0);
}

void addBlock(const Bf16* x, std::int64_t ldx, const Bf16* panel, std::int64_t rows, std::int64_t k, std::int64_t depth,
              float* sums) {
  alignas(64) float weights[kDepth * kPanel];
  alignas(64) float left[kRows * kDepth];
  widenRows(panel + k * kPanel, kPanel, depth, kPanel, weights, kPanel);
  widenRows(x + k, ldx, rows, depth, left, kDepth);
  tileGemm(rows, kPanel, depth, left, kDepth, 1, weights, kPanel, sums, kPanel, k > 0);
}

template <class Element>
void multiply(const PanelProduct& op) {
  const std::int64_t K = op.inFeatures;
  const Element* const x = static_cast<const Element*>(op.x);
  alignas(64) float sums[kRows * kPanel];
  for (std::int64_t row = 0; row < op.rows; row += kRows) {
    const std::int64_t rows = op.rows - row < kRows ? op.rows - row : kRows;
    for (std::int64_t column = 0; column < op.outFeatures; column += kPanel) {
      const std::int64_t columns = op.outFeatures - column < kPanel ? op.outFeatures - column : kPanel;
      const Element* const panel = static_cast<const Element*>(op.panels) + column * K;
      for (std::int64_t k = 0; k < K; k += kDepth) {
        addBlock(x + row * op.ldx, op.ldx, panel, rows, k, K - k < kDepth ? K - k : kDepth, sums);
      }
      if (op.yType == DType::float32) {
        finish<float>(op, sums, row, rows, column, columns);
      } else {
        finish<Bf16>(op, sums, row, rows, column, columns);
      }
    }
  }
}

}  // namespace

void matmul_panels(const PanelProduct& op) {
  if (op.type == DType::float32) {
    multiply<float>(op);
  } else {
    multiply<Bf16>(op);
  }
}

}  // namespace loratwin::ops::LORATWIN_ISA
