#include "memory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>

#include "errors.h"
#include "ops/aligned_memory.h"
#include "ops/size.h"

namespace loratwin {

void MemoryMeter::add(MemoryKind kind, std::ptrdiff_t bytes) {
  current_[headOf(kind)] += static_cast<std::size_t>(bytes);
  const std::size_t total = total_ += static_cast<std::size_t>(bytes);
  std::size_t peak = peak_;
  while (bytes > 0 && total > peak && !peak_.compare_exchange_weak(peak, total)) {
  }
}

namespace {

// Of the whole machine.
std::size_t machineBytes() {
  static const std::size_t bytes = [] {
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long each = sysconf(_SC_PAGESIZE);
    return pages > 0 && each > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(each) : SIZE_MAX;
  }();
  return bytes;
}

[[noreturn]] void refuse(std::size_t bytes) {
  throw ArgumentError("enough memory on this machine", "allocation", std::to_string(bytes) + " bytes wanted");
}

class HostMemory final : public MemoryPool {
 public:
  std::byte* allocate(std::size_t bytes, MemoryKind) override {
    // The system may promise more than there is, and end the process when the memory is used.
    if (bytes > machineBytes()) refuse(bytes);
    try {
      ops::AlignedMemory memory(bytes);
      std::byte* const data = memory.data();
      const std::lock_guard lock(mutex_);
      held_.emplace(data, std::move(memory));
      return data;
    } catch (const std::bad_alloc&) {
      refuse(bytes);
    }
  }
  void release(std::byte* memory, std::size_t) noexcept override {
    const std::lock_guard lock(mutex_);
    held_.erase(memory);
  }
  // Of no bytes there may be no place.
  void write(std::byte* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }
  void read(void* to, const std::byte* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }

 private:
  std::mutex mutex_;  // a task of another device may be the last to let go of an arena
  std::map<std::byte*, ops::AlignedMemory> held_;
};

}  // namespace

std::shared_ptr<MemoryPool> hostMemory() { return std::make_shared<HostMemory>(); }

Buffer::Buffer(std::shared_ptr<MemoryPool> pool, MemoryKind kind, std::size_t bytes)
    : pool_(std::move(pool)),
      kind_(kind),
      bytes_(bytes),
      room_(ops::Size(std::max<std::size_t>(bytes, 1)).roundedUp(MemoryPool::kLine).value()),
      data_(pool_->allocate(room_, kind)) {
  pool_->meter.add(kind_, static_cast<std::ptrdiff_t>(room_));
}

Buffer::~Buffer() {
  pool_->release(data_, room_);
  pool_->meter.add(kind_, -static_cast<std::ptrdiff_t>(room_));
}

}  // namespace loratwin
