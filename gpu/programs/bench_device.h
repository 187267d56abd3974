// The device of what is timed: a GPU, or in a test the emulation, which finds what a case gives to a kernel wrongly.
#pragma once

#include <cstddef>

#if defined(LORATWIN_GPU)
#include "gpu_device.h"
#else
#include <cstring>

#include "emulated_device.h"
#endif

namespace loratwin::gpu {

using test::DeviceBuffer;

inline void upload(void* to, const void* from, std::size_t bytes, const char* name) {
#if defined(LORATWIN_GPU)
  test::uploadGpu(to, from, bytes, name);
#else
  static_cast<void>(name);
  std::memcpy(to, from, bytes);
  emulation::markWritten(to, bytes);
#endif
}

}  // namespace loratwin::gpu
