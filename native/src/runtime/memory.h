// Memory of a device: every large allocation comes from its pool and is counted under one of four heads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace loratwin {

// `norms` are what runs leave of adapters' gradients, and count as adapters.
enum class MemoryKind { weights, arena, adapters, other, norms };

class MemoryMeter {
 public:
  void add(MemoryKind kind, std::ptrdiff_t bytes);
  std::size_t bytes(MemoryKind kind) const { return current_[headOf(kind)]; }
  std::size_t peak() const { return peak_; }

 private:
  static std::size_t headOf(MemoryKind kind) {
    return static_cast<std::size_t>(kind == MemoryKind::norms ? MemoryKind::adapters : kind);
  }

  std::array<std::atomic<std::size_t>, 4> current_{};
  std::atomic<std::size_t> total_{0};
  std::atomic<std::size_t> peak_{0};
};

// Where a device's memory lies. write and read return when the bytes are there.
class MemoryPool {
 public:
  virtual ~MemoryPool() = default;
  // `bytes` is a multiple of kLine; zeroed, kLine aligned. Throws ArgumentError.
  virtual std::byte* allocate(std::size_t bytes, MemoryKind kind) = 0;
  virtual void release(std::byte* memory, std::size_t bytes) noexcept = 0;
  // The two places may share bytes.
  virtual void write(std::byte* to, const void* from, std::size_t bytes) = 0;
  virtual void read(void* to, const std::byte* from, std::size_t bytes) = 0;

  static constexpr std::size_t kLine = 64;
  MemoryMeter meter;
};

// The host's own.
std::shared_ptr<MemoryPool> hostMemory();

// Counted memory, rounded up to whole lines.
class Buffer {
 public:
  Buffer(std::shared_ptr<MemoryPool> pool, MemoryKind kind, std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return data_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }
  std::size_t bytes() const { return bytes_; }
  void write(std::size_t offset, const void* from, std::size_t bytes) const {
    pool_->write(data_ + offset, from, bytes);
  }
  void read(void* to, std::size_t offset, std::size_t bytes) const { pool_->read(to, data_ + offset, bytes); }

 private:
  std::shared_ptr<MemoryPool> pool_;
  MemoryKind kind_;
  std::size_t bytes_;
  std::size_t room_;
  std::byte* data_;
};

}  // namespace loratwin
