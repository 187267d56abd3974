// The pinned team of a device. Thread 0 is whoever calls run(): the compute stream's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "ops/exec_context.h"
#include "runtime/thread_clock.h"

namespace loratwin {

// Pins the calling thread, names it, and makes OpenMP (inside oneDNN) run with a team of one in it.
// Throws ArgumentError when a core is not one that this process may use.
void enterThread(const std::vector<int>& cores, const char* name);

class Pool final : public ops::ExecContext {
 public:
  explicit Pool(const std::vector<int>& cores);
  ~Pool() override { join(); }
  int threads() const override { return count_; }
  void run(std::size_t count, Invoke invoke, void* state) override;
  // What the system has taken from the team until `atNs`, added up: while one waits for its core, the others wait for
  // it. Only differences mean something, and only thread 0 may ask.
  Interruption interruption(std::int64_t& atNs) const;
  // Of thread 0, which sleeps elsewhere too.
  ThreadClock& ownClock() { return clocks_[0]; }

 private:
  void makeWorkers(const std::vector<int>& cores);
  void join();
  void work(int thread, int core);
  void runRange(int thread);

  int count_;
  std::size_t items_ = 0;
  Invoke invoke_ = nullptr;
  void* state_ = nullptr;
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::uint32_t> remaining_{0};
  std::atomic<bool> stopping_{false};
  // When the workers were last called, and when the last of them was done.
  std::atomic<std::int64_t> calledNs_{0};
  std::atomic<std::int64_t> doneNs_{0};
  // One a thread.
  std::vector<ThreadClock> clocks_;
  std::vector<std::exception_ptr> errors_;
  std::vector<std::thread> workers_;
};

}  // namespace loratwin
