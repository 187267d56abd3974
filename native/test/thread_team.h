// An ExecContext for tests and timings: a team of threads that spin between jobs. Ranges are those of the contract.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include <cstdint>

#include "ops/exec_context.h"

namespace loratwin::test {

class ThreadTeam final : public ops::ExecContext {
 public:
  explicit ThreadTeam(int threads) : threads_(threads) {
    for (int i = 1; i < threads; ++i) {
      workers_.emplace_back([this, i] { work(i); });
    }
  }
  ~ThreadTeam() override {
    stop_ = true;
    generation_.fetch_add(1);
    for (std::thread& worker : workers_) worker.join();
  }
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int threads() const override { return threads_; }

  void run(std::size_t count, Invoke invoke, void* state) override {
    count_ = count;
    invoke_ = invoke;
    state_ = state;
    pending_ = threads_ - 1;
    generation_.fetch_add(1);
    share(0);
    while (pending_.load() != 0) std::this_thread::yield();
  }

 private:
  void share(int thread) {
    const std::size_t team = static_cast<std::size_t>(threads_);
    const std::size_t index = static_cast<std::size_t>(thread);
    const std::size_t longer = count_ % team;
    const std::size_t begin = index * (count_ / team) + (index < longer ? index : longer);
    const std::size_t end = begin + count_ / team + (index < longer ? 1 : 0);
    if (begin < end) invoke_(state_, begin, end, thread);
  }

  void work(int thread) {
    std::uint64_t seen = 0;
    while (true) {
      for (int spins = 0; generation_.load() == seen; ++spins) {
        if (spins > 5000) std::this_thread::yield();
      }
      ++seen;
      if (stop_) return;
      share(thread);
      pending_.fetch_sub(1);
    }
  }

  int threads_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> pending_{0};
  std::atomic<bool> stop_{false};
  std::size_t count_ = 0;
  Invoke invoke_ = nullptr;
  void* state_ = nullptr;
};

}  // namespace loratwin::test
