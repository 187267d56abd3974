#include "matmul.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "matmul_state.h"
#include "matmul_widened.h"

namespace loratwin::ops {

namespace {

using dnnl::memory;

constexpr std::int64_t kBlockRows = 256;
// A range ends in a block of a multiple of this, then one of fewer rows: few enough sizes to make all their primitives
// beforehand.
constexpr std::int64_t kTailRows = 16;
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

Residual residualKind(const Product& product) {
  if (product.residual == nullptr) return Residual::none;
  return product.residual == product.destination ? Residual::sum : Residual::add;
}

MatmulPrimitive& findPrimitive(MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction,
                               const Product& product, std::int64_t rows) {
  const std::int64_t in = weight.in(direction);
  const std::int64_t out = weight.out(direction);
  const Residual kind = residualKind(product);
  const bool bias = product.bias != nullptr;
  const std::int64_t residualStride = kind == Residual::add ? product.residualStride : 0;
  const PrimitiveKey key{in,   out,          direction,    rows,
                         product.sourceStride, product.destinationStride, residualStride, kind,
                         bias, weight.dtype, product.destinationType};
  const std::lock_guard<std::mutex> lock(engine.mutex);
  const auto found = engine.primitives.find(key);
  if (found != engine.primitives.end()) return found->second;

  const memory::desc source = matrixDesc(weight.dtype, rows, in, product.sourceStride);
  const memory::desc destination = matrixDesc(product.destinationType, rows, out, product.destinationStride);
  const memory::desc added =
      matrixDesc(DType::float32, rows, out, kind == Residual::add ? product.residualStride : out);
  const memory::desc biasRow = matrixDesc(DType::float32, 1, out, out);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops after;
  if (kind == Residual::sum) after.append_sum(1.0F);
  if (kind == Residual::add) after.append_binary(dnnl::algorithm::binary_add, added);
  if (kind != Residual::none) attributes.set_post_ops(after);
  const memory::desc& packed = weight.packed[direction].get_desc();
  const dnnl::matmul::primitive_desc description =
      bias ? dnnl::matmul::primitive_desc(engine.engine, source, packed, biasRow, destination, attributes)
           : dnnl::matmul::primitive_desc(engine.engine, source, packed, destination, attributes);
  MatmulPrimitive entry{dnnl::matmul(description), {}};
  const memory::desc scratch = description.scratchpad_desc();
  for (std::size_t thread = 0; thread < engine.streams.size(); ++thread) {
    const auto make = [&](const memory::desc& layout) { return memory(layout, engine.engine, nullptr); };
    entry.threads.push_back({make(source), make(destination), bias ? make(biasRow) : memory(),
                             kind == Residual::add ? make(added) : memory(), make(scratch)});
    // 64 spare bytes to align the start
    if (engine.scratch[thread].size() < scratch.get_size() + 64) engine.scratch[thread].resize(scratch.get_size() + 64);
  }
  return engine.primitives.emplace(key, std::move(entry)).first->second;
}

std::int64_t blockRows(std::int64_t left) {
  if (left >= kBlockRows) return kBlockRows;
  return left >= kTailRows ? left / kTailRows * kTailRows : left;
}

void executeWidened(const PackedMatrix::Impl& weight, int direction, const Product& product, std::int64_t first,
                    std::int64_t last) {
  if (first >= last) return;
  const float* const residual =
      product.residual == nullptr ? nullptr : product.residual + first * product.residualStride;
  matmul_widened({reinterpret_cast<const Bf16*>(element(product.source, DType::bfloat16, first * product.sourceStride)),
                  product.sourceStride, reinterpret_cast<const Bf16*>(weight.storage[direction].data()),
                  static_cast<std::int32_t>(weight.in(direction)), static_cast<std::int32_t>(weight.out(direction)),
                  element(product.destination, product.destinationType, first * product.destinationStride),
                  product.destinationType, product.destinationStride, product.bias, residual, product.residualStride,
                  last - first});
}

void execute(MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction, const Product& product,
             std::int64_t first, std::int64_t last, int thread) {
  std::int64_t rows = 0;
  for (std::int64_t row = first; row < last; row += rows) {
    rows = blockRows(last - row);
    MatmulPrimitive& entry = findPrimitive(engine, weight, direction, product, rows);
    MatmulArguments& arguments = entry.threads[static_cast<std::size_t>(thread)];
    std::vector<char>& buffer = engine.scratch[static_cast<std::size_t>(thread)];
    arguments.source.set_data_handle(
        const_cast<std::byte*>(element(product.source, weight.dtype, row * product.sourceStride)));
    arguments.destination.set_data_handle(
        element(product.destination, product.destinationType, row * product.destinationStride));
    arguments.scratch.set_data_handle(
        reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(buffer.data()) + 63) / 64 * 64));
    dnnl_exec_arg_t list[6] = {{DNNL_ARG_SRC, arguments.source.get()},
                               {DNNL_ARG_WEIGHTS, weight.packed[direction].get()},
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

void runProduct(ExecContext& context, MatmulEngine& engine, const PackedMatrix& weight, int direction,
                const Product& product) {
  if (product.rows <= 0) return;
  MatmulEngine::Impl& state = engine.impl();
  const std::int64_t threads = context.threads();
  if (threads > static_cast<std::int64_t>(state.streams.size())) {
    throw std::invalid_argument("matmul: Expected at most " + std::to_string(state.streams.size()) + " threads, got " +
                                std::to_string(threads));
  }
  const std::int64_t share = ((product.rows + threads - 1) / threads + kRowGrain - 1) / kRowGrain * kRowGrain;
  if (!weight.impl().widened) {
    // Here and not in the threads: a new primitive may enlarge every thread's scratchpad.
    const OneThread oneThread;
    for (std::int64_t first = 0; first < product.rows; first += share) {
      std::int64_t left = std::min(share, product.rows - first);
      while (left > 0) {
        const std::int64_t rows = blockRows(left);
        findPrimitive(state, weight.impl(), direction, product, rows);
        left = left >= 2 * kBlockRows ? left % kBlockRows + kBlockRows : left - rows;
      }
    }
  }
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int thread) {
    const OneThread oneThread;
    for (std::size_t part = begin; part < end; ++part) {
      const std::int64_t first = std::min(product.rows, static_cast<std::int64_t>(part) * share);
      const std::int64_t last = std::min(product.rows, first + share);
      if (weight.impl().widened) {
        executeWidened(weight.impl(), direction, product, first, last);
      } else {
        execute(state, weight.impl(), direction, product, first, last, thread);
      }
    }
  });
}

void prepareProduct(MatmulEngine& engine, const PackedMatrix& weight, int direction, const Product& product) {
  const OneThread oneThread;
  for (std::int64_t rows = 1; rows <= kBlockRows; rows = rows < kTailRows ? rows + 1 : rows + kTailRows) {
    findPrimitive(engine.impl(), weight.impl(), direction, product, rows);
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
