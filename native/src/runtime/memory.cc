#include "memory.h"

#include <new>
#include <string>

#include "errors.h"

namespace loratwin {

void MemoryMeter::add(MemoryKind kind, std::ptrdiff_t bytes) {
  current_[static_cast<std::size_t>(kind)] += static_cast<std::size_t>(bytes);
  const std::size_t total = total_ += static_cast<std::size_t>(bytes);
  std::size_t peak = peak_;
  while (bytes > 0 && total > peak && !peak_.compare_exchange_weak(peak, total)) {
  }
}

Buffer::Buffer(std::shared_ptr<MemoryMeter> meter, MemoryKind kind, std::size_t bytes)
    : meter_(std::move(meter)), kind_(kind), bytes_(bytes) {
  try {
    memory_ = ops::AlignedMemory(bytes);
  } catch (const std::bad_alloc&) {
    throw ArgumentError("enough memory on this machine", "allocation", std::to_string(bytes) + " bytes wanted");
  }
  meter_->add(kind_, static_cast<std::ptrdiff_t>(memory_.bytes()));
}

Buffer::~Buffer() { meter_->add(kind_, -static_cast<std::ptrdiff_t>(memory_.bytes())); }

}  // namespace loratwin
