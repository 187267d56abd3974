#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>

#include "emulation/block.h"
#include "emulation/checker.h"
#include "emulation/emulation.h"
#include "emulation/traffic.h"

namespace loratwin::emulation {

Options options;
Counters counters;
Block block;
thread_local bool launchesHere = false;
Thread threads[kMaxThreads];

std::mutex& oneAtATime() {
  static std::mutex mutex;
  return mutex;
}

namespace {

std::uint32_t randomState = 1;
std::uint32_t failedAccess = 0;
std::uint32_t failedOther = 0;

// xorshift32 (Marsaglia 2003)
std::uint32_t randomBits() {
  randomState ^= randomState << 13;
  randomState ^= randomState >> 17;
  randomState ^= randomState << 5;
  return randomState;
}

template <class T>
void shuffleOrder(T* begin, std::size_t count) {
  for (std::size_t i = count; i > 1; --i) std::swap(begin[i - 1], begin[randomBits() % i]);
}

constexpr unsigned kNone = ~0U;

// The first ready thread in cyclic order from the one after (or before) `from`.
unsigned nextInTurn(unsigned from, bool upwards) {
  const unsigned warp = from / kLanes;
  const unsigned lane = from % kLanes;
  const std::uint32_t below = (1U << lane) - 1;
  const std::uint32_t ahead = upwards ? ~(below | 1U << lane) : below;
  for (unsigned step = 0; step <= block.warps; ++step) {
    const unsigned w = (upwards ? warp + step : warp + 2 * block.warps - step) % block.warps;
    std::uint32_t bits = block.ready[w];
    if (step == 0) bits &= ahead;
    if (bits == 0) continue;
    return w * kLanes + static_cast<unsigned>(upwards ? std::countr_zero(bits) : 31 - std::countl_zero(bits));
  }
  return kNone;
}

unsigned anyReady() {
  const unsigned start = randomBits() % block.warps;
  for (unsigned step = 0; step < block.warps; ++step) {
    const unsigned w = (start + step) % block.warps;
    if (block.ready[w] == 0) continue;
    const int turn = static_cast<int>(randomBits() % kLanes);
    return w * kLanes + static_cast<unsigned>(std::countr_zero(std::rotr(block.ready[w], turn)) + turn) % kLanes;
  }
  return kNone;
}

unsigned firstByPriority() {
  for (unsigned i = 0; i < block.warps; ++i) {
    const unsigned w = block.priority[i];
    if (block.ready[w] != 0) return w * kLanes + static_cast<unsigned>(std::countr_zero(block.ready[w]));
  }
  return kNone;
}

unsigned chooseNext() {
  switch (options.schedule) {
    case Schedule::ascending:
      return nextInTurn(block.running, true);
    case Schedule::descending:
      return nextInTurn(block.running, false);
    case Schedule::random:
      return anyReady();
    case Schedule::runAhead:
      return firstByPriority();
  }
  return kNone;
}

void resume(Stack& from, unsigned next) {
  block.ready[next / kLanes] &= ~(1U << next % kLanes);
  block.running = next;
  switchStacks(from, threads[next].stack);
}

void returnToHost() {
  block.active = false;
  switchStacks(threads[block.running].stack, block.host);
}

[[noreturn]] void failWaiting() { fail("deadlock, nobody can go on:" + census()); }

void runThread() {
  block.launch.invoke(block.launch.state);
  Thread& self = threads[block.running];
  if (!self.copies.empty())
    fail("a thread ends with cp.async in flight, issued at " + describe(self.copies.front().site));
  self.state = ThreadState::finished;
  if (++block.finished < block.threads) {
    if (block.atBarrier > 0 && block.atBarrier + block.finished == block.threads) {
      fail("__syncthreads that some threads never reach:" + census());
    }
    const unsigned next = chooseNext();
    if (next == kNone) failWaiting();
    resume(self.stack, next);
  }
  returnToHost();
  std::abort();
}

void runBlock(Index3 index) {
  block.index = index;
  block.finished = 0;
  block.atBarrier = 0;
  block.error.clear();
  std::memset(block.ready, 0, sizeof block.ready);
  startSharedMemory();
  startBlockChecks();
  std::iota(block.priority, block.priority + block.warps, 0U);
  shuffleOrder(block.priority, block.warps);
  for (unsigned i = 0; i < block.threads; ++i) {
    Thread& thread = threads[i];
    thread.state = ThreadState::ready;
    thread.copies.clear();
    thread.group = 0;
    prepareStack(thread.stack, i, runThread);
    block.ready[i / kLanes] |= 1U << i % kLanes;
  }
  block.running = options.schedule == Schedule::ascending ? block.threads - 1 : 0;
  const unsigned first = chooseNext();
  block.active = true;
  resume(block.host, first);
  if (block.error.empty()) block.error = checkSharedMemory();
  if (block.error.empty()) {
    if (countingTraffic) finishBlockTraffic();
    return;
  }
  std::string message = std::string(block.launch.name) + ": " + block.error;
  for (const std::uint32_t access : {failedAccess, failedOther}) {
    if (access != 0) message += "\n  " + describeAccess(access);
  }
  throw Error(message);
}

}  // namespace

void fail(const std::string& message, std::uint32_t access, std::uint32_t other) {
  char who[96] = "";
  std::snprintf(who, sizeof who, "block (%u,%u) thread %u: ", block.index.x, block.index.y, block.running);
  block.error = who + message;
  failedAccess = access;
  failedOther = other;
  returnToHost();
  std::abort();
}

std::string describe(Site site) {
  const char* const slash = std::strrchr(site.file_name(), '/');
  return std::string(slash == nullptr ? site.file_name() : slash + 1) + ":" + std::to_string(site.line());
}

std::string census() {
  std::string text;
  const auto state = [](const Thread& thread) {
    if (thread.state == ThreadState::finished) return std::string("finished");
    if (thread.state == ThreadState::ready) return std::string("running");
    return std::string("at ") + thread.operation + ", " + describe(thread.site);
  };
  for (unsigned first = 0; first < block.threads;) {
    unsigned last = first;
    while (last + 1 < block.threads && state(threads[last + 1]) == state(threads[first])) ++last;
    text += "\n  threads " + std::to_string(first) + "-" + std::to_string(last) + " " + state(threads[first]);
    first = last + 1;
  }
  return text;
}

void makeReady(unsigned thread) {
  threads[thread].state = ThreadState::ready;
  if (thread != block.running) block.ready[thread / kLanes] |= 1U << thread % kLanes;
}

void waitUntilReady() {
  const unsigned self = block.running;
  const unsigned next = chooseNext();
  if (next == kNone) failWaiting();
  resume(threads[self].stack, next);
}

void syncBlock(Site site) {
  Thread& self = threads[block.running];
  self.state = ThreadState::atBarrier;
  self.operation = "__syncthreads";
  self.site = site;
  if (++block.atBarrier + block.finished < block.threads) {
    waitUntilReady();
    return;
  }
  if (block.finished > 0) fail("__syncthreads that some threads never reach:" + census());
  for (unsigned i = 0; i < block.threads; ++i) {
    if (threads[i].site.line() != site.line() || threads[i].site.file_name() != site.file_name()) {
      fail("threads meet at different __syncthreads:" + census());
    }
  }
  block.atBarrier = 0;
  orderBlock();
  if (countingTraffic) finishBlockTraffic();
  for (unsigned i = 0; i < block.threads; ++i) makeReady(i);
}

void warpOperation(std::uint32_t mask, const char* name, void* payload, CompleteWarp complete, Site site) {
  Thread& self = threads[block.running];
  const unsigned lane = block.running % kLanes;
  const unsigned base = block.running - lane;
  if ((mask >> lane & 1) == 0) fail(std::string(name) + " by a lane outside its mask, " + describe(site));
  self.state = ThreadState::inWarpOperation;
  self.operation = name;
  self.site = site;
  self.mask = mask;
  self.payload = payload;
  void* payloads[kLanes] = {};
  bool complete32 = true;
  for (unsigned i = 0; i < kLanes; ++i) {
    if ((mask >> i & 1) == 0) continue;
    if (base + i >= block.threads)
      fail(std::string(name) + " with a mask that names lanes the block lacks, " + describe(site));
    const Thread& other = threads[base + i];
    if (other.state == ThreadState::finished)
      fail(std::string(name) + " waits for lanes that have finished:" + census());
    const bool together = other.state == ThreadState::inWarpOperation && other.mask == mask &&
                          other.operation == name && other.site.line() == site.line();
    if (other.state == ThreadState::inWarpOperation && !together && (other.mask >> lane & 1) != 0) {
      fail("lanes of a warp meet at different warp operations:" + census());
    }
    complete32 = complete32 && together;
    payloads[i] = other.payload;
  }
  if (!complete32) {
    waitUntilReady();
    return;
  }
  if (complete != nullptr) complete(payloads, mask);
  if (countingTraffic && mask == ~0U) finishWarpTraffic(base / kLanes);
  for (unsigned i = 0; i < kLanes; ++i) {
    if ((mask >> i & 1) != 0) makeReady(base + i);
  }
}

Index3 threadIndex() { return {block.running, 0, 0}; }
Index3 blockIndex() { return block.index; }
Index3 blockExtent() { return {block.threads, 1, 1}; }
Index3 gridExtent() { return block.launch.grid; }

void launchBlocks(const Launch& launch) {
  const std::lock_guard lock(oneAtATime());
  struct Here {
    Here() { launchesHere = true; }
    ~Here() { launchesHere = false; }
  } here;
  const auto refuse = [&launch](const std::string& what) { throw Error(std::string(launch.name) + ": " + what); };
  if (launch.threads == 0 || launch.threads > kMaxThreads)
    refuse("a block of " + std::to_string(launch.threads) + " threads");
  if (launch.grid.x == 0 || launch.grid.y == 0) refuse("an empty grid");
  if (launch.grid.y > 65535) refuse("more than 65535 blocks in y");
  if (launch.sharedBytes > options.sharedLimit) {
    refuse(std::to_string(launch.sharedBytes) + " bytes of shared memory, more than " +
           std::to_string(options.sharedLimit));
  }
  static const bool prepared = [] {
    Stack stacks[kMaxThreads];
    mapStacks(stacks);
    for (std::size_t i = 0; i < kMaxThreads; ++i) threads[i].stack = stacks[i];
    mapArena();
    installFaultHandler();
    return true;
  }();
  static_cast<void>(prepared);
  block.launch = launch;
  block.threads = launch.threads;
  block.warps = (launch.threads + kLanes - 1) / kLanes;
  randomState = options.seed * 2654435761U + 1;
  startGridChecks(launch.state, launch.stateBytes);
  if (countingTraffic) startLaunchTraffic(launch.name);
  std::vector<unsigned> order(std::size_t{launch.grid.x} * launch.grid.y);
  std::iota(order.begin(), order.end(), 0U);
  if (options.schedule == Schedule::descending) std::reverse(order.begin(), order.end());
  if (options.schedule == Schedule::random || options.schedule == Schedule::runAhead) {
    shuffleOrder(order.data(), order.size());
  }
  for (const unsigned i : order) runBlock({i % launch.grid.x, i / launch.grid.x, 0});
  ++counters.launches;
  if (countingTraffic) finishLaunchTraffic();
  const std::string outside = checkDeviceMemory();
  if (!outside.empty()) refuse(outside);
}

}  // namespace loratwin::emulation
