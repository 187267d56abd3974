#include "packed_matrix.h"

#include <algorithm>

#include "isa.h"
#include "matmul_state.h"
#include "matmul_panels.h"

namespace loratwin::ops {

namespace {

// What the engine's threads keep to multiply with the matrix.
void reserveScratch(const PackedMatrix::Impl& matrix, MatmulEngine::Impl& engine) {
  if (!matrix.panelled) engine.onednn.reserve(matrix.dtype);
  if (!matrix.quantized) return;
  const std::size_t room = std::max(quantizedScratchBytes(matrix.inFeatures, matrix.outFeatures),
                                    quantizedScratchBytes(matrix.outFeatures, matrix.inFeatures));
  for (AlignedMemory& panels : engine.panels) {
    if (panels.bytes() >= room) continue;
    panels = AlignedMemory();  // before the new ones, so that the peak does not hold both
    panels = AlignedMemory(room);
  }
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
bool takesPanels(DType type, Layout layout) {
  const Isa isa = currentIsa();
  if (isa < Isa::avx512bf16 && (type == DType::bfloat16 || isa != Isa::avx512)) return true;
  return !onednnServes(type, layout);
}

template <class Store>
void pack(PackedMatrix::Impl& matrix, MatmulEngine::Impl& engine, const Store* w, std::int32_t out, std::int32_t in,
          bool backward) {
  matrix.outFeatures = out;
  matrix.inFeatures = in;
  matrix.dtype = dtypeOf<Store>();
  matrix.panelled = takesPanels(matrix.dtype, Layout::packed);
  reserveScratch(matrix, engine);
  for (int direction = 0; direction < (backward ? 2 : 1); ++direction) {
    const std::int64_t rows = matrix.in(direction);
    const std::int64_t columns = matrix.out(direction);
    const std::int64_t rowStride = direction == 0 ? 1 : columns;
    const std::int64_t columnStride = direction == 0 ? rows : 1;
    if (!matrix.panelled) {
      const OnednnSource source{matrix.dtype, w, rows, columns, rowStride, columnStride};
      matrix.packed[direction] = std::make_shared<const OnednnMatrix>(engine.onednn, source);
      continue;
    }
    const std::size_t bytes = static_cast<std::size_t>(panelElements(rows, columns)) * sizeof(Store);
    auto storage = std::make_shared<AlignedMemory>(bytes);
    packPanels(w, rowStride, columnStride, rows, columns, reinterpret_cast<Store*>(storage->data()));
    matrix.storage[direction] = std::move(storage);
  }
}

template <class Store>
void quantize(PackedMatrix::Impl& matrix, MatmulEngine::Impl& engine, const Store* w, std::int32_t out, std::int32_t in,
              Quantization format) {
  matrix.outFeatures = out;
  matrix.inFeatures = in;
  matrix.dtype = DType::bfloat16;
  matrix.panelled = takesPanels(DType::bfloat16, Layout::panels);
  matrix.quantized = std::make_shared<const QuantizedMatrix>(w, QuantizedLayout{format, out, in});
  reserveScratch(matrix, engine);
}

}  // namespace

MatmulEngine::MatmulEngine(int threads) : impl_(std::make_unique<Impl>(threads)) {}

MatmulEngine::~MatmulEngine() = default;

std::size_t MatmulEngine::scratchBytes() const {
  std::size_t bytes = impl_->onednn.scratchBytes();
  for (const AlignedMemory& panels : impl_->panels) bytes += panels.bytes();
  return bytes;
}

std::size_t MatmulEngine::primitives() const { return impl_->onednn.primitives(); }

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

PackedMatrix::PackedMatrix(MatmulEngine& engine, const PackedMatrix& other)
    : impl_(std::make_unique<Impl>(*other.impl_)) {
  reserveScratch(*impl_, engine.impl());
  for (std::shared_ptr<const OnednnMatrix>& packed : impl_->packed) {
    if (packed) packed = std::make_shared<const OnednnMatrix>(engine.impl().onednn, *packed);
  }
}

PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;
std::int32_t PackedMatrix::outFeatures() const { return impl_->outFeatures; }
std::int32_t PackedMatrix::inFeatures() const { return impl_->inFeatures; }
bool PackedMatrix::hasBackward() const { return impl_->quantized || impl_->storage[1] || impl_->packed[1]; }
bool PackedMatrix::isQuantized() const { return impl_->quantized != nullptr; }
DType PackedMatrix::dtype() const { return impl_->dtype; }
std::size_t PackedMatrix::bytes() const {
  if (impl_->quantized) return impl_->quantized->bytes();
  std::size_t bytes = 0;
  for (int direction = 0; direction < 2; ++direction) {
    if (impl_->storage[direction]) bytes += impl_->storage[direction]->bytes();
    if (impl_->packed[direction]) bytes += impl_->packed[direction]->bytes();
  }
  return bytes;
}

}  // namespace loratwin::ops
