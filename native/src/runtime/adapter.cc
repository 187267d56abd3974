#include "adapter.h"

#include <algorithm>
#include <string>

#include "errors.h"

namespace loratwin {

namespace {

std::size_t place(std::vector<AdapterEntry>& entries) {
  std::size_t offset = 0;
  for (AdapterEntry& entry : entries) {
    entry.offset = offset;
    offset += entry.sizeA() + entry.sizeB();
  }
  return offset;
}

constexpr std::size_t kLine = 64 / sizeof(float);
constexpr std::uint32_t kMaxTarget = 1U << 20;  // 1024 layers of 1024 projections; keeps the index small

}  // namespace

Adapter::Adapter(std::shared_ptr<MemoryMeter> meter, std::vector<AdapterEntry> entries)
    : entries_(std::move(entries)),
      count_(place(entries_)),
      stride_((count_ + kLine - 1) / kLine * kLine),
      buffer_(std::move(meter), MemoryKind::adapters, 4 * stride_ * sizeof(float)) {
  for (std::size_t i = 0; i < entries_.size(); i++) {
    const AdapterEntry& entry = entries_[i];
    const std::string at = "createAdapter[" + std::to_string(i) + "].target";
    if (entry.target >= kMaxTarget) throw ArgumentError("a target below 2^20", at, std::to_string(entry.target));
    if (entry.target >= indexOfTarget_.size()) indexOfTarget_.resize(entry.target + 1, -1);
    if (indexOfTarget_[entry.target] >= 0) throw ArgumentError("each target once", at, std::to_string(entry.target));
    indexOfTarget_[entry.target] = static_cast<std::int32_t>(i);
    maxRank_ = std::max(maxRank_, entry.rank);
  }
}

const AdapterEntry* Adapter::find(std::uint32_t target) const {
  if (target >= indexOfTarget_.size() || indexOfTarget_[target] < 0) return nullptr;
  return &entries_[static_cast<std::size_t>(indexOfTarget_[target])];
}

}  // namespace loratwin
