#include "pool.h"

#include <pthread.h>
#include <sched.h>

#include <string>

#include "runtime/clock.h"
#include "runtime/errors.h"

namespace loratwin {

void enterThread(const std::vector<int>& cores, const char* name) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) {
    if (core >= CPU_SETSIZE) throw ArgumentError("a core of this machine", "cores", std::to_string(core));
    CPU_SET(core, &set);
  }
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
    throw ArgumentError("cores that this process may use", "cores", std::to_string(cores.front()));
  }
  pthread_setname_np(pthread_self(), name);
}

Pool::Pool(const std::vector<int>& cores)
    : count_(static_cast<int>(cores.size())), clocks_(cores.size()), errors_(cores.size()) {
  // A thread that cannot be made must not leave the others running.
  try {
    makeWorkers(cores);
  } catch (...) {
    join();
    throw;
  }
}

void Pool::makeWorkers(const std::vector<int>& cores) {
  for (int thread = 1; thread < count_; thread++) {
    workers_.emplace_back([this, thread, core = cores[static_cast<std::size_t>(thread)]] { work(thread, core); });
    clocks_[static_cast<std::size_t>(thread)].watch(workers_.back().native_handle());
  }
}

void Pool::join() {
  stopping_ = true;
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Pool::runRange(int thread) {
  const std::size_t team = static_cast<std::size_t>(count_);
  const std::size_t index = static_cast<std::size_t>(thread);
  const std::size_t each = items_ / team;
  const std::size_t longer = items_ % team;
  const std::size_t begin = index * each + (index < longer ? index : longer);
  const std::size_t end = begin + each + (index < longer ? 1 : 0);
  if (begin == end) return;
  try {
    invoke_(state_, begin, end, thread);
  } catch (...) {
    errors_[index] = std::current_exception();
  }
}

void Pool::run(std::size_t count, Invoke invoke, void* state) {
  if (count == 0) return;
  if (count == 1 || count_ == 1) {
    invoke(state, 0, count, 0);
    return;
  }
  items_ = count;
  invoke_ = invoke;
  state_ = state;
  remaining_.store(static_cast<std::uint32_t>(count_ - 1), std::memory_order_relaxed);
  calledNs_.store(monotonicNs(), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  runRange(0);
  if (!spinUntil([this] { return remaining_.load(std::memory_order_acquire) == 0; })) {
    const std::int64_t from = clocks_[0].fallAsleep();
    for (std::uint32_t left = remaining_.load(std::memory_order_acquire); left != 0;
         left = remaining_.load(std::memory_order_acquire)) {
      remaining_.wait(left, std::memory_order_acquire);
    }
    clocks_[0].wakeUp(from, doneNs_.load(std::memory_order_relaxed));
  }
  std::exception_ptr first;
  for (std::exception_ptr& error : errors_) {
    if (error && !first) first = error;
    error = nullptr;
  }
  if (first) std::rethrow_exception(first);
}

Interruption Pool::interruption(std::int64_t& atNs) const {
  Interruption sum;
  // Thread 0 last: what it loses while it asks belongs to what comes next.
  for (std::size_t thread = clocks_.size(); thread-- > 0;) {
    const Interruption of = clocks_[thread].read(atNs);
    sum.lostNs += of.lostNs;
    sum.switches += thread == 0 ? ownSwitches() : of.switches;
  }
  return sum;
}

void Pool::work(int thread, int core) {
  ThreadClock& clock = clocks_[static_cast<std::size_t>(thread)];
  // The device has checked its cores; one that was taken away since then is not worth stopping for.
  try {
    enterThread({core}, "loratwin-pool");
  } catch (const ArgumentError&) {
  }
  std::uint32_t seen = 0;
  for (;;) {
    const auto changed = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    if (!spinUntil(changed)) {
      const std::int64_t from = clock.fallAsleep();
      generation_.wait(seen, std::memory_order_acquire);
      clock.wakeUp(from, calledNs_.load(std::memory_order_relaxed));
    }
    if (!changed()) continue;
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_) return;
    runRange(thread);
    doneNs_.store(monotonicNs(), std::memory_order_relaxed);
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining_.notify_one();
  }
}

}  // namespace loratwin
