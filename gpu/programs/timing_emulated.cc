#include <cstring>

#include "emulation/emulation.h"
#include "timing.h"

namespace loratwin::gpu {

Timing timeOnGpu(const std::function<void()>& work, int) {
  work();
  return {0, 0, 1};
}

Timing timeWarm(const std::function<void()>& work, int, int) { return timeOnGpu(work, 1); }

Timing timeCopy(void* to, const void* from, std::size_t bytes, int) {
  return timeOnGpu(
      [=] {
        std::memcpy(to, from, bytes);
        emulation::markWritten(to, bytes);
      },
      1);
}

}  // namespace loratwin::gpu
