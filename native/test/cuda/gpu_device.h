// The table's device when it is a GPU: two runs over memory that is filled differently before. Compiled by the host's
// compiler; only the kernels need nvcc.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace loratwin::test {

struct Setting {
  const char* name;
  std::uint8_t fill;  // of memory that nobody has written; ff: NaN; 3f: about 0.75
};

constexpr Setting kSettings[] = {{"first run ff", 0xff}, {"second run 3f", 0x3f}};

// Whether buffers are as large as they say, so that compute-sanitizer sees every access outside; else they lie between
// canaries that finishRun looks at.
inline bool exactAllocations = false;

void apply(const Setting& setting);

// Waits for the kernels. Throws std::runtime_error for what they did wrong: a fault, or a changed canary of any buffer
// that has been freed since the last call.
void finishRun();

// The table's last line: which GPU it was.
std::string deviceLine();

// Throws std::runtime_error when the driver or a GPU is missing.
void requireGpu();

// 256-byte aligned, filled with the setting's byte. Throws std::runtime_error.
void* allocateGpu(std::size_t bytes, const char* name);
void freeGpu(void* pointer) noexcept;
void uploadGpu(void* to, const void* from, std::size_t bytes, const char* name);
// Waits for the kernels before it.
void downloadGpu(void* to, const void* from, std::size_t bytes, const char* name);

template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(std::size_t count, const char* name)
      : data_(static_cast<T*>(allocateGpu(count * sizeof(T), name))), count_(count), name_(name) {}
  DeviceBuffer(const std::vector<T>& values, const char* name) : DeviceBuffer(values.size(), name) {
    uploadGpu(data_, values.data(), values.size() * sizeof(T), name);
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { freeGpu(data_); }

  T* data() const { return data_; }
  std::size_t size() const { return count_; }

  std::vector<T> download() const {
    std::vector<T> values(count_);
    downloadGpu(values.data(), data_, count_ * sizeof(T), name_);
    return values;
  }

 private:
  T* data_;
  std::size_t count_;
  const char* name_;
};

}  // namespace loratwin::test
