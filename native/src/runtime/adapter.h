// An adapter's flat vectors: parameters, gradients and the two moments, equally long. One that is frozen has its
// parameters alone.
// Layout on the device: for each entry in order A [rank, lda] of each expert, then B [outFeatures, ldb] of each, then
// where it has them its magnitudes [outFeatures], padded too. An entry with tokens has rows of the embedding as its A,
// and no B. JavaScript's has no padding: A [rank, inFeatures], B [outFeatures, rank]. What pads is zero and stays zero.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory.h"

namespace loratwin {

struct Matrix;
struct Table;

struct AdapterEntry {
  std::uint32_t target = 0;  // (layer of the whole model, projection)
  std::int32_t rank = 0;
  std::int32_t inFeatures = 0;
  std::int32_t outFeatures = 0;
  float scale = 1.0F;  // of B A x
  std::int32_t experts = 1;
  // The base's matrix and the first of its rows that are the target's, of an entry with magnitudes; null: without.
  std::shared_ptr<const Matrix> weight;
  std::int32_t column = 0;
  // Ascending, `rank` of them: the tokens whose rows are A. Empty: A is of an update.
  std::vector<std::int32_t> tokens;
  std::shared_ptr<const Table> table;  // the embedding, of an entry with tokens
  std::int32_t lda = 0;
  std::int32_t ldb = 0;
  std::int32_t ldm = 0;        // of all magnitudes
  std::size_t offset = 0;      // of A in the flat layout, in elements
  std::size_t normOffset = 0;  // among the adapter's norms

  // Of one expert, and of all.
  std::size_t expertA() const { return static_cast<std::size_t>(rank) * static_cast<std::size_t>(lda); }
  std::size_t expertB() const { return static_cast<std::size_t>(outFeatures) * static_cast<std::size_t>(ldb); }
  std::size_t sizeA() const { return static_cast<std::size_t>(experts) * expertA(); }
  std::size_t sizeB() const { return static_cast<std::size_t>(experts) * expertB(); }
  std::size_t sizeM() const { return static_cast<std::size_t>(ldm); }
  // As JavaScript has it.
  std::size_t elements() const {
    return static_cast<std::size_t>(experts) * static_cast<std::size_t>(rank) *
               (static_cast<std::size_t>(inFeatures) + static_cast<std::size_t>(outFeatures)) +
           (weight ? static_cast<std::size_t>(outFeatures) : 0);
  }
  std::size_t offsetM() const { return offset + sizeA() + sizeB(); }
};

enum class AdapterPart { parameters, gradients, firstMoment, secondMoment };
constexpr std::size_t kAdapterParts = 4;

// What a device keeps of an adapter: rows padded to multiples of `padding` elements, `roundedBytes` a parameter for a
// copy in the type that products read, and where it `keepsSum`, a place of its own for the gradients' sum of squares.
struct AdapterFormat {
  std::int32_t padding = 1;
  std::size_t roundedBytes = 0;
  bool keepsSum = false;
  bool isFrozen = false;
};

class Adapter {
 public:
  // Throws ArgumentError when a target comes twice.
  Adapter(const std::shared_ptr<MemoryPool>& pool, std::vector<AdapterEntry> entries, AdapterFormat format);

  // Of a vector as the device has it.
  std::size_t count() const { return count_; }
  // Of a vector as JavaScript has it.
  std::size_t elements() const { return elements_; }
  float* part(AdapterPart which) const { return buffer_.floats() + static_cast<std::size_t>(which) * stride_; }
  // Behind the vectors; as long as they are.
  std::byte* rounded() const { return buffer_.data() + parts() * stride_ * sizeof(float); }
  bool isFrozen() const { return isFrozen_; }
  std::size_t parts() const { return isFrozen_ ? 1 : kAdapterParts; }
  // Of each output of an entry with magnitudes: the norm of what base and adapter are together.
  float* norms(const AdapterEntry& entry) const { return norms_->floats() + entry.normOffset; }
  bool hasMagnitudes() const { return norms_ != nullptr; }
  // Of the gradients, as the last run that was to take it has left it; null where the format keeps none.
  double* sumSquares() const { return sum_ == nullptr ? nullptr : reinterpret_cast<double*>(sum_->data()); }
  // `values` [elements()] to and from the device.
  void write(AdapterPart which, const float* values) const;
  void read(AdapterPart which, float* values) const;
  // From a vector [count()] as the device has it to one [elements()] as JavaScript has it.
  void unpad(const float* padded, float* values) const;
  const std::vector<AdapterEntry>& entries() const { return entries_; }
  // Null: the adapter has no such target.
  const AdapterEntry* find(std::uint32_t target) const;
  // Of updates.
  std::int32_t maxRank() const { return maxRank_; }
  // No other adapter of this process has it, not even a later one.
  std::uint64_t serial() const { return serial_; }

  std::atomic<int> pending{0};  // tasks that use it
  // Whether its parameters are others than those that its norms are of. A magnitude that is no number is then a new
  // one: it becomes the norm.
  mutable std::atomic<bool> staleNorms{false};
  // The cell of the last run that was queued to take its sum of squares; JavaScript's thread only.
  const double* normCell = nullptr;

 private:
  // body(place on the device, place in JavaScript's vector, elements) for each row.
  template <class Body>
  void forRows(Body&& body) const;
  std::size_t byteOffset(AdapterPart which) const { return static_cast<std::size_t>(which) * stride_ * sizeof(float); }

  const std::uint64_t serial_;
  std::vector<AdapterEntry> entries_;
  std::size_t elements_ = 0;
  std::size_t count_ = 0;
  std::size_t stride_;  // count rounded up to 64 bytes
  bool isFrozen_;
  Buffer buffer_;
  std::unique_ptr<Buffer> sum_;
  std::unique_ptr<Buffer> norms_;
  std::vector<std::int32_t> indexOfTarget_;
  std::int32_t maxRank_ = 0;
};

}  // namespace loratwin
