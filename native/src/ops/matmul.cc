#include "matmul.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads(void);

namespace loratwin::ops {

namespace {

using dnnl::memory;

constexpr std::int64_t kBlockRows = 256;
// A range ends in a block of a multiple of this, then one of fewer rows: few enough sizes to make all their primitives beforehand.
constexpr std::int64_t kTailRows = 16;
constexpr std::int64_t kRowGrain = 8;
constexpr std::int64_t kLayoutRows =
    1024;  // the row count for which oneDNN chooses the packed layout; it serves every other too

// oneDNN here is the OpenMP build: inside, it must neither start a team of its own nor plan for one.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

memory::desc matrix(std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return {{rows, columns}, memory::data_type::f32, memory::dims{stride, 1}};
}

std::string shape(std::int64_t rows, std::int64_t columns) {
  return "[" + std::to_string(rows) + "," + std::to_string(columns) + "]";
}

enum class Residual { none, sum, add };

// (in, out, direction, rows, source stride, destination stride, bias, residual, residual stride)
using Key =
    std::tuple<std::int64_t, std::int64_t, int, std::int64_t, std::int64_t, std::int64_t, bool, Residual, std::int64_t>;

struct Arguments {
  memory source;
  memory destination;
  memory bias;
  memory residual;
  memory scratch;
};

struct Entry {
  dnnl::matmul primitive;
  std::vector<Arguments> threads;  // one a thread: only their data handles change between calls
};

struct Product {
  const float* source;
  std::int64_t sourceStride;
  float* destination;
  std::int64_t destinationStride;
  const float* bias;
  const float* residual;
  std::int64_t residualStride;
  std::int64_t rows;
};

}  // namespace

struct MatmulEngine::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<dnnl::stream> streams;
  std::vector<std::vector<char>> scratch;
  std::mutex mutex;
  std::map<Key, Entry> entries;
};

struct PackedMatrix::Impl {
  std::int32_t outFeatures;
  std::int32_t inFeatures;
  memory packed[2];  // 0: x W^T, 1: dy W
};

MatmulEngine::MatmulEngine(int threads) : impl_(std::make_unique<Impl>()) {
  for (int i = 0; i < threads; ++i) impl_->streams.emplace_back(impl_->engine);
  impl_->scratch.resize(static_cast<std::size_t>(threads));
}

MatmulEngine::~MatmulEngine() = default;

std::size_t MatmulEngine::scratchBytes() const {
  std::size_t bytes = 0;
  for (const std::vector<char>& buffer : impl_->scratch) bytes += buffer.capacity();
  return bytes;
}

std::size_t MatmulEngine::primitives() const { return impl_->entries.size(); }

PackedMatrix::PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures,
                           bool backward)
    : impl_(std::make_unique<Impl>()) {
  const OneThread oneThread;
  impl_->outFeatures = outFeatures;
  impl_->inFeatures = inFeatures;
  const dnnl::engine& cpu = engine.impl().engine;
  dnnl::stream stream(cpu);
  for (int direction = 0; direction < (backward ? 2 : 1); ++direction) {
    const std::int64_t in = direction == 0 ? inFeatures : outFeatures;
    const std::int64_t out = direction == 0 ? outFeatures : inFeatures;
    const dnnl::matmul::primitive_desc chooser(cpu, matrix(kLayoutRows, in, in),
                                               memory::desc({in, out}, memory::data_type::f32, memory::format_tag::any),
                                               matrix(kLayoutRows, out, out));
    const memory::desc source({in, out}, memory::data_type::f32,
                              direction == 0 ? memory::dims{1, in} : memory::dims{out, 1});
    memory from(source, cpu, const_cast<float*>(w));
    impl_->packed[direction] = memory(chooser.weights_desc(), cpu);
    dnnl::reorder(from, impl_->packed[direction]).execute(stream, from, impl_->packed[direction]);
    stream.wait();
  }
}

PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;
std::int32_t PackedMatrix::outFeatures() const { return impl_->outFeatures; }
std::int32_t PackedMatrix::inFeatures() const { return impl_->inFeatures; }
bool PackedMatrix::hasBackward() const { return static_cast<bool>(impl_->packed[1]); }

std::size_t PackedMatrix::bytes() const {
  std::size_t bytes = 0;
  for (const memory& packed : impl_->packed) {
    if (packed) bytes += packed.get_desc().get_size();
  }
  return bytes;
}

namespace {

Residual residualKind(const Product& product) {
  if (product.residual == nullptr) return Residual::none;
  return product.residual == product.destination ? Residual::sum : Residual::add;
}

Entry& findEntry(MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction, const Product& product,
                 std::int64_t rows) {
  const std::int64_t in = direction == 0 ? weight.inFeatures : weight.outFeatures;
  const std::int64_t out = direction == 0 ? weight.outFeatures : weight.inFeatures;
  const Residual kind = residualKind(product);
  const bool bias = product.bias != nullptr;
  const std::int64_t residualStride = kind == Residual::add ? product.residualStride : 0;
  const Key key{in, out, direction, rows, product.sourceStride, product.destinationStride, bias, kind, residualStride};
  const std::lock_guard<std::mutex> lock(engine.mutex);
  const auto found = engine.entries.find(key);
  if (found != engine.entries.end()) return found->second;

  const memory::desc source = matrix(rows, in, product.sourceStride);
  const memory::desc destination = matrix(rows, out, product.destinationStride);
  const memory::desc added = matrix(rows, out, kind == Residual::add ? product.residualStride : out);
  const memory::desc biasRow = matrix(1, out, out);
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
  Entry entry{dnnl::matmul(description), {}};
  const memory::desc scratch = description.scratchpad_desc();
  for (std::size_t thread = 0; thread < engine.streams.size(); ++thread) {
    const auto make = [&](const memory::desc& layout) { return memory(layout, engine.engine, nullptr); };
    entry.threads.push_back({make(source), make(destination), bias ? make(biasRow) : memory(),
                             kind == Residual::add ? make(added) : memory(), make(scratch)});
    // 64 spare bytes to align the start
    if (engine.scratch[thread].size() < scratch.get_size() + 64) engine.scratch[thread].resize(scratch.get_size() + 64);
  }
  return engine.entries.emplace(key, std::move(entry)).first->second;
}

std::int64_t blockRows(std::int64_t left) {
  if (left >= kBlockRows) return kBlockRows;
  return left >= kTailRows ? left / kTailRows * kTailRows : left;
}

void execute(MatmulEngine::Impl& engine, const PackedMatrix::Impl& weight, int direction, const Product& product,
             std::int64_t first, std::int64_t last, int thread) {
  std::int64_t rows = 0;
  for (std::int64_t row = first; row < last; row += rows) {
    rows = blockRows(last - row);
    Entry& entry = findEntry(engine, weight, direction, product, rows);
    Arguments& arguments = entry.threads[static_cast<std::size_t>(thread)];
    std::vector<char>& buffer = engine.scratch[static_cast<std::size_t>(thread)];
    arguments.source.set_data_handle(const_cast<float*>(product.source + row * product.sourceStride));
    arguments.destination.set_data_handle(product.destination + row * product.destinationStride);
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
  {
    // Here and not in the threads: a new primitive may enlarge every thread's scratchpad.
    const OneThread oneThread;
    for (std::int64_t first = 0; first < product.rows; first += share) {
      std::int64_t left = std::min(share, product.rows - first);
      while (left > 0) {
        const std::int64_t rows = blockRows(left);
        findEntry(state, weight.impl(), direction, product, rows);
        left = left >= 2 * kBlockRows ? left % kBlockRows + kBlockRows : left - rows;
      }
    }
  }
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int thread) {
    const OneThread oneThread;
    for (std::size_t part = begin; part < end; ++part) {
      const std::int64_t first = std::min(product.rows, static_cast<std::int64_t>(part) * share);
      execute(state, weight.impl(), direction, product, first, std::min(product.rows, first + share), thread);
    }
  });
}

void prepareProduct(MatmulEngine& engine, const PackedMatrix& weight, int direction, const Product& product) {
  const OneThread oneThread;
  for (std::int64_t rows = 1; rows <= kBlockRows; rows = rows < kTailRows ? rows + 1 : rows + kTailRows) {
    findEntry(engine.impl(), weight.impl(), direction, product, rows);
  }
}

}  // namespace

void prepare_matmul(MatmulEngine& engine, const Matmul& op) {
  prepareProduct(engine, *op.weight, 0, {op.x, op.ldx, op.y, op.ldy, op.bias, op.residual, op.ldr, 0});
}

void prepare_matmul_backward(MatmulEngine& engine, const MatmulBackward& op) {
  prepareProduct(engine, *op.weight, 1, {op.dy, op.lddy, op.dx, op.lddx, nullptr, nullptr, 0, 0});
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
  runProduct(context, engine, *op.weight, 0, {op.x, op.ldx, op.y, op.ldy, op.bias, op.residual, op.ldr, op.rows});
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
  runProduct(context, engine, *op.weight, 1, {op.dy, op.lddy, op.dx, op.lddx, nullptr, nullptr, 0, op.rows});
}

}  // namespace loratwin::ops
