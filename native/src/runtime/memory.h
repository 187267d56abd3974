// Memory of a device: every large allocation is counted under one of four heads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "ops/aligned_memory.h"

namespace loratwin {

enum class MemoryKind { weights, arena, adapters, other };

class MemoryMeter {
 public:
  void add(MemoryKind kind, std::ptrdiff_t bytes);
  std::size_t bytes(MemoryKind kind) const { return current_[static_cast<std::size_t>(kind)]; }
  std::size_t peak() const { return peak_; }

 private:
  std::array<std::atomic<std::size_t>, 4> current_{};
  std::atomic<std::size_t> total_{0};
  std::atomic<std::size_t> peak_{0};
};

// Counted memory.
class Buffer {
 public:
  Buffer(std::shared_ptr<MemoryMeter> meter, MemoryKind kind, std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return memory_.data(); }
  float* floats() const { return reinterpret_cast<float*>(data()); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<MemoryMeter> meter_;
  MemoryKind kind_;
  std::size_t bytes_;
  ops::AlignedMemory memory_;
};

}  // namespace loratwin
