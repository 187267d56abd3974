// Products by oneDNN. no_onednn.cc stands in its place where a build has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "aligned_memory.h"
#include "bf16.h"

namespace loratwin::ops {

// Its version, such as "3.7.2"; "none" for a build without it.
std::string onednnVersion();

// What a product multiplies with: a weight in oneDNN's layout, or panels (quantized_panel.h) of one that was just
// dequantized.
enum class Layout { packed, panels };

// Whether oneDNN has a fast way on this processor, and not just plain loops. Asked once a process and pair.
bool onednnServes(DType type, Layout layout);

// Of one device: primitives, and what each of its threads needs.
class OnednnEngine {
 public:
  explicit OnednnEngine(int threads);
  ~OnednnEngine();
  OnednnEngine(const OnednnEngine&) = delete;
  OnednnEngine& operator=(const OnednnEngine&) = delete;

  // Room for each thread to multiply with weights of this type.
  void reserve(DType type);
  std::size_t scratchBytes() const;
  std::size_t primitives() const;

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A right operand [in, out] in oneDNN's layout; `rowStride` and `columnStride` are those of `w`, in elements.
struct OnednnSource {
  DType type;
  const void* w;
  std::int64_t in;
  std::int64_t out;
  std::int64_t rowStride;
  std::int64_t columnStride;
};

class OnednnMatrix {
 public:
  OnednnMatrix(const OnednnEngine& engine, const OnednnSource& source);
  // `other`'s memory, as this engine's threads read it.
  OnednnMatrix(const OnednnEngine& engine, const OnednnMatrix& other);
  ~OnednnMatrix();
  std::size_t bytes() const;
  // Parts of as many columns, one a thread; 0 where the layout cannot be cut.
  std::int64_t parts() const;

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct RightOperand {
  std::int64_t in;
  std::int64_t out;
  int direction;  // 0 is x W^T, 1 is dy W, 2 is panels
  DType type;
  const OnednnMatrix* packed;  // null: this thread's `panels`
  std::int64_t part = -1;      // of its parts
};

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

inline const std::byte* element(const void* data, DType type, std::int64_t index) {
  return static_cast<const std::byte*>(data) + index * static_cast<std::int64_t>(sizeOf(type));
}

inline std::byte* element(void* data, DType type, std::int64_t index) {
  return static_cast<std::byte*>(data) + index * static_cast<std::int64_t>(sizeOf(type));
}

// Makes the primitives that `executeOnednn` needs for so many rows. In no thread of the engine's: a new primitive may
// enlarge the scratchpad of each.
void prepareOnednn(OnednnEngine& engine, const RightOperand& weight, const Product& product, std::int64_t rows);
// The primitives of any number of rows that come in blocks.
void prepareOnednnBlocks(OnednnEngine& engine, const RightOperand& weight, const Product& product);
// Rows `first` to `last` on a thread of the engine's. `panels`: of a right operand that is not packed.
void executeOnednn(OnednnEngine& engine, const RightOperand& weight, const Product& product, std::int64_t first,
                   std::int64_t last, int thread, void* panels);

}  // namespace loratwin::ops
