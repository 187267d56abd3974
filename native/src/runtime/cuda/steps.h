// The operators of a CUDA device: a step's fields, and what it gives to a stream.
#pragma once

#include <functional>
#include <optional>

#include "cuda/attention.h"
#include "cuda/blas.h"
#include "cuda/cached_attention.h"
#include "cuda/dequantize.h"
#include "cuda/rope.h"
#include "runtime/cuda/tables.h"
#include "runtime/fields.h"
#include "runtime/program.h"

namespace loratwin {

// The elements [experts, out, in] as they are multiplied, or a quantized weight's parts, which are dequantized into
// room of the device before each product; those of several experts one after another, dequantized as they are read.
struct CudaMatrix final : Matrix {
  CudaMatrix(std::shared_ptr<MemoryPool> pool, std::size_t bytes)
      : values(std::move(pool), MemoryKind::weights, bytes) {}
  const Buffer values;
  std::optional<ops::QuantizedView> quantized;  // into `values`; the first expert's
};

// The cosines and sines of rotary frequencies, kept by the device.
class RotationTables {
 public:
  explicit RotationTables(std::shared_ptr<MemoryPool> pool) : pool_(std::move(pool)) {}
  const cuda::Rotation* find(const Vector& frequencies, std::int32_t positions);

 private:
  struct Kept {
    std::int32_t positions;
    std::unique_ptr<Buffer> values;
  };
  std::shared_ptr<MemoryPool> pool_;
  // Outgrown ones too: launches that are under way read them. They double, so they are less than the last.
  std::map<const Vector*, std::vector<Kept>> kept_;
};

// What a step puts its launch together from. Tables are taken before anything is launched.
class CudaRun {
 public:
  CudaRun(const Bindings& bindings, std::byte* arena, TableSlot& slot, RotationTables& rotations, cuda::Blas& blas)
      : bindings(bindings), slot(slot), rotations(rotations), blas(blas), arena_(arena) {}

  std::int32_t rows() const { return bindings.rows; }
  ops::Sequences sequences() const {
    return {bindings.sequences.data(), static_cast<std::int32_t>(bindings.sequences.size()) - 1,
            bindings.caches.empty() ? nullptr : bindings.caches.data()};
  }
  template <class Store = float>
  Store* at(Tensor tensor) const {
    return reinterpret_cast<Store*>(arena_ + bindings.place(tensor));
  }
  std::byte* place(Tensor tensor) const { return arena_ + bindings.place(tensor); }

  // On the device, sent once a run.
  const std::int32_t* ids() {
    return once(ids_, [&] { return bindings.ids; });
  }
  const std::int32_t* rowKeys();
  // Of each row: its index in its sequence, and one past its sequence's last row, as if that were whole in the run.
  const std::int32_t* positions();
  const std::int32_t* ends();
  // Of each row of a run with caches.
  const cuda::CachedRow* cachedRows();

  struct Tiles {
    const cuda::AttentionTile* tiles;
    std::int32_t count;
  };
  Tiles queryTiles() { return tiles(queryTiles_, cuda::attentionQueryTiles); }
  Tiles keyTiles() { return tiles(keyTiles_, cuda::attentionKeyTiles); }

  // What the arguments or grids of a step's launches follow from, and is neither in a table nor a size of one: a CUDA
  // graph serves only runs that have the same (cuda_device.cc).
  void dependsOn(std::uint64_t value) { dependencies.push_back(value); }
  void dependsOn(const void* pointer) { dependsOn(reinterpret_cast<std::uintptr_t>(pointer)); }

  const Bindings& bindings;
  TableSlot& slot;
  RotationTables& rotations;
  cuda::Blas& blas;
  std::vector<std::uint64_t> dependencies;
  double* losses = nullptr;          // [segments], of the device
  ops::Bf16* dequantized = nullptr;  // room for any quantized weight's columns, used by one product at a time

 private:
  template <class Item, class Make>
  const Item* once(const Item*& kept, Make&& make) {
    if (kept == nullptr) kept = slot.table(make());
    return kept;
  }
  using TileMaker = std::vector<cuda::AttentionTile> (*)(const std::int32_t* offsets, std::int32_t count);
  Tiles tiles(std::optional<Tiles>& kept, TileMaker make);

  std::byte* arena_;
  const std::int32_t* ids_ = nullptr;
  const std::int32_t* rowKeys_ = nullptr;
  const std::int32_t* positions_ = nullptr;
  const std::int32_t* ends_ = nullptr;
  const cuda::CachedRow* cachedRows_ = nullptr;
  std::optional<Tiles> queryTiles_;
  std::optional<Tiles> keyTiles_;
};

using Launch = std::function<void(void* stream)>;

class CudaStep : public Step {
 public:
  virtual Launch prepare(CudaRun& run) const = 0;
};

inline const CudaMatrix& cudaMatrix(const Matrix& matrix) { return static_cast<const CudaMatrix&>(matrix); }

// The elements of a matrix that is not quantized.
inline const void* weightFor(const Matrix& matrix) { return cudaMatrix(matrix).values.data(); }

// Whether rows of bfloat16 `stride` apart are 16-byte aligned, as the tensor core kernels want them.
constexpr bool aligned(std::int64_t stride) { return stride % 8 == 0; }

StepTable cudaElementwiseSteps();
StepTable cudaProductSteps();
StepTable cudaAttentionSteps();
StepTable cudaLoraSteps();
StepTable cudaExpertSteps();

}  // namespace loratwin
