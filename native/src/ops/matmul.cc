#include "matmul.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "matmul_parts.h"

namespace loratwin::ops {

namespace {

std::string shape(std::int64_t rows, std::int64_t columns) {
  return "[" + std::to_string(rows) + "," + std::to_string(columns) + "]";
}

// A thread has all rows of its columns, so that each weight is dequantized once a product.
void runQuantized(ExecContext& context, MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction,
                  const Product& product) {
  const std::int64_t in = weight.in(direction);
  const std::int64_t out = weight.out(direction);
  const std::int64_t width = quantizedColumns(in, out);
  const auto columnsAt = [&](std::int64_t column) { return std::min(width, out - column); };
  if (!weight.panelled) {
    prepareOnednn(engine.onednn, dequantizedOperand(in, columnsAt(0)), product, product.rows);
    prepareOnednn(engine.onednn, dequantizedOperand(in, columnsAt((out - 1) / width * width)), product, product.rows);
  }
  const std::size_t groups = static_cast<std::size_t>((out + width - 1) / width);
  context.parallelFor(groups, [&](std::size_t begin, std::size_t end, int thread) {
    Bf16* const panels = reinterpret_cast<Bf16*>(engine.panels[static_cast<std::size_t>(thread)].data());
    for (std::int64_t column = static_cast<std::int64_t>(begin) * width;
         column < static_cast<std::int64_t>(end) * width; column += width) {
      executeQuantized(engine, weight, direction, column, columnsAt(column), columnsFrom(product, column), panels,
                       thread);
    }
  });
}

void runColumns(ExecContext& context, MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction,
                const Product& product) {
  prepareOnednn(engine.onednn, packedColumns(weight, direction, 0), product, product.rows);
  const std::size_t parts = static_cast<std::size_t>(weight.packed[direction]->parts());
  context.parallelFor(parts, [&](std::size_t begin, std::size_t end, int thread) {
    for (std::int64_t part = static_cast<std::int64_t>(begin); part < static_cast<std::int64_t>(end); ++part) {
      const RightOperand columns = packedColumns(weight, direction, part);
      executeOnednn(engine.onednn, columns, columnsFrom(product, part * columns.out), 0, product.rows, thread, nullptr);
    }
  });
}

void runProduct(ExecContext& context, MatmulEngine& engine, const PackedMatrix& weight, int direction,
                const Product& product) {
  if (product.rows <= 0) return;
  MatmulEngine::Impl& state = engine.impl();
  const std::int64_t threads = context.threads();
  requireThreads(state, threads);
  const PackedMatrix::Impl& matrix = weight.impl();
  if (matrix.quantized) return runQuantized(context, state, matrix, direction, product);
  if (splitsColumns(matrix, direction, threads, product.rows)) {
    return runColumns(context, state, matrix, direction, product);
  }
  const auto startOf = [&](std::int64_t part) { return shareStart(product.rows, threads, part); };
  if (!matrix.panelled) {
    for (std::int64_t part = 0; part < threads; ++part) {
      prepareOnednn(state.onednn, packedOperand(matrix, direction), product, startOf(part + 1) - startOf(part));
    }
  }
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int thread) {
    for (std::size_t part = begin; part < end; ++part) {
      const std::int64_t first = startOf(static_cast<std::int64_t>(part));
      const std::int64_t last = startOf(static_cast<std::int64_t>(part) + 1);
      if (matrix.panelled) {
        executePanels(matrix.dtype, matrix.storage[direction]->data(), matrix.in(direction), matrix.out(direction),
                      product, first, last);
      } else {
        executeOnednn(state.onednn, packedOperand(matrix, direction), product, first, last, thread, nullptr);
      }
    }
  });
}

void prepareProduct(MatmulEngine& engine, const PackedMatrix& weight, int direction, const Product& product) {
  const PackedMatrix::Impl& matrix = weight.impl();
  if (matrix.panelled) return;
  OnednnEngine& onednn = engine.impl().onednn;
  if (matrix.quantized) {
    const std::int64_t out = matrix.out(direction);
    const std::int64_t width = quantizedColumns(matrix.in(direction), out);
    for (const std::int64_t columns : {std::min(width, out), out - (out - 1) / width * width}) {
      prepareOnednnBlocks(onednn, dequantizedOperand(matrix.in(direction), columns), product);
    }
    return;
  }
  prepareOnednnBlocks(onednn, packedOperand(matrix, direction), product);
  if (matrix.packed[direction]->parts() > 0) {
    prepareOnednnBlocks(onednn, packedColumns(matrix, direction, 0), product);
  }
}

}  // namespace

void prepare_matmul(MatmulEngine& engine, const Matmul& op) {
  prepareProduct(engine, *op.weight, 0, {op.x, op.ldx, op.y, op.yType, op.ldy, op.bias, op.residual, op.ldr, 0});
}

void prepare_matmul_backward(MatmulEngine& engine, const MatmulBackward& op) {
  prepareProduct(engine, *op.weight, 1, {op.dy, op.lddy, op.dx, op.dxType, op.lddx, nullptr, nullptr, 0, 0});
}

void matmul(ExecContext& context, MatmulEngine& engine, const Matmul& op) {
  const std::int64_t in = op.weight->inFeatures();
  const std::int64_t out = op.weight->outFeatures();
  if (op.ldx < in || op.ldy < out || (op.residual != nullptr && op.ldr < out) ||
      (op.residual == op.y && op.ldr != op.ldy)) {
    throw std::invalid_argument(
        "matmul: Expected strides of at least the features and one stride for a residual in y, got ldx " +
        std::to_string(op.ldx) + ", ldy " + std::to_string(op.ldy) + ", ldr " + std::to_string(op.ldr) +
        " for weight " + shape(out, in));
  }
  if (op.yType != DType::float32 && (op.weight->dtype() == DType::float32 || op.residual != nullptr)) {
    throw std::invalid_argument(
        "matmul: Expected a float32 y for a float32 weight or with a residual, got a bfloat16 one for weight " +
        shape(out, in));
  }
  runProduct(context, engine, *op.weight, 0,
             {op.x, op.ldx, op.y, op.yType, op.ldy, op.bias, op.residual, op.ldr, op.rows});
}

void matmul_backward(ExecContext& context, MatmulEngine& engine, const MatmulBackward& op) {
  const std::int64_t in = op.weight->inFeatures();
  const std::int64_t out = op.weight->outFeatures();
  if (!op.weight->hasBackward() || op.lddy < out || op.lddx < in) {
    throw std::invalid_argument(
        "matmul_backward: Expected a weight packed for backward and strides of at least the features, got lddy " +
        std::to_string(op.lddy) + ", lddx " + std::to_string(op.lddx) + " for weight " + shape(out, in) +
        (op.weight->hasBackward() ? "" : " packed forward only"));
  }
  runProduct(context, engine, *op.weight, 1, {op.dy, op.lddy, op.dx, op.dxType, op.lddx, nullptr, nullptr, 0, op.rows});
}

}  // namespace loratwin::ops
