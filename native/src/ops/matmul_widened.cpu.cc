#include "matmul_widened.h"

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kPanel = kWidenedPanel;
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
void finish(const WidenedProduct& op, const float* sums, std::int64_t row, std::int64_t rows, std::int64_t column,
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

}  // namespace

void matmul_widened(const WidenedProduct& op) {
  const std::int64_t K = op.inFeatures;
  alignas(64) float weights[kDepth * kPanel];
  alignas(64) float left[kRows * kDepth];
  alignas(64) float sums[kRows * kPanel];
  for (std::int64_t row = 0; row < op.rows; row += kRows) {
    const std::int64_t rows = op.rows - row < kRows ? op.rows - row : kRows;
    for (std::int64_t column = 0; column < op.outFeatures; column += kPanel) {
      const std::int64_t columns = op.outFeatures - column < kPanel ? op.outFeatures - column : kPanel;
      const Bf16* panel = op.panels + column * K;
      for (std::int64_t k = 0; k < K; k += kDepth) {
        const std::int64_t depth = K - k < kDepth ? K - k : kDepth;
        widenRows(panel + k * kPanel, kPanel, depth, kPanel, weights, kPanel);
        widenRows(op.x + row * op.ldx + k, op.ldx, rows, depth, left, kDepth);
        tileGemm(rows, kPanel, depth, left, kDepth, 1, weights, kPanel, sums, kPanel, 1.0F, k > 0);
      }
      if (op.yType == DType::float32) {
        finish<float>(op, sums, row, rows, column, columns);
      } else {
        finish<Bf16>(op, sums, row, rows, column, columns);
      }
    }
  }
}

}  // namespace loratwin::ops::LORATWIN_ISA
