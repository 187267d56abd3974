#include "adapter.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "errors.h"
#include "ops/size.h"

namespace loratwin {

namespace {

constexpr std::uint32_t kMaxTarget = 1U << 20;  // 1024 layers of 1024 projections; keeps the index small
// So that a row can be padded, and a vector be one of JavaScript's.
constexpr std::int32_t kMaxColumns = (1 << 30) - 1;
constexpr std::size_t kMaxElements = (std::size_t{1} << 31) - 1;

[[noreturn]] void refuse(std::size_t index, const char* field, const std::string& expected, const std::string& got) {
  throw ArgumentError(expected, "createAdapter[" + std::to_string(index) + "]." + field, got);
}

void requireTokens(std::size_t index, const AdapterEntry& entry) {
  const std::vector<std::int32_t>& tokens = entry.tokens;
  const bool isAscending = std::adjacent_find(tokens.begin(), tokens.end(), std::greater_equal<>()) == tokens.end();
  if (!isAscending || tokens.front() < 0) refuse(index, "tokens", "ascending ids from 0 on", "others");
  if (entry.outFeatures != 0 || entry.experts != 1 || entry.weight) {
    refuse(index, "tokens", "rows without B, experts or magnitudes", "an entry with some");
  }
}

// The entries, each in range and none too many, before anything is allocated for them.
std::vector<AdapterEntry> checked(std::vector<AdapterEntry> entries) {
  ops::Size elements = 0;
  for (std::size_t i = 0; i < entries.size(); i++) {
    const AdapterEntry& entry = entries[i];
    if (entry.target >= kMaxTarget) refuse(i, "target", "a target below 2^20", std::to_string(entry.target));
    const auto requireColumns = [&](const char* field, std::int32_t value) {
      if (value < 1 || value > kMaxColumns)
        refuse(i, field, "a whole number from 1 to 2^30 - 1", std::to_string(value));
    };
    requireColumns("rank", entry.rank);
    requireColumns("inFeatures", entry.inFeatures);
    if (entry.tokens.empty()) {
      requireColumns("outFeatures", entry.outFeatures);
    } else {
      requireTokens(i, entry);
    }
    requireColumns("experts", entry.experts);
    if (!std::isfinite(entry.scale)) refuse(i, "scale", "a finite number", std::to_string(entry.scale));
    elements = elements +
               (ops::Size(static_cast<std::size_t>(entry.inFeatures)) + static_cast<std::size_t>(entry.outFeatures)) *
                   static_cast<std::size_t>(entry.rank) * static_cast<std::size_t>(entry.experts) +
               (entry.weight ? static_cast<std::size_t>(entry.outFeatures) : 0);
  }
  if (elements.value() > kMaxElements) {
    throw ArgumentError("at most 2^31 - 1 parameters", "createAdapter",
                        elements.isTooLarge() ? "more than can be counted" : std::to_string(elements.value()));
  }
  return entries;
}

std::size_t place(std::vector<AdapterEntry>& entries, std::int32_t padding) {
  const auto padded = [padding](std::int32_t columns) { return (columns + padding - 1) / padding * padding; };
  std::size_t offset = 0;
  for (AdapterEntry& entry : entries) {
    entry.lda = padded(entry.inFeatures);
    entry.ldb = padded(entry.rank);
    entry.ldm = entry.weight ? padded(entry.outFeatures) : 0;
    entry.offset = offset;
    offset += entry.sizeA() + entry.sizeB() + entry.sizeM();
  }
  return offset;
}

std::size_t unpadded(const std::vector<AdapterEntry>& entries) {
  std::size_t count = 0;
  for (const AdapterEntry& entry : entries) count += entry.elements();
  return count;
}

std::size_t placeNorms(std::vector<AdapterEntry>& entries) {
  std::size_t count = 0;
  for (AdapterEntry& entry : entries) {
    entry.normOffset = count;
    if (entry.weight) count += static_cast<std::size_t>(entry.outFeatures);
  }
  return count;
}

std::uint64_t nextSerial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

constexpr std::size_t kLineFloats = MemoryPool::kLine / sizeof(float);

}  // namespace

Adapter::Adapter(const std::shared_ptr<MemoryPool>& pool, std::vector<AdapterEntry> entries, AdapterFormat format)
    : serial_(nextSerial()),
      entries_(checked(std::move(entries))),
      elements_(unpadded(entries_)),
      count_(place(entries_, format.padding)),
      stride_((count_ + kLineFloats - 1) / kLineFloats * kLineFloats),
      isFrozen_(format.isFrozen),
      buffer_(pool, MemoryKind::adapters, stride_ * (parts() * sizeof(float) + format.roundedBytes)),
      sum_(format.keepsSum && !format.isFrozen ? std::make_unique<Buffer>(pool, MemoryKind::norms, sizeof(double))
                                               : nullptr) {
  for (std::size_t i = 0; i < entries_.size(); i++) {
    const AdapterEntry& entry = entries_[i];
    if (entry.target >= indexOfTarget_.size()) indexOfTarget_.resize(entry.target + 1, -1);
    if (indexOfTarget_[entry.target] >= 0) refuse(i, "target", "each target once", std::to_string(entry.target));
    indexOfTarget_[entry.target] = static_cast<std::int32_t>(i);
    if (entry.tokens.empty()) maxRank_ = std::max(maxRank_, entry.rank);
  }
  const std::size_t norms = placeNorms(entries_);
  if (norms > 0) norms_ = std::make_unique<Buffer>(pool, MemoryKind::adapters, norms * sizeof(float));
}

template <class Body>
void Adapter::forRows(Body&& body) const {
  std::size_t packed = 0;
  const auto matrix = [&](std::size_t place, std::int64_t rows, std::int32_t columns, std::int32_t stride) {
    for (std::int64_t row = 0; row < rows; row++) {
      body(place, packed, static_cast<std::size_t>(columns));
      place += static_cast<std::size_t>(stride);
      packed += static_cast<std::size_t>(columns);
    }
  };
  for (const AdapterEntry& entry : entries_) {
    const std::int64_t experts = entry.experts;
    matrix(entry.offset, experts * entry.rank, entry.inFeatures, entry.lda);
    matrix(entry.offset + entry.sizeA(), experts * entry.outFeatures, entry.rank, entry.ldb);
    if (entry.weight) matrix(entry.offsetM(), 1, entry.outFeatures, entry.ldm);
  }
}

void Adapter::write(AdapterPart which, const float* values) const {
  if (which == AdapterPart::parameters) staleNorms = hasMagnitudes();
  std::vector<float> padded;
  if (count_ != elements_) {
    padded.resize(count_);
    forRows([&](std::size_t place, std::size_t packed, std::size_t columns) {
      std::copy_n(values + packed, columns, padded.data() + place);
    });
  }
  buffer_.write(byteOffset(which), padded.empty() ? values : padded.data(), count_ * sizeof(float));
}

void Adapter::read(AdapterPart which, float* values) const {
  if (count_ == elements_) {
    buffer_.read(values, byteOffset(which), count_ * sizeof(float));
    return;
  }
  std::vector<float> padded(count_);
  buffer_.read(padded.data(), byteOffset(which), count_ * sizeof(float));
  unpad(padded.data(), values);
}

void Adapter::unpad(const float* padded, float* values) const {
  forRows([&](std::size_t place, std::size_t packed, std::size_t columns) {
    std::copy_n(padded + place, columns, values + packed);
  });
}

const AdapterEntry* Adapter::find(std::uint32_t target) const {
  if (target >= indexOfTarget_.size() || indexOfTarget_[target] < 0) return nullptr;
  return &entries_[static_cast<std::size_t>(indexOfTarget_[target])];
}

}  // namespace loratwin
