#include "runtime/thread_clock.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "runtime/clock.h"

namespace loratwin {

namespace {

constexpr int kAttempts = 4;
constexpr std::int64_t kAtOnceNs = 20'000;

}  // namespace

std::int64_t ownSwitches() {
#if defined(RUSAGE_THREAD)
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
#else
  return 0;
#endif
}

void ThreadClock::watch(pthread_t thread) { pthread_getcpuclockid(thread, &clock_); }

std::int64_t ThreadClock::fallAsleep() {
  switches_.store(ownSwitches(), std::memory_order_relaxed);
  const std::int64_t from = monotonicNs();
  sleptNs_.fetch_sub(from, std::memory_order_relaxed);
  return from;
}

void ThreadClock::wakeUp(std::int64_t fromNs, std::int64_t wokenNs) {
  sleptNs_.fetch_add(std::max(fromNs, wokenNs), std::memory_order_relaxed);
}

Interruption ThreadClock::read(std::int64_t& atNs) const {
  timespec used{};
  // Both clocks at once: again if the reader lost its core between them.
  std::int64_t now = monotonicNs();
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    const std::int64_t before = std::exchange(now, (clock_gettime(clock_, &used), monotonicNs()));
    if (now - before < kAtOnceNs) break;
  }
  atNs = now;
  const std::int64_t slept = sleptNs_.load(std::memory_order_relaxed);
  const std::int64_t cpu = std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
  return {now - cpu - (slept < 0 ? now + slept : slept), switches_.load(std::memory_order_relaxed)};
}

}  // namespace loratwin
