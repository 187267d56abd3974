#include "gpu_device.h"

#include <algorithm>
#include <map>

namespace loratwin::test {

namespace {

constexpr std::size_t kCanaryBytes = 256;  // keeps what is between them aligned as cudaMalloc's memory is
constexpr std::uint8_t kCanary = 0xa5;

struct Buffer {
  std::uint8_t* base;
  std::size_t bytes;
  std::string name;
};

std::map<void*, Buffer> buffers;
std::string strayWrites;
std::uint8_t fill = 0xff;

void check(cudaError_t status, const std::string& what) {
  if (status != cudaSuccess) throw std::runtime_error(what + ": " + cudaGetErrorString(status));
}

std::size_t canaryBytes() { return exactAllocations ? 0 : kCanaryBytes; }

// What a kernel wrote before or behind the buffer; empty when nothing, or when the device no longer answers.
std::string strayWriteOf(const Buffer& buffer) {
  const std::size_t canary = canaryBytes();
  std::vector<std::uint8_t> around(2 * canary);
  const std::size_t behind = canary + buffer.bytes;
  if (canary == 0 || cudaMemcpy(around.data(), buffer.base, canary, cudaMemcpyDeviceToHost) != cudaSuccess ||
      cudaMemcpy(around.data() + canary, buffer.base + behind, canary, cudaMemcpyDeviceToHost) != cudaSuccess) {
    return "";
  }
  const auto changed = std::find_if(around.begin(), around.end(), [](std::uint8_t byte) { return byte != kCanary; });
  if (changed == around.end()) return "";
  const std::ptrdiff_t at = changed - around.begin();
  const std::ptrdiff_t edge = static_cast<std::ptrdiff_t>(canary);
  return "a kernel wrote " +
         (at < edge ? std::to_string(edge - at) + " bytes before" : std::to_string(at - edge) + " bytes behind") +
         " the device buffer '" + buffer.name + "' of " + std::to_string(buffer.bytes) + " bytes";
}

}  // namespace

void apply(const Setting& setting) {
  fill = setting.fill;
  strayWrites.clear();
}

void finishRun() {
  check(cudaDeviceSynchronize(), "the kernels");
  if (strayWrites.empty()) return;
  const std::string message = strayWrites;
  strayWrites.clear();
  throw std::runtime_error(message);
}

void requireGpu() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return;
  throw std::runtime_error(std::string("Expected a CUDA device, got ") +
                           (status == cudaSuccess ? "none" : cudaGetErrorString(status)));
}

std::string deviceLine() {
  cudaDeviceProp properties{};
  // After a fault the device may no longer answer; the lines before this one have told it.
  if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) return "{\"device\":null}";
  return "{\"device\":\"" + std::string(properties.name) +
         "\",\"multiprocessors\":" + std::to_string(properties.multiProcessorCount) +
         ",\"exactAllocations\":" + (exactAllocations ? "true" : "false") + "}";
}

void* allocateGpu(std::size_t bytes, const char* name) {
  const std::size_t canary = canaryBytes();
  void* base = nullptr;
  // An exact allocation of no bytes would have no address of its own.
  check(cudaMalloc(&base, std::max<std::size_t>(2 * canary + bytes, 1)), std::string("allocating ") + name);
  std::uint8_t* start = static_cast<std::uint8_t*>(base);
  void* data = start + canary;
  if (canary > 0) check(cudaMemset(base, kCanary, 2 * canary + bytes), name);
  if (bytes > 0) check(cudaMemset(data, fill, bytes), name);
  buffers[data] = {start, bytes, name};
  return data;
}

void freeGpu(void* pointer) noexcept {
  const auto found = buffers.find(pointer);
  if (found == buffers.end()) return;
  if (strayWrites.empty()) strayWrites = strayWriteOf(found->second);
  cudaFree(found->second.base);
  buffers.erase(found);
}

void uploadGpu(void* to, const void* from, std::size_t bytes, const char* name) {
  if (bytes > 0) check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), std::string("uploading ") + name);
}

void downloadGpu(void* to, const void* from, std::size_t bytes, const char* name) {
  if (bytes > 0) check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), std::string("downloading ") + name);
}

}  // namespace loratwin::test
