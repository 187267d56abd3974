// What the system takes from a thread: the time in which it wants its core and does not have it.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace loratwin {

// Time for which threads that had something to do did not have their cores, and how often they were made to give them
// up.
struct Interruption {
  std::int64_t lostNs = 0;
  std::int64_t switches = 0;
};

// Wall time less CPU time less sleep. The thread itself says when it sleeps; any thread may read.
class ThreadClock {
 public:
  // Once, before anybody reads.
  void watch(pthread_t thread);
  // Around a sleep of the thread: when it began, and when that happened which was to wake it. From then on it wanted
  // its core.
  std::int64_t fallAsleep();
  void wakeUp(std::int64_t fromNs, std::int64_t wokenNs);
  // Until `atNs`, since some moment that is always the same: only differences mean something.
  Interruption read(std::int64_t& atNs) const;

 private:
  clockid_t clock_ = CLOCK_THREAD_CPUTIME_ID;
  // Sum of all sleeps so far; while it sleeps, less the time at which it began to, which makes it negative.
  std::atomic<std::int64_t> sleptNs_{0};
  // As of its last sleep: only a thread itself can ask.
  std::atomic<std::int64_t> switches_{0};
};

// Of the thread that asks.
std::int64_t ownSwitches();

}  // namespace loratwin
