#include "matmul.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "matmul_panels.h"
#include "matmul_state.h"
#include "quantized_panel.h"

namespace loratwin::ops {

namespace {

using dnnl::memory;

// Rows go in blocks of about so many, each of which reads the weight from its start to its end.
constexpr std::int64_t kBlockRows = 256;
// A range ends in a block of a multiple of this, then one of the rest: few enough sizes to make all their primitives
// beforehand.
constexpr std::int64_t kTailRows = 16;
// To read a weight of more than this once more, for the rest, takes longer than to make a primitive, 0.2 ms: its rows go
// in blocks of equal and any size.
constexpr std::int64_t kLargeBytes = std::int64_t{4} << 20;
constexpr std::int64_t kRowGrain = 8;

std::string shape(std::int64_t rows, std::int64_t columns) {
  return "[" + std::to_string(rows) + "," + std::to_string(columns) + "]";
}

struct Product {
  const void* source;
  std::int64_t sourceStride;
  void* destination;
  DType destinationType;
  std::int64_t destinationStride;
  const float* bias;
  const float* residual;
  std::int64_t residualStride;
  std::int64_t rows;
};

const std::byte* element(const void* data, DType type, std::int64_t index) {
  return static_cast<const std::byte*>(data) + index * static_cast<std::int64_t>(sizeOf(type));
}

std::byte* element(void* data, DType type, std::int64_t index) {
  return static_cast<std::byte*>(data) + index * static_cast<std::int64_t>(sizeOf(type));
}

// What a product multiplies with: a packed weight, or columns of one that were just dequantized.
struct RightOperand {
  std::int64_t in;
  std::int64_t out;
  int direction;
  DType type;
  const memory* packed;  // null: dequantized

  // A dequantized one's is quantized_panel.h's; the columns behind a last panel that is not whole are padding.
  memory::desc layout() const {
    if (packed != nullptr) return packed->get_desc();
    return {{in, out}, memory::data_type::bf16, memory::format_tag::BA16a64b2a};
  }
};

RightOperand packedOperand(const PackedMatrix::Impl& weight, int direction) {
  return {weight.in(direction), weight.out(direction), direction, weight.dtype, &weight.packed[direction]};
}

RightOperand packedColumns(const PackedMatrix::Impl& weight, int direction, std::size_t part) {
  const std::vector<memory>& parts = weight.parts[direction];
  const std::int64_t columns = weight.out(direction) / static_cast<std::int64_t>(parts.size());
  return {weight.in(direction), columns, direction, weight.dtype, &parts[part]};
}

RightOperand dequantizedOperand(std::int64_t in, std::int64_t columns) {
  return {in, columns, kPanels, DType::bfloat16, nullptr};
}

Residual residualKind(const Product& product) {
  if (product.residual == nullptr) return Residual::none;
  return product.residual == product.destination ? Residual::sum : Residual::add;
}

MatmulPrimitive& findPrimitive(MatmulEngine::Impl& engine, const RightOperand& weight, const Product& product,
                               std::int64_t rows) {
  const std::int64_t in = weight.in;
  const std::int64_t out = weight.out;
  const Residual kind = residualKind(product);
  const bool bias = product.bias != nullptr;
  const std::int64_t residualStride = kind == Residual::add ? product.residualStride : 0;
  const PrimitiveKey key{in,   out,         weight.direction, rows, product.sourceStride, product.destinationStride,
                         residualStride, kind, bias, weight.type, product.destinationType};
  const std::lock_guard<std::mutex> lock(engine.mutex);
  const auto found = engine.primitives.find(key);
  if (found != engine.primitives.end()) return found->second;

  const memory::desc source = matrixDesc(weight.type, rows, in, product.sourceStride);
  const memory::desc destination = matrixDesc(product.destinationType, rows, out, product.destinationStride);
  const memory::desc added =
      matrixDesc(DType::float32, rows, out, kind == Residual::add ? product.residualStride : out);
  const memory::desc layout = weight.layout();
  const memory::desc biasRow = matrixDesc(DType::float32, 1, out, out);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops after;
  if (kind == Residual::sum) after.append_sum(1.0F);
  if (kind == Residual::add) after.append_binary(dnnl::algorithm::binary_add, added);
  if (kind != Residual::none) attributes.set_post_ops(after);
  const dnnl::matmul::primitive_desc description =
      bias ? dnnl::matmul::primitive_desc(engine.engine, source, layout, biasRow, destination, attributes)
           : dnnl::matmul::primitive_desc(engine.engine, source, layout, destination, attributes);
  MatmulPrimitive entry{dnnl::matmul(description), {}};
  const memory::desc scratch = description.scratchpad_desc();
  for (std::size_t thread = 0; thread < engine.streams.size(); ++thread) {
    const auto make = [&](const memory::desc& layout) { return memory(layout, engine.engine, nullptr); };
    entry.threads.push_back({make(source), make(destination), bias ? make(biasRow) : memory(),
                             kind == Residual::add ? make(added) : memory(), make(scratch),
                             weight.packed == nullptr ? make(layout) : memory()});
    // 64 spare bytes to align the start
    if (engine.scratch[thread].size() < scratch.get_size() + 64) engine.scratch[thread].resize(scratch.get_size() + 64);
  }
  return engine.primitives.emplace(key, std::move(entry)).first->second;
}

// Columns of a dequantized weight are in a core's own cache.
bool isLarge(const RightOperand& weight) {
  if (weight.packed == nullptr) return false;
  return weight.in * weight.out * static_cast<std::int64_t>(sizeOf(weight.type)) > kLargeBytes;
}

// Rows of the next block of a range. A single row is not left over: oneDNN adds its products up in another order, and
// rows have the same bits in whatever block they are.
std::int64_t blockRows(const RightOperand& weight, std::int64_t left) {
  if (isLarge(weight)) {
    const std::int64_t blocks = std::max((left + kBlockRows / 2) / kBlockRows, std::int64_t{1});
    return (left + blocks - 1) / blocks;
  }
  if (left == kTailRows + 1) return left;
  const std::int64_t rows = left >= kBlockRows ? kBlockRows : left >= kTailRows ? left / kTailRows * kTailRows : left;
  return left - rows == 1 ? rows - kTailRows : rows;
}

void executePanels(DType type, const void* panels, std::int64_t in, std::int64_t out, const Product& product,
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

void execute(MatmulEngine::Impl& engine, const RightOperand& weight, const Product& product, std::int64_t first,
             std::int64_t last, int thread) {
  std::int64_t rows = 0;
  for (std::int64_t row = first; row < last; row += rows) {
    rows = blockRows(weight, last - row);
    MatmulPrimitive& entry = findPrimitive(engine, weight, product, rows);
    MatmulArguments& arguments = entry.threads[static_cast<std::size_t>(thread)];
    std::vector<char>& buffer = engine.scratch[static_cast<std::size_t>(thread)];
    arguments.source.set_data_handle(
        const_cast<std::byte*>(element(product.source, weight.type, row * product.sourceStride)));
    arguments.destination.set_data_handle(
        element(product.destination, product.destinationType, row * product.destinationStride));
    arguments.scratch.set_data_handle(
        reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(buffer.data()) + 63) / 64 * 64));
    if (arguments.panel) {
      arguments.panel.set_data_handle(engine.panels[static_cast<std::size_t>(thread)].data());
    }
    dnnl_exec_arg_t list[6] = {{DNNL_ARG_SRC, arguments.source.get()},
                               {DNNL_ARG_WEIGHTS, arguments.panel ? arguments.panel.get() : weight.packed->get()},
                               {DNNL_ARG_DST, arguments.destination.get()},
                               {DNNL_ARG_SCRATCHPAD, arguments.scratch.get()}};
    int count = 4;
    if (arguments.bias) {
      arguments.bias.set_data_handle(const_cast<float*>(product.bias));
      list[count++] = {DNNL_ARG_BIAS, arguments.bias.get()};
    }
    if (arguments.residual) {
      arguments.residual.set_data_handle(const_cast<float*>(product.residual + row * product.residualStride));
      list[count++] = {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, arguments.residual.get()};
    }
    dnnl::error::wrap_c_api(dnnl_primitive_execute(entry.primitive.get(),
                                                   engine.streams[static_cast<std::size_t>(thread)].get(), count, list),
                            "matmul: oneDNN could not execute the primitive");
  }
}

// The row blocks of `execute`.
void preparePrimitives(MatmulEngine::Impl& engine, const RightOperand& weight, const Product& product,
                       std::int64_t left) {
  std::int64_t before = 0;
  while (left > 0) {
    const std::int64_t rows = blockRows(weight, left);
    if (rows != before) findPrimitive(engine, weight, product, rows);
    before = rows;
    left -= rows;
  }
}

// The product's columns from `column` on; a residual that is the destination stays so.
Product columnsFrom(const Product& product, std::int64_t column) {
  Product part = product;
  part.destination = element(product.destination, product.destinationType, column);
  if (product.bias != nullptr) part.bias = product.bias + column;
  if (product.residual != nullptr) part.residual = product.residual + column;
  return part;
}

// A thread has all rows of its columns, so that each weight is dequantized once a product.
void runQuantized(ExecContext& context, MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction,
                  const Product& product) {
  const std::int64_t in = weight.in(direction);
  const std::int64_t out = weight.out(direction);
  const std::int64_t width = quantizedColumns(in, out);
  const auto columnsAt = [&](std::int64_t column) { return std::min(width, out - column); };
  if (!weight.panelled) {
    const OneThread oneThread;
    preparePrimitives(engine, dequantizedOperand(in, columnsAt(0)), product, product.rows);
    preparePrimitives(engine, dequantizedOperand(in, columnsAt((out - 1) / width * width)), product, product.rows);
  }
  const std::int64_t rowsOfPanel = weight.panelled ? in : (in + kQuantPanelRows - 1) / kQuantPanelRows * kQuantPanelRows;
  const std::size_t groups = static_cast<std::size_t>((out + width - 1) / width);
  context.parallelFor(groups, [&](std::size_t begin, std::size_t end, int thread) {
    const OneThread oneThread;
    Bf16* const panels = reinterpret_cast<Bf16*>(engine.panels[static_cast<std::size_t>(thread)].data());
    for (std::int64_t column = static_cast<std::int64_t>(begin) * width; column < static_cast<std::int64_t>(end) * width;
         column += width) {
      const std::int64_t columns = columnsAt(column);
      for (std::int64_t c = 0; c < columns; c += kQuantPanel) {
        dequantize_panel(
            {weight.quantized->view(), direction == 1, (column + c) / kQuantPanel, panels + c * rowsOfPanel});
      }
      const Product part = columnsFrom(product, column);
      if (weight.panelled) {
        executePanels(DType::bfloat16, panels, in, columns, part, 0, product.rows);
      } else {
        execute(engine, dequantizedOperand(in, columns), part, 0, product.rows, thread);
      }
    }
  });
}

// Up to a block of rows is not split among the threads: each reads its columns of the weight only, and its block is
// higher. More rows stay where the operators around the product, which go by rows, have them.
bool splitsColumns(const PackedMatrix::Impl& weight, int direction, std::int64_t threads, std::int64_t rows) {
  return rows <= kBlockRows && !weight.parts[direction].empty() &&
         static_cast<std::int64_t>(weight.parts[direction].size()) == threads;
}

void runColumns(ExecContext& context, MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction,
                const Product& product) {
  {
    const OneThread oneThread;
    preparePrimitives(engine, packedColumns(weight, direction, 0), product, product.rows);
  }
  context.parallelFor(weight.parts[direction].size(), [&](std::size_t begin, std::size_t end, int thread) {
    const OneThread oneThread;
    for (std::size_t part = begin; part < end; ++part) {
      const RightOperand columns = packedColumns(weight, direction, part);
      execute(engine, columns, columnsFrom(product, static_cast<std::int64_t>(part) * columns.out), 0, product.rows, thread);
    }
  });
}

void runProduct(ExecContext& context, MatmulEngine& engine, const PackedMatrix& weight, int direction,
                const Product& product) {
  if (product.rows <= 0) return;
  MatmulEngine::Impl& state = engine.impl();
  const std::int64_t threads = context.threads();
  if (threads > static_cast<std::int64_t>(state.streams.size())) {
    throw std::invalid_argument("matmul: Expected at most " + std::to_string(state.streams.size()) + " threads, got " +
                                std::to_string(threads));
  }
  const PackedMatrix::Impl& matrix = weight.impl();
  if (matrix.quantized) return runQuantized(context, state, matrix, direction, product);
  if (splitsColumns(matrix, direction, threads, product.rows)) {
    return runColumns(context, state, matrix, direction, product);
  }
  const std::int64_t share = ((product.rows + threads - 1) / threads + kRowGrain - 1) / kRowGrain * kRowGrain;
  const auto startOf = [&](std::int64_t part) {
    const std::int64_t start = std::min(product.rows, part * share);
    return start > 0 && product.rows - start == 1 ? product.rows : start;
  };
  if (!matrix.panelled) {
    // Here and not in the threads: a new primitive may enlarge every thread's scratchpad.
    const OneThread oneThread;
    for (std::int64_t part = 0; part < threads; ++part) {
      preparePrimitives(state, packedOperand(matrix, direction), product, startOf(part + 1) - startOf(part));
    }
  }
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int thread) {
    const OneThread oneThread;
    for (std::size_t part = begin; part < end; ++part) {
      const std::int64_t first = startOf(static_cast<std::int64_t>(part));
      const std::int64_t last = startOf(static_cast<std::int64_t>(part) + 1);
      if (matrix.panelled) {
        executePanels(matrix.dtype, matrix.storage[direction]->data(), matrix.in(direction), matrix.out(direction),
                      product, first, last);
      } else {
        execute(state, packedOperand(matrix, direction), product, first, last, thread);
      }
    }
  });
}

void prepareProduct(MatmulEngine& engine, const PackedMatrix& weight, int direction, const Product& product) {
  const PackedMatrix::Impl& matrix = weight.impl();
  if (matrix.panelled) return;
  std::vector<RightOperand> operands;
  if (matrix.quantized) {
    const std::int64_t out = matrix.out(direction);
    const std::int64_t width = quantizedColumns(matrix.in(direction), out);
    operands.push_back(dequantizedOperand(matrix.in(direction), std::min(width, out)));
    operands.push_back(dequantizedOperand(matrix.in(direction), out - (out - 1) / width * width));
  } else {
    operands.push_back(packedOperand(matrix, direction));
    if (!matrix.parts[direction].empty()) operands.push_back(packedColumns(matrix, direction, 0));
  }
  const OneThread oneThread;
  for (const RightOperand& operand : operands) {
    if (isLarge(operand)) continue;
    for (std::int64_t rows = 1; rows <= kTailRows + 1; ++rows) findPrimitive(engine.impl(), operand, product, rows);
    for (std::int64_t rows = 2 * kTailRows; rows <= kBlockRows; rows += kTailRows) {
      findPrimitive(engine.impl(), operand, product, rows);
    }
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
  runProduct(context, engine, *op.weight, 0, {op.x, op.ldx, op.y, op.yType, op.ldy, op.bias, op.residual, op.ldr, op.rows});
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
