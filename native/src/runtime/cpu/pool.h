// The pinned team of a device. Thread 0 is whoever calls run(): the compute stream's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "ops/exec_context.h"

namespace loratwin {

// Pins the calling thread, names it, and makes OpenMP (inside oneDNN) run with a team of one in it.
// Throws ArgumentError when a core is not one that this process may use.
void enterThread(const std::vector<int>& cores, const char* name);

class Pool final : public ops::ExecContext {
 public:
  explicit Pool(const std::vector<int>& cores);
  ~Pool() override;
  int threads() const override { return count_; }
  void run(std::size_t count, Invoke invoke, void* state) override;

 private:
  void work(int thread, int core);
  void runRange(int thread);

  int count_;
  std::size_t items_ = 0;
  Invoke invoke_ = nullptr;
  void* state_ = nullptr;
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::uint32_t> remaining_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::exception_ptr> errors_;
  std::vector<std::thread> workers_;
};

}  // namespace loratwin
