#include "memory.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>

#include "errors.h"
#include "ops/aligned_memory.h"

namespace loratwin {

void MemoryMeter::add(MemoryKind kind, std::ptrdiff_t bytes) {
  current_[headOf(kind)] += static_cast<std::size_t>(bytes);
  const std::size_t total = total_ += static_cast<std::size_t>(bytes);
  std::size_t peak = peak_;
  while (bytes > 0 && total > peak && !peak_.compare_exchange_weak(peak, total)) {
  }
}

namespace {

class HostMemory final : public MemoryPool {
 public:
  std::byte* allocate(std::size_t bytes, MemoryKind) override {
    try {
      ops::AlignedMemory memory(bytes);
      std::byte* const data = memory.data();
      const std::lock_guard lock(mutex_);
      held_.emplace(data, std::move(memory));
      return data;
    } catch (const std::bad_alloc&) {
      throw ArgumentError("enough memory on this machine", "allocation", std::to_string(bytes) + " bytes wanted");
    }
  }
  void release(std::byte* memory, std::size_t) noexcept override {
    const std::lock_guard lock(mutex_);
    held_.erase(memory);
  }
  void write(std::byte* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void read(void* to, const std::byte* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }

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
      room_((std::max<std::size_t>(bytes, 1) + MemoryPool::kLine - 1) / MemoryPool::kLine * MemoryPool::kLine),
      data_(pool_->allocate(room_, kind)) {
  pool_->meter.add(kind_, static_cast<std::ptrdiff_t>(room_));
}

Buffer::~Buffer() {
  pool_->release(data_, room_);
  pool_->meter.add(kind_, -static_cast<std::ptrdiff_t>(room_));
}

}  // namespace loratwin
