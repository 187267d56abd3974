// Zeroed memory, 64-byte aligned; from 2 MiB on aligned to huge pages, which are asked for.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace loratwin::ops {

class AlignedMemory {
 public:
  AlignedMemory() = default;
  // Throws std::bad_alloc.
  explicit AlignedMemory(std::size_t bytes) : bytes_(bytes == 0 ? kLine : (bytes + kLine - 1) / kLine * kLine) {
    void* memory = nullptr;
    if (posix_memalign(&memory, bytes_ >= kHugePage ? kHugePage : kLine, bytes_) != 0) throw std::bad_alloc();
    data_.reset(static_cast<std::byte*>(memory));
    // Whole huge pages only: the tail stays in small pages, so that no more than what is counted becomes resident.
    if (bytes_ >= kHugePage) madvise(memory, bytes_ / kHugePage * kHugePage, MADV_HUGEPAGE);
    std::memset(memory, 0, bytes_);
  }

  std::byte* data() const { return data_.get(); }
  // What was asked for, rounded up to whole cache lines.
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::size_t bytes_ = 0;
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace loratwin::ops
