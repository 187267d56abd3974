// fuzz_calls RECORDING SECONDS SEED [KEPT]: makes the recording's calls again and again with changes, and keeps the
// changes that reach places of the code that none before has reached. Whatever a sanitizer finds ends the process, and
// so does a call or a task that takes 20 s; KEPT then holds the input, and `fuzz_calls RECORDING replay KEPT` makes it
// once.
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>

#include "fuzz/changes.h"
#include "fuzz/coverage.h"
#include "replay/replay.h"
#include "runtime/errors.h"

namespace {

using namespace loratwin;
using test::Input;

constexpr int kPatienceMs = 50;
// Of the recording without changes.
constexpr int kFirstPatienceMs = 30'000;
constexpr unsigned kLongestSeconds = 20;
constexpr std::size_t kMostChanges = 6;

int firstCore() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  int core = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(core), &allowed)) core++;
  return core;
}

struct Outcome {
  std::size_t refused = 0;
  std::size_t failed = 0;
  // What the last refusal said.
  std::string last;
};

void makeOnce(test::Replay& replay, const test::Call& call, Outcome& outcome) {
  for (int attempt = 0; attempt < 2; attempt++) {
    try {
      replay.make(call);
      return;
    } catch (const ArgumentError& error) {
      if (attempt > 0 || !test::comesTooEarly(error)) {
        outcome.last = call.name + ": " + error.what();
        break;
      }
      replay.settle(kPatienceMs);
    } catch (const std::exception&) {
      break;
    }
  }
  outcome.refused++;
}

Outcome run(const std::vector<test::Call>& calls, const Input& input) {
  Outcome outcome;
  test::Replay replay({firstCore()}, input.empty() ? kFirstPatienceMs : kPatienceMs);
  for (std::uint32_t i = 0; i < calls.size(); i++) {
    for (const test::Call& call : test::changed(calls[i], i, input)) makeOnce(replay, call, outcome);
  }
  outcome.failed = replay.settle(kPatienceMs).size();
  return outcome;
}

Input next(const std::vector<Input>& kept, std::mt19937_64& random, std::size_t calls) {
  Input input = kept[random() % kept.size()];
  if (input.size() > 1 && random() % 4 == 0)
    input.erase(input.begin() + static_cast<std::ptrdiff_t>(random() % input.size()));
  do {
    input.push_back(test::randomChange(random, calls));
  } while (input.size() < kMostChanges && random() % 3 == 0);
  while (input.size() > kMostChanges) input.erase(input.begin());
  return input;
}

void write(const char* path, const Input& input) {
  if (path == nullptr) return;
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size() * sizeof(test::Change)));
}

Input read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  Input input;
  for (test::Change change; file.read(reinterpret_cast<char*>(&change), sizeof change);) input.push_back(change);
  return input;
}

void onAlarm(int) {
  constexpr char text[] = "fuzz_calls: one input took too long\n";
  if (::write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(4);
  std::abort();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  std::signal(SIGALRM, onAlarm);
  const std::vector<test::Call> calls = test::readRecording(arguments[1]);
  if (std::strcmp(arguments[2], "replay") == 0) {
    const Outcome outcome = run(calls, read(arguments[3]));
    std::printf("%zu calls refused, %zu failures\n", outcome.refused, outcome.failed);
    return 0;
  }
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(std::stod(arguments[2]));
  std::mt19937_64 random(std::stoull(arguments[3]));
  const char* const path = count > 4 ? arguments[4] : nullptr;
  std::vector<Input> kept{{}};
  const Outcome unchanged = run(calls, {});
  if (unchanged.refused > 0 || unchanged.failed > 0) {
    std::printf("the recording itself: %zu calls refused, %zu failures; %s\n", unchanged.refused, unchanged.failed,
                unchanged.last.c_str());
    return 1;
  }
  const std::size_t before = test::placesReached();
  std::size_t runs = 0;
  std::size_t refused = 0;
  for (; Clock::now() < end; runs++) {
    const Input input = next(kept, random, calls.size());
    write(path, input);
    const std::size_t known = test::placesReached();
    alarm(kLongestSeconds);
    refused += run(calls, input).refused > 0 ? 1 : 0;
    alarm(0);
    if (test::placesReached() > known) kept.push_back(input);
  }
  std::printf("%zu inputs, %zu with a call refused, %zu kept, %zu places reached of which %zu by changes\n", runs,
              refused, kept.size(), test::placesReached(), test::placesReached() - before);
  return 0;
}
