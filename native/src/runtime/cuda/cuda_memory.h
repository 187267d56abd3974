// Memory of a GPU. Host copies run on a stream of their own, the device's receive stream.
#pragma once

#include <mutex>
#include <string>

#include "runtime/memory.h"

namespace loratwin {

class CudaMemory final : public MemoryPool {
 public:
  CudaMemory(int index, std::string device);
  ~CudaMemory() override;

  // Throws ArgumentError; when there is not enough, with what is held, free and wanted.
  std::byte* allocate(std::size_t bytes, MemoryKind kind) override;
  void release(std::byte* memory, std::size_t bytes) noexcept override;
  void write(std::byte* to, const void* from, std::size_t bytes) override;
  void read(void* to, const std::byte* from, std::size_t bytes) override;

 private:
  // body() with the device in use, then until its receive stream is done. Throws ArgumentError with CUDA's text.
  template <class Body>
  void use(Body&& body);
  void copy(void* to, const void* from, std::size_t bytes);

  const int index_;
  const std::string device_;
  std::mutex mutex_;  // JavaScript and a sender may write at once
  void* receive_;
};

}  // namespace loratwin
