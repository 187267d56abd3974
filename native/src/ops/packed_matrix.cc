#include "packed_matrix.h"

#include <algorithm>

#include "isa.h"
#include "matmul_state.h"
#include "matmul_panels.h"

namespace loratwin::ops {

namespace {

using dnnl::memory;

// The row count for which oneDNN chooses the packed layout; it serves every other too.
constexpr std::int64_t kLayoutRows = 1024;

// A thread's scratchpad from the first matrix on. oneDNN asks for 66 KiB or less for bfloat16s with AVX512_BF16; one
// size for every shape, with room for other processors, lets the planner know it. For floats it asks for 768 bytes,
// which are aligned.
constexpr std::size_t kBf16ScratchBytes = std::size_t{256} << 10;
constexpr std::size_t kFloatScratchBytes = 768 + 64;

// What the engine's threads keep to multiply with the matrix.
void reserveScratch(const PackedMatrix::Impl& matrix, MatmulEngine::Impl& engine) {
  if (!matrix.panelled) {
    const std::size_t room = matrix.dtype == DType::bfloat16 ? kBf16ScratchBytes : kFloatScratchBytes;
    for (std::vector<char>& buffer : engine.scratch) buffer.resize(std::max(buffer.size(), room));
  }
  if (!matrix.quantized) return;
  const std::size_t room = std::max(quantizedScratchBytes(matrix.inFeatures, matrix.outFeatures),
                                    quantizedScratchBytes(matrix.outFeatures, matrix.inFeatures));
  for (AlignedMemory& panels : engine.panels) {
    if (panels.bytes() >= room) continue;
    panels = AlignedMemory();  // before the new ones, so that the peak does not hold both
    panels = AlignedMemory(room);
  }
}

// The columns of `packed` in `threads` parts, where these are whole blocks that lie one after the other.
std::vector<memory> cutColumns(const memory& packed, const dnnl::engine& cpu, std::int64_t threads) {
  const memory::desc whole = packed.get_desc();
  const memory::dims blocks = whole.get_inner_blks();
  const memory::dims blocked = whole.get_inner_idxs();
  std::int64_t blockColumns = 1;
  for (std::size_t i = 0; i < blocks.size(); ++i) blockColumns *= blocked[i] == 1 ? blocks[i] : 1;
  const std::int64_t columns = whole.get_dims()[1];
  if (threads < 2 || blocks.empty() || columns % (threads * blockColumns) != 0) return {};
  const std::int64_t width = columns / threads;
  const std::size_t elements = static_cast<std::size_t>(width / blockColumns * whole.get_strides()[1]);
  const std::size_t bytes = elements * memory::data_type_size(whole.get_data_type());
  if (bytes * static_cast<std::size_t>(threads) != whole.get_size()) return {};
  const memory::desc part = whole.submemory_desc({whole.get_dims()[0], width}, {0, 0});
  std::vector<memory> parts;
  for (std::int64_t t = 0; t < threads; ++t) {
    parts.emplace_back(part, cpu, static_cast<std::byte*>(packed.get_data_handle()) + static_cast<std::size_t>(t) * bytes);
  }
  return parts;
}

void packForOnednn(PackedMatrix::Impl& matrix, const MatmulEngine::Impl& engine, const void* w, int direction) {
  const dnnl::engine& cpu = engine.engine;
  const std::int64_t in = matrix.in(direction);
  const std::int64_t out = matrix.out(direction);
  const memory::data_type type = dnnlType(matrix.dtype);
  const dnnl::matmul::primitive_desc chooser(cpu, matrixDesc(matrix.dtype, kLayoutRows, in, in),
                                             memory::desc({in, out}, type, memory::format_tag::any),
                                             matrixDesc(matrix.dtype, kLayoutRows, out, out));
  const memory::desc source({in, out}, type, direction == 0 ? memory::dims{1, in} : memory::dims{out, 1});
  memory from(source, cpu, const_cast<void*>(w));
  auto storage = std::make_shared<AlignedMemory>(chooser.weights_desc().get_size());
  matrix.packed[direction] = memory(chooser.weights_desc(), cpu, storage->data());
  matrix.storage[direction] = std::move(storage);
  dnnl::stream stream(cpu);
  dnnl::reorder(from, matrix.packed[direction]).execute(stream, from, matrix.packed[direction]);
  stream.wait();
  matrix.parts[direction] = cutColumns(matrix.packed[direction], cpu, static_cast<std::int64_t>(engine.streams.size()));
}

// Panels of the matrix whose element (k, n) is w[k rowStride + n columnStride].
template <class Store>
void packPanels(const Store* w, std::int64_t rowStride, std::int64_t columnStride, std::int64_t rows,
                std::int64_t columns, Store* panels) {
  for (std::int64_t n = 0; n < columns; ++n) {
    Store* const panel = panels + n / kPanelColumns * kPanelColumns * rows + n % kPanelColumns;
    for (std::int64_t k = 0; k < rows; ++k) panel[k * kPanelColumns] = w[k * rowStride + n * columnStride];
  }
}

// Whether matmul_panels multiplies, and not oneDNN.
bool takesPanels(DType type) {
  const Isa isa = currentIsa();
  return isa < Isa::avx512bf16 && (type == DType::bfloat16 || isa != Isa::avx512);
}

template <class Store>
void pack(PackedMatrix::Impl& matrix, MatmulEngine::Impl& engine, const Store* w, std::int32_t out, std::int32_t in,
          bool backward) {
  matrix.outFeatures = out;
  matrix.inFeatures = in;
  matrix.dtype = dtypeOf<Store>();
  matrix.panelled = takesPanels(matrix.dtype);
  reserveScratch(matrix, engine);
  const OneThread oneThread;
  for (int direction = 0; direction < (backward ? 2 : 1); ++direction) {
    if (!matrix.panelled) {
      packForOnednn(matrix, engine, w, direction);
      continue;
    }
    const std::int64_t rows = matrix.in(direction);
    const std::int64_t columns = matrix.out(direction);
    const std::size_t bytes = static_cast<std::size_t>(panelElements(rows, columns)) * sizeof(Store);
    auto storage = std::make_shared<AlignedMemory>(bytes);
    packPanels(w, direction == 0 ? 1 : columns, direction == 0 ? rows : 1, rows, columns,
               reinterpret_cast<Store*>(storage->data()));
    matrix.storage[direction] = std::move(storage);
  }
}

template <class Store>
void quantize(PackedMatrix::Impl& matrix, MatmulEngine::Impl& engine, const Store* w, std::int32_t out,
              std::int32_t in, Quantization format) {
  matrix.outFeatures = out;
  matrix.inFeatures = in;
  matrix.dtype = DType::bfloat16;
  matrix.panelled = takesPanels(DType::bfloat16);
  matrix.quantized = std::make_shared<const QuantizedMatrix>(w, QuantizedLayout{format, out, in});
  reserveScratch(matrix, engine);
}

}  // namespace

MatmulEngine::MatmulEngine(int threads) : impl_(std::make_unique<Impl>()) {
  for (int i = 0; i < threads; ++i) impl_->streams.emplace_back(impl_->engine);
  impl_->scratch.resize(static_cast<std::size_t>(threads));
  impl_->panels.resize(static_cast<std::size_t>(threads));
}

MatmulEngine::~MatmulEngine() = default;

std::size_t MatmulEngine::scratchBytes() const {
  std::size_t bytes = 0;
  for (const std::vector<char>& buffer : impl_->scratch) bytes += buffer.capacity();
  for (const AlignedMemory& panels : impl_->panels) bytes += panels.bytes();
  return bytes;
}

std::size_t MatmulEngine::primitives() const { return impl_->primitives.size(); }

PackedMatrix::PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures,
                           bool backward)
    : impl_(std::make_unique<Impl>()) {
  pack(*impl_, engine.impl(), w, outFeatures, inFeatures, backward);
}

PackedMatrix::PackedMatrix(MatmulEngine& engine, const Bf16* w, std::int32_t outFeatures, std::int32_t inFeatures,
                           bool backward)
    : impl_(std::make_unique<Impl>()) {
  pack(*impl_, engine.impl(), w, outFeatures, inFeatures, backward);
}

PackedMatrix::PackedMatrix(MatmulEngine& engine, const float* w, std::int32_t outFeatures, std::int32_t inFeatures,
                           Quantization format)
    : impl_(std::make_unique<Impl>()) {
  quantize(*impl_, engine.impl(), w, outFeatures, inFeatures, format);
}

PackedMatrix::PackedMatrix(MatmulEngine& engine, const Bf16* w, std::int32_t outFeatures, std::int32_t inFeatures,
                           Quantization format)
    : impl_(std::make_unique<Impl>()) {
  quantize(*impl_, engine.impl(), w, outFeatures, inFeatures, format);
}

// oneDNN's views of the memory are of one engine, and the parts of as many threads as that has.
PackedMatrix::PackedMatrix(MatmulEngine& engine, const PackedMatrix& other) : impl_(std::make_unique<Impl>(*other.impl_)) {
  const dnnl::engine& cpu = engine.impl().engine;
  reserveScratch(*impl_, engine.impl());
  for (int direction = 0; direction < 2; ++direction) {
    memory& packed = impl_->packed[direction];
    if (!packed) continue;
    packed = memory(packed.get_desc(), cpu, packed.get_data_handle());
    impl_->parts[direction] = cutColumns(packed, cpu, static_cast<std::int64_t>(engine.impl().streams.size()));
  }
}

PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;
std::int32_t PackedMatrix::outFeatures() const { return impl_->outFeatures; }
std::int32_t PackedMatrix::inFeatures() const { return impl_->inFeatures; }
bool PackedMatrix::hasBackward() const { return impl_->quantized || impl_->storage[1]; }
bool PackedMatrix::isQuantized() const { return impl_->quantized != nullptr; }
DType PackedMatrix::dtype() const { return impl_->dtype; }
std::size_t PackedMatrix::bytes() const {
  if (impl_->quantized) return impl_->quantized->bytes();
  return impl_->storage[0]->bytes() + (impl_->storage[1] ? impl_->storage[1]->bytes() : 0);
}

}  // namespace loratwin::ops
