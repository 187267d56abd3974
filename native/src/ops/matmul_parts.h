// Of one product on several threads: its operands, and the columns and rows of a thread. What matmul.cc and
// expert_matmul.cc share.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "matmul_panels.h"
#include "matmul_state.h"
#include "quantized_panel.h"

namespace loratwin::ops {

// At most so many rows are split by the weight's columns.
constexpr std::int64_t kColumnRows = 256;
constexpr std::int64_t kRowGrain = 8;

// The first of a thread's rows: contiguous ranges, the last of which is not a single row.
inline std::int64_t shareStart(std::int64_t rows, std::int64_t threads, std::int64_t part) {
  const std::int64_t share = ((rows + threads - 1) / threads + kRowGrain - 1) / kRowGrain * kRowGrain;
  const std::int64_t start = std::min(rows, part * share);
  return start > 0 && rows - start == 1 ? rows : start;
}

inline void requireThreads(const MatmulEngine::Impl& engine, std::int64_t threads) {
  if (threads <= static_cast<std::int64_t>(engine.panels.size())) return;
  throw std::invalid_argument("matmul: Expected at most " + std::to_string(engine.panels.size()) + " threads, got " +
                              std::to_string(threads));
}

inline RightOperand packedOperand(const PackedMatrix::Impl& weight, int direction) {
  return {weight.in(direction), weight.out(direction), direction, weight.dtype, weight.packed[direction].get()};
}

inline RightOperand packedColumns(const PackedMatrix::Impl& weight, int direction, std::int64_t part) {
  const OnednnMatrix& packed = *weight.packed[direction];
  return {weight.in(direction), weight.out(direction) / packed.parts(), direction, weight.dtype, &packed, part};
}

inline RightOperand dequantizedOperand(std::int64_t in, std::int64_t columns) {
  constexpr int kPanels = 2;
  return {in, columns, kPanels, DType::bfloat16, nullptr};
}

inline void executePanels(DType type, const void* panels, std::int64_t in, std::int64_t out, const Product& product,
                          std::int64_t first, std::int64_t last) {
  if (first >= last) return;
  const float* const residual =
      product.residual == nullptr ? nullptr : product.residual + first * product.residualStride;
  matmul_panels({type, element(product.source, type, first * product.sourceStride), product.sourceStride, panels,
                 static_cast<std::int32_t>(in), static_cast<std::int32_t>(out),
                 element(product.destination, product.destinationType, first * product.destinationStride),
                 product.destinationType, product.destinationStride, product.bias, residual, product.residualStride,
                 last - first});
}

// The product's columns from `column` on; a residual that is the destination stays so.
inline Product columnsFrom(const Product& product, std::int64_t column) {
  Product part = product;
  part.destination = element(product.destination, product.destinationType, column);
  if (product.bias != nullptr) part.bias = product.bias + column;
  if (product.residual != nullptr) part.residual = product.residual + column;
  return part;
}

// A product's columns from `column` on, as many as are dequantized at once; `part` has their destination. `panels`: the
// thread's.
inline void executeQuantized(MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction,
                             std::int64_t column, std::int64_t columns, const Product& part, Bf16* panels, int thread) {
  const std::int64_t in = weight.in(direction);
  const std::int64_t rowsOfPanel =
      weight.panelled ? in : (in + kQuantPanelRows - 1) / kQuantPanelRows * kQuantPanelRows;
  for (std::int64_t c = 0; c < columns; c += kQuantPanel) {
    dequantize_panel({weight.quantized->view(), direction == 1, (column + c) / kQuantPanel, panels + c * rowsOfPanel});
  }
  if (weight.panelled) {
    executePanels(DType::bfloat16, panels, in, columns, part, 0, part.rows);
  } else {
    executeOnednn(engine.onednn, dequantizedOperand(in, columns), part, 0, part.rows, thread, panels);
  }
}

// Few rows are not split among the threads: each reads its columns of the weight only, and its block is higher. More
// rows stay where the operators around the product, which go by rows, have them.
inline bool splitsColumns(const PackedMatrix::Impl& weight, int direction, std::int64_t threads, std::int64_t rows) {
  return !weight.panelled && rows <= kColumnRows && weight.packed[direction]->parts() == threads;
}

}  // namespace loratwin::ops
