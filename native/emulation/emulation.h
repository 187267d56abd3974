// What a test of kernels uses: how launches run, device memory, and what went wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace loratwin::emulation {

// Kernel, block, thread, what it did wrong, and the lines.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Which ready thread of a block runs next: in turn upwards or downwards, any, or always the one whose warp comes first
// in a random order, so that a warp runs as far ahead of the others as barriers let it. Blocks are ordered likewise.
enum class Schedule { ascending, descending, random, runAhead };

struct Options {
  Schedule schedule = Schedule::ascending;
  std::uint32_t seed = 1;
  std::uint8_t fill = 0xff;  // of memory that nobody has written
  // What a block may have on all of compute capability 8.0, 8.6, 8.9, 9.0 and 10.0: 8.6's limit, CUDA Programming
  // Guide, "Technical specifications per compute capability".
  std::size_t sharedLimit = 99 * 1024;
};
extern Options options;

// Counted since the program's start.
struct Counters {
  std::uint64_t launches = 0;
  std::uint64_t mma = 0;
  std::uint64_t ldmatrix = 0;
  std::uint64_t bankConflicts = 0;  // of ldmatrix: rows of one 8 x 8 matrix that share banks
};
extern Counters counters;

// Whether kernels compiled with -fsanitize=thread are linked, so that every access is checked.
bool checking();

// Between guard pages, right-aligned to 16 bytes, with a canary in what is left; filled with options.fill.
void* allocateDevice(std::size_t bytes, const char* name);
void freeDevice(void* pointer);
// The bytes have been written by the host.
void markWritten(const void* pointer, std::size_t bytes);
// Where accesses are checked: throws Error unless every byte has been written. `reader` is who reads them.
void requireWritten(const void* pointer, std::size_t bytes, const char* reader);

template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(std::size_t count, const char* name)
      : data_(static_cast<T*>(allocateDevice(count * sizeof(T), name))), count_(count) {}
  DeviceBuffer(const std::vector<T>& values, const char* name) : DeviceBuffer(values.size(), name) { upload(values); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { freeDevice(data_); }

  T* data() const { return data_; }
  std::size_t size() const { return count_; }

  void upload(const std::vector<T>& values) {
    if (values.size() != count_) throw Error("upload: sizes differ");
    if (count_ == 0) return;
    std::memcpy(static_cast<void*>(data_), values.data(), count_ * sizeof(T));
    markWritten(data_, count_ * sizeof(T));
  }
  std::vector<T> download() const { return std::vector<T>(data_, data_ + count_); }

 private:
  T* data_;
  std::size_t count_;
};

}  // namespace loratwin::emulation
