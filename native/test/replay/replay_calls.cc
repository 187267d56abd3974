// replay_calls RECORDING...: makes every call of each recording, and one summary line of each. A call that has to wait
// for tasks is made again until they have ended, as JavaScript would have waited.
#include <sched.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>

#include "replay/replay.h"
#include "runtime/errors.h"

namespace {

using namespace loratwin;

constexpr int kPatienceMs = 120'000;

std::vector<int> twoCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> cores;
  for (std::size_t core = 0; core < CPU_SETSIZE && cores.size() < 2; core++) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(static_cast<int>(core));
  }
  return cores;
}

void makePatiently(test::Replay& replay, const test::Call& call) {
  for (int waited = 0;; waited++) {
    try {
      replay.make(call);
      return;
    } catch (const ArgumentError& error) {
      if (!test::comesTooEarly(error) || waited == kPatienceMs) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  int status = count > 1 ? 0 : 2;
  for (int i = 1; i < count; i++) {
    try {
      const std::vector<test::Call> calls = test::readRecording(arguments[i]);
      test::Replay replay(twoCores(), kPatienceMs);
      for (const test::Call& call : calls) makePatiently(replay, call);
      const std::vector<std::string> failures = replay.settle(kPatienceMs);
      for (const std::string& failure : failures) std::printf("failed: %s\n", failure.c_str());
      if (!failures.empty()) status = 1;
      std::printf("%zu calls, %zu tasks, losses %.6f\n", calls.size(), replay.completed(), replay.losses());
    } catch (const std::exception& error) {
      std::printf("%s: %s\n", arguments[i], error.what());
      status = 1;
    }
  }
  return status;
}
