// Apart from the header, which kernels are compiled with: there every access is checked as a kernel's.
#include "emulation/streams.h"

#include "runtime/clock.h"

namespace loratwin::emulation {

void UnderWay::end() {
  endNs_ = monotonicNs();
  ended_ = true;
  ended_.notify_all();
}

std::int64_t UnderWay::wait() const {
  ended_.wait(false);
  return endNs_;
}

void Stream::wait() {
  for (const auto& each : std::exchange(underWay, {})) each->wait();
}

}  // namespace loratwin::emulation
