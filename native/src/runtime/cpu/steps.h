// The operators of a CPU device: a step's fields, and what it runs.
#pragma once

#include <array>
#include <vector>

#include "ops/adapter_norms.h"
#include "ops/exec_context.h"
#include "ops/head_loss.h"
#include "ops/lora.h"
#include "ops/magnitude.h"
#include "ops/matmul.h"
#include "ops/segments.h"
#include "ops/token_rows.h"
#include "runtime/cpu/row_windows.h"
#include "runtime/fields.h"
#include "runtime/program.h"

namespace loratwin {

// Packed for oneDNN, one of each expert; counted while it lives, unless another device packed it and counts it.
struct CpuMatrix final : Matrix {
  CpuMatrix(std::shared_ptr<MemoryPool> pool, std::vector<ops::PackedMatrix> matrices)
      : packed(std::move(matrices)), memory(std::move(pool)) {
    memory->meter.add(MemoryKind::weights, bytes());
  }
  explicit CpuMatrix(std::vector<ops::PackedMatrix> shared) : packed(std::move(shared)) {}
  ~CpuMatrix() override {
    if (memory) memory->meter.add(MemoryKind::weights, -bytes());
  }
  std::ptrdiff_t bytes() const {
    std::size_t sum = 0;
    for (const ops::PackedMatrix& matrix : packed) sum += matrix.bytes();
    return static_cast<std::ptrdiff_t>(sum);
  }
  const std::vector<ops::PackedMatrix> packed;
  // Of the first, for adapters with magnitudes; null: not wanted. 4 bytes a row, which nobody counts.
  std::shared_ptr<const std::vector<float>> rowSquares;
  const std::shared_ptr<MemoryPool> memory;  // null: another device's
};
inline const std::vector<ops::PackedMatrix>& expertsOf(const Matrix& matrix) {
  return static_cast<const CpuMatrix&>(matrix).packed;
}
inline const std::vector<float>* rowSquaresOf(const Matrix& matrix) {
  return static_cast<const CpuMatrix&>(matrix).rowSquares.get();
}
inline const ops::PackedMatrix& packedOf(const Matrix& matrix) { return expertsOf(matrix).front(); }

// Lists that a run fills anew; kept, so that a run allocates nothing once they are long enough.
struct RunScratch {
  std::array<std::vector<ops::LoraSegment>, ops::kLoraProjections> lora;
  std::vector<ops::LoraSegment> logits;  // of rows whose logits are wanted
  std::vector<ops::MagnitudeSegment> magnitudes;
  std::vector<ops::TokenSegment> tokens;
  ops::AdapterNormsScratch norms;
  std::vector<RowWindow> windows;
};

// Everything a step needs while it runs.
struct CpuRun {
  ops::ExecContext& pool;
  ops::MatmulEngine& engine;
  const Bindings& bindings;
  std::byte* arena;
  RunScratch& scratch;
  std::vector<double>* losses;
  // The rows that a step that goes row by row is to do; all of them for the others.
  RowWindow window;

  std::int32_t rows() const { return window.end - window.first; }
  ops::Sequences sequences() const {
    return {bindings.sequences.data(), static_cast<std::int32_t>(bindings.sequences.size()) - 1,
            bindings.caches.empty() ? nullptr : bindings.caches.data()};
  }
  template <class Store = float>
  Store* at(Tensor tensor) const {
    return reinterpret_cast<Store*>(place(tensor));
  }
  std::byte* place(Tensor tensor) const { return arena + bindings.place(tensor); }
  // The window's first row of a tensor with a row stride of `ld`.
  std::byte* rowPlace(Tensor tensor, std::int64_t ld, ops::DType type) const {
    return place(tensor) + window.first * ld * static_cast<std::int64_t>(ops::sizeOf(type));
  }
  template <class Store = float>
  Store* rowsOf(Tensor tensor, std::int64_t ld) const {
    return at<Store>(tensor) + window.first * ld;
  }
};

class CpuStep : public Step {
 public:
  virtual void run(CpuRun& run) const = 0;
  // Whether a row of what it writes depends on no other row, so that it can be run window by window.
  virtual bool goesByRows() const { return false; }
  // Makes beforehand what a run would make on its first time.
  virtual void prepare(ops::MatmulEngine&) const {}
};

class CpuRowStep : public CpuStep {
 public:
  bool goesByRows() const final { return true; }
};

// The segments of the run's window as adapters of a target have them, in `items`; gradients for a backward.
ops::LoraSegments loraSegments(const CpuRun& run, std::uint32_t target, std::vector<ops::LoraSegment>& items,
                               bool backward);

// The segments of the run whose adapters have rows of a target; gradients for a backward.
ops::TokenSegments tokenSegments(const CpuRun& run, std::uint32_t target, bool backward);

StepTable cpuElementwiseSteps();
StepTable cpuAttentionSteps();
StepTable cpuProductSteps();
StepTable cpuLoraSteps();
StepTable cpuExpertSteps();

}  // namespace loratwin
