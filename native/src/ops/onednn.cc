#include "onednn.h"

#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

namespace loratwin::ops {

namespace {

using dnnl::memory;

// Rows go in blocks of about so many, each of which reads the weight from its start to its end.
constexpr std::int64_t kBlockRows = 256;
// A range ends in a block of a multiple of this, then one of the rest: few enough sizes to make all their primitives
// beforehand.
constexpr std::int64_t kTailRows = 16;
// To read a weight of more than this once more, for the rest, takes longer than to make a primitive, 0.2 ms: its rows
// go in blocks of equal and any size.
constexpr std::int64_t kLargeBytes = std::int64_t{4} << 20;
// The row count for which oneDNN chooses the packed layout; it serves every other too.
constexpr std::int64_t kLayoutRows = 1024;
// A thread's scratchpad from the first matrix on. oneDNN asks for 66 KiB or less for bfloat16s with AVX512_BF16; one
// size for every shape, with room for other processors, lets the planner know it. For floats it asks for 768 bytes,
// which are aligned.
constexpr std::size_t kBf16ScratchBytes = std::size_t{256} << 10;
constexpr std::size_t kFloatScratchBytes = 768 + 64;

// The functions of the OpenMP that oneDNN uses, where it uses one: whichever the linker found for it.
struct OpenMp {
  void (*setThreads)(int) = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  int (*maxThreads)() = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
};

// Inside, oneDNN neither starts a team of its own nor plans for one.
class OneThread {
 public:
  OneThread() : before_(hasTeams() ? openMp().maxThreads() : 1) {
    if (before_ != 1) openMp().setThreads(1);
  }
  ~OneThread() {
    if (before_ != 1) openMp().setThreads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  static const OpenMp& openMp() {
    static const OpenMp found;
    return found;
  }
  static bool hasTeams() {
    return DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP && openMp().setThreads != nullptr && openMp().maxThreads != nullptr;
  }
  int before_;
};

memory::data_type dnnlType(DType type) {
  return type == DType::float32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::desc matrixDesc(DType type, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return {{rows, columns}, dnnlType(type), memory::dims{stride, 1}};
}

// Columns behind a last panel that is not whole are padding.
memory::desc panelLayout(std::int64_t in, std::int64_t out) {
  return {{in, out}, memory::data_type::bf16, memory::format_tag::BA16a64b2a};
}

enum class Residual { none, sum, add };

// What a primitive is made for; the source has the weight's type.
struct PrimitiveKey {
  std::int64_t in;
  std::int64_t out;
  int direction;
  std::int64_t rows;
  std::int64_t sourceStride;
  std::int64_t destinationStride;
  std::int64_t residualStride;
  Residual residual;
  bool bias;
  DType weightType;
  DType destinationType;

  auto operator<=>(const PrimitiveKey&) const = default;
};

struct Arguments {
  memory source;
  memory destination;
  memory bias;
  memory residual;
  memory scratch;
  memory panel;  // of a quantized weight, dequantized
};

struct Primitive {
  dnnl::matmul primitive;
  std::vector<Arguments> threads;  // one a thread: only their data handles change between calls
};

// A residual is added as it is read where it and the destination have no gaps between rows: with gaps, oneDNN after 3.7
// takes its loops without vectors. Otherwise it is copied to the destination and summed there.
Residual residualKind(const RightOperand& weight, const Product& product) {
  if (product.residual == nullptr) return Residual::none;
  const bool isDense = product.residualStride == weight.out && product.destinationStride == weight.out;
  return product.residual == product.destination || !isDense ? Residual::sum : Residual::add;
}

void copyResidual(const RightOperand& weight, const Product& product, std::int64_t first, std::int64_t rows) {
  float* const destination = static_cast<float*>(product.destination);
  for (std::int64_t row = first; row < first + rows; ++row) {
    std::copy_n(product.residual + row * product.residualStride, weight.out,
                destination + row * product.destinationStride);
  }
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

}  // namespace

struct OnednnEngine::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<dnnl::stream> streams;
  std::vector<std::vector<char>> scratch;
  std::mutex mutex;
  std::map<PrimitiveKey, Primitive> primitives;
};

struct OnednnMatrix::Impl {
  std::shared_ptr<const AlignedMemory> storage;  // nothing writes to it once it is packed
  memory packed;
  std::vector<memory> parts;

  // The columns of `packed` in `threads` parts, where these are whole blocks that lie one after the other.
  void cutColumns(const OnednnEngine::Impl& engine) {
    parts.clear();
    const std::int64_t threads = static_cast<std::int64_t>(engine.streams.size());
    const memory::desc whole = packed.get_desc();
    const memory::dims blocks = whole.get_inner_blks();
    const memory::dims blocked = whole.get_inner_idxs();
    std::int64_t blockColumns = 1;
    for (std::size_t i = 0; i < blocks.size(); ++i) blockColumns *= blocked[i] == 1 ? blocks[i] : 1;
    const std::int64_t columns = whole.get_dims()[1];
    if (threads < 2 || blocks.empty() || columns % (threads * blockColumns) != 0) return;
    const std::int64_t width = columns / threads;
    const std::size_t elements = static_cast<std::size_t>(width / blockColumns * whole.get_strides()[1]);
    const std::size_t bytes = elements * memory::data_type_size(whole.get_data_type());
    if (bytes * static_cast<std::size_t>(threads) != whole.get_size()) return;
    const memory::desc part = whole.submemory_desc({whole.get_dims()[0], width}, {0, 0});
    for (std::int64_t t = 0; t < threads; ++t) {
      parts.emplace_back(part, engine.engine,
                         static_cast<std::byte*>(packed.get_data_handle()) + static_cast<std::size_t>(t) * bytes);
    }
  }
};

namespace {

// Null: dequantized.
const memory* packedMemory(const RightOperand& weight) {
  if (weight.packed == nullptr) return nullptr;
  const OnednnMatrix::Impl& matrix = weight.packed->impl();
  return weight.part < 0 ? &matrix.packed : &matrix.parts[static_cast<std::size_t>(weight.part)];
}

Primitive& findPrimitive(OnednnEngine::Impl& engine, const RightOperand& weight, const Product& product,
                         std::int64_t rows) {
  const std::int64_t in = weight.in;
  const std::int64_t out = weight.out;
  const Residual kind = residualKind(weight, product);
  const bool bias = product.bias != nullptr;
  const std::int64_t residualStride = kind == Residual::add ? product.residualStride : 0;
  const PrimitiveKey key{in,
                         out,
                         weight.direction,
                         rows,
                         product.sourceStride,
                         product.destinationStride,
                         residualStride,
                         kind,
                         bias,
                         weight.type,
                         product.destinationType};
  const std::lock_guard<std::mutex> lock(engine.mutex);
  const auto found = engine.primitives.find(key);
  if (found != engine.primitives.end()) return found->second;

  const memory* const packed = packedMemory(weight);
  const memory::desc source = matrixDesc(weight.type, rows, in, product.sourceStride);
  const memory::desc destination = matrixDesc(product.destinationType, rows, out, product.destinationStride);
  const memory::desc added =
      matrixDesc(DType::float32, rows, out, kind == Residual::add ? product.residualStride : out);
  const memory::desc layout = packed == nullptr ? panelLayout(in, out) : packed->get_desc();
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
  Primitive entry{dnnl::matmul(description), {}};
  const memory::desc scratch = description.scratchpad_desc();
  for (std::size_t thread = 0; thread < engine.streams.size(); ++thread) {
    const auto make = [&](const memory::desc& of) { return memory(of, engine.engine, nullptr); };
    entry.threads.push_back({make(source), make(destination), bias ? make(biasRow) : memory(),
                             kind == Residual::add ? make(added) : memory(), make(scratch),
                             packed == nullptr ? make(layout) : memory()});
    // 64 spare bytes to align the start
    if (engine.scratch[thread].size() < scratch.get_size() + 64) engine.scratch[thread].resize(scratch.get_size() + 64);
  }
  return engine.primitives.emplace(key, std::move(entry)).first->second;
}

// By the name of what oneDNN would run: "ref" is loops without vectors, hundreds of times as slow.
bool isFast(DType type, Layout layout) {
  constexpr std::int64_t kRows = 64;
  const OneThread oneThread;
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const memory::desc weight = layout == Layout::panels
                                    ? panelLayout(kRows, kRows)
                                    : memory::desc({kRows, kRows}, dnnlType(type), memory::format_tag::any);
    const dnnl::matmul::primitive_desc description(engine, matrixDesc(type, kRows, kRows, kRows), weight,
                                                   matrixDesc(DType::float32, kRows, kRows, kRows));
    return std::string(description.impl_info_str()).find("ref") == std::string::npos;
  } catch (const dnnl::error&) {
    return false;
  }
}

}  // namespace

std::string onednnVersion() {
  const dnnl_version_t* const version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

bool onednnServes(DType type, Layout layout) {
  if (layout == Layout::panels) {
    static const bool panels = isFast(DType::bfloat16, Layout::panels);
    return panels;
  }
  static const bool floats = isFast(DType::float32, Layout::packed);
  static const bool pairs = isFast(DType::bfloat16, Layout::packed);
  return type == DType::float32 ? floats : pairs;
}

OnednnEngine::OnednnEngine(int threads) : impl_(std::make_unique<Impl>()) {
  for (int i = 0; i < threads; ++i) impl_->streams.emplace_back(impl_->engine);
  impl_->scratch.resize(static_cast<std::size_t>(threads));
}

OnednnEngine::~OnednnEngine() = default;

void OnednnEngine::reserve(DType type) {
  const std::size_t room = type == DType::bfloat16 ? kBf16ScratchBytes : kFloatScratchBytes;
  for (std::vector<char>& buffer : impl_->scratch) buffer.resize(std::max(buffer.size(), room));
}

std::size_t OnednnEngine::scratchBytes() const {
  std::size_t bytes = 0;
  for (const std::vector<char>& buffer : impl_->scratch) bytes += buffer.capacity();
  return bytes;
}

std::size_t OnednnEngine::primitives() const { return impl_->primitives.size(); }

OnednnMatrix::OnednnMatrix(const OnednnEngine& engine, const OnednnSource& source) : impl_(std::make_unique<Impl>()) {
  const OneThread oneThread;
  const dnnl::engine& cpu = engine.impl().engine;
  const memory::data_type type = dnnlType(source.type);
  const memory::dims shape{source.in, source.out};
  const dnnl::matmul::primitive_desc chooser(cpu, matrixDesc(source.type, kLayoutRows, source.in, source.in),
                                             memory::desc(shape, type, memory::format_tag::any),
                                             matrixDesc(source.type, kLayoutRows, source.out, source.out));
  memory from({shape, type, memory::dims{source.rowStride, source.columnStride}}, cpu, const_cast<void*>(source.w));
  auto storage = std::make_shared<AlignedMemory>(chooser.weights_desc().get_size());
  impl_->packed = memory(chooser.weights_desc(), cpu, storage->data());
  impl_->storage = std::move(storage);
  dnnl::stream stream(cpu);
  dnnl::reorder(from, impl_->packed).execute(stream, from, impl_->packed);
  stream.wait();
  impl_->cutColumns(engine.impl());
}

// oneDNN's views of the memory are of one engine, and the parts of as many threads as that has.
OnednnMatrix::OnednnMatrix(const OnednnEngine& engine, const OnednnMatrix& other)
    : impl_(std::make_unique<Impl>(*other.impl_)) {
  impl_->packed = memory(impl_->packed.get_desc(), engine.impl().engine, impl_->packed.get_data_handle());
  impl_->cutColumns(engine.impl());
}

OnednnMatrix::~OnednnMatrix() = default;
std::size_t OnednnMatrix::bytes() const { return impl_->storage->bytes(); }
std::int64_t OnednnMatrix::parts() const { return static_cast<std::int64_t>(impl_->parts.size()); }

void prepareOnednn(OnednnEngine& engine, const RightOperand& weight, const Product& product, std::int64_t left) {
  const OneThread oneThread;
  std::int64_t before = 0;
  while (left > 0) {
    const std::int64_t rows = blockRows(weight, left);
    if (rows != before) findPrimitive(engine.impl(), weight, product, rows);
    before = rows;
    left -= rows;
  }
}

void prepareOnednnBlocks(OnednnEngine& engine, const RightOperand& weight, const Product& product) {
  if (isLarge(weight)) return;
  const OneThread oneThread;
  for (std::int64_t rows = 1; rows <= kTailRows + 1; ++rows) findPrimitive(engine.impl(), weight, product, rows);
  for (std::int64_t rows = 2 * kTailRows; rows <= kBlockRows; rows += kTailRows) {
    findPrimitive(engine.impl(), weight, product, rows);
  }
}

void executeOnednn(OnednnEngine& of, const RightOperand& weight, const Product& product, std::int64_t first,
                   std::int64_t last, int thread, void* panels) {
  const OneThread oneThread;
  OnednnEngine::Impl& engine = of.impl();
  const memory* const packed = packedMemory(weight);
  std::int64_t rows = 0;
  for (std::int64_t row = first; row < last; row += rows) {
    rows = blockRows(weight, last - row);
    if (product.residual != product.destination && residualKind(weight, product) == Residual::sum) {
      copyResidual(weight, product, row, rows);
    }
    Primitive& entry = findPrimitive(engine, weight, product, rows);
    Arguments& arguments = entry.threads[static_cast<std::size_t>(thread)];
    std::vector<char>& buffer = engine.scratch[static_cast<std::size_t>(thread)];
    arguments.source.set_data_handle(
        const_cast<std::byte*>(element(product.source, weight.type, row * product.sourceStride)));
    arguments.destination.set_data_handle(
        element(product.destination, product.destinationType, row * product.destinationStride));
    arguments.scratch.set_data_handle(
        reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(buffer.data()) + 63) / 64 * 64));
    if (arguments.panel) arguments.panel.set_data_handle(panels);
    dnnl_exec_arg_t list[6] = {{DNNL_ARG_SRC, arguments.source.get()},
                               {DNNL_ARG_WEIGHTS, arguments.panel ? arguments.panel.get() : packed->get()},
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

}  // namespace loratwin::ops
