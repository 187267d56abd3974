#include "runtime/cuda/cuda_memory.h"

#include <stdexcept>
#include <utility>

#include "cuda/driver.h"
#include "runtime/errors.h"

namespace loratwin {

namespace {

const char* nameOf(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::weights:
      return "weights";
    case MemoryKind::arena:
      return "activations";
    case MemoryKind::adapters:
      return cuda::kZeroedName;
    case MemoryKind::other:
      return "other";
    case MemoryKind::norms:
      return "norms";
  }
  return "";
}

}  // namespace

CudaMemory::CudaMemory(int index, std::string device) : index_(index), device_(std::move(device)) {
  cuda::useDevice(index_);
  receive_ = cuda::createStream();
}

CudaMemory::~CudaMemory() { cuda::destroyStream(receive_); }

template <class Body>
void CudaMemory::use(Body&& body) {
  const std::lock_guard lock(mutex_);
  try {
    cuda::useDevice(index_);
    body();
    cuda::synchronize(receive_);
  } catch (const std::runtime_error& error) {
    throw ArgumentError("a GPU that does as it is told", device_, error.what());
  }
}

std::byte* CudaMemory::allocate(std::size_t bytes, MemoryKind kind) {
  void* memory = nullptr;
  use([&] {
    memory = cuda::allocate(bytes, nameOf(kind));
    if (memory == nullptr) {
      const auto held = [this](MemoryKind kind) { return std::to_string(meter.bytes(kind)); };
      throw ArgumentError(std::to_string(bytes) + " bytes more of GPU memory", device_,
                          std::to_string(cuda::freeBytes()) + " bytes free; it holds " + held(MemoryKind::weights) +
                              " of weights, " + held(MemoryKind::arena) + " of activations, " +
                              held(MemoryKind::adapters) + " of adapters, " + held(MemoryKind::other) + " of other");
    }
    cuda::zeroAsync(memory, bytes, receive_);
  });
  return static_cast<std::byte*>(memory);
}

void CudaMemory::release(std::byte* memory, std::size_t) noexcept { cuda::release(memory); }

void CudaMemory::copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) use([&] { cuda::copyAsync(to, from, bytes, receive_); });
}

void CudaMemory::write(std::byte* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
void CudaMemory::read(void* to, const std::byte* from, std::size_t bytes) { copy(to, from, bytes); }

}  // namespace loratwin
