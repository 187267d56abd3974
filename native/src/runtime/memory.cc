#include "memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "errors.h"

namespace loratwin {

namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

void MemoryMeter::add(MemoryKind kind, std::ptrdiff_t bytes) {
  current_[static_cast<std::size_t>(kind)] += static_cast<std::size_t>(bytes);
  const std::size_t total = total_ += static_cast<std::size_t>(bytes);
  std::size_t peak = peak_;
  while (bytes > 0 && total > peak && !peak_.compare_exchange_weak(peak, total)) {
  }
}

Buffer::Buffer(std::shared_ptr<MemoryMeter> meter, MemoryKind kind, std::size_t bytes)
    : meter_(std::move(meter)), kind_(kind), bytes_(bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  allocated_ = (bytes + 63) / 64 * 64;
  if (allocated_ == 0) allocated_ = 64;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, allocated_) != 0) {
    throw ArgumentError("enough memory on this machine", "allocation", std::to_string(bytes) + " bytes wanted");
  }
  data_ = static_cast<std::byte*>(memory);
  // Whole huge pages only: the tail stays in small pages, so that no more than what is counted becomes resident.
  if (allocated_ >= kHugePage) madvise(data_, allocated_ / kHugePage * kHugePage, MADV_HUGEPAGE);
  std::memset(data_, 0, allocated_);
  meter_->add(kind_, static_cast<std::ptrdiff_t>(allocated_));
}

Buffer::~Buffer() {
  std::free(data_);
  meter_->add(kind_, -static_cast<std::ptrdiff_t>(allocated_));
}

}  // namespace loratwin
