#include "timed_team.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace loratwin::bench {

std::vector<int> allowedCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  return cores;
}

double timedTogether(const std::vector<int>& cores, const std::function<void(int thread)>& body) {
  using Clock = std::chrono::steady_clock;
  std::atomic<std::size_t> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < cores.size(); ++i) {
    threads.emplace_back([&, i] {
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(cores[i], &own);
      pthread_setaffinity_np(pthread_self(), sizeof own, &own);
      ++ready;
      while (!go.load(std::memory_order_acquire)) {
      }
      body(static_cast<int>(i));
    });
  }
  // This thread may share a core with a member of the team, so it gives way instead of spinning.
  while (ready.load() < cores.size()) std::this_thread::yield();
  const auto start = Clock::now();
  go.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace loratwin::bench
