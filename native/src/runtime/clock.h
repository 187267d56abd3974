// The device clock, CLOCK_MONOTONIC in nanoseconds, and a thread's own.
#pragma once

#include <time.h>

#include <cstdint>

namespace loratwin {

inline std::int64_t monotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// What the calling thread has computed for.
inline std::int64_t threadNs() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

inline void pauseCpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Longest busy wait before a thread sleeps: about what a futex wake-up costs, so spinning longer cannot win.
constexpr std::int64_t kSpinNs = 50'000;

// Waits for `done()` at most kSpinNs. True when it came true.
template <class Done>
bool spinUntil(Done&& done) {
  const std::int64_t end = monotonicNs() + kSpinNs;
  do {
    for (int i = 0; i < 64; i++) {
      if (done()) return true;
      pauseCpu();
    }
  } while (monotonicNs() < end);
  return done();
}

}  // namespace loratwin
