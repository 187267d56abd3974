// The block that runs: its fibers, what they wait for, and its shared memory. For the emulation's own files only.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "emulation/fiber.h"
#include "emulation/operations.h"

namespace loratwin::emulation {

constexpr std::size_t kLanes = 32;
constexpr std::size_t kMaxWarps = kMaxThreads / kLanes;

struct PendingCopy {
  void* shared;
  const void* global;
  int sourceBytes;
  int group;
  Site site;
};

enum class ThreadState { ready, atBarrier, inWarpOperation, finished };

struct Thread {
  Stack stack;
  ThreadState state;
  const char* operation;  // what it waits for
  Site site;
  std::uint32_t mask;
  void* payload;
  std::vector<PendingCopy> copies;
  int group;  // of the copies that are not committed yet
};

struct SharedArray {
  const void* key;
  char* data;
  std::size_t bytes;
  const char* name;
};

struct Block {
  Launch launch;
  Index3 index;
  unsigned threads = 0;
  unsigned warps = 0;
  unsigned running = 0;  // the thread that runs
  bool active = false;   // false while the host runs
  unsigned finished = 0;
  unsigned atBarrier = 0;
  std::uint32_t ready[kMaxWarps];
  unsigned priority[kMaxWarps];  // warps, first the one that runs ahead
  std::vector<SharedArray> arrays;
  char* arena = nullptr;
  std::size_t arenaUsed = 0;
  char* dynamic = nullptr;
  std::string error;
  Stack host{};
};
extern Block block;
// Whether the block, if one is active, runs on this thread of the machine.
extern thread_local bool launchesHere;
extern Thread threads[kMaxThreads];

// Held while a grid runs, or device memory comes and goes: threads of the host take turns.
std::mutex& oneAtATime();

// Ends the block: the message is thrown by launchBlocks, after the kernel's name and the thread's. `accesses` are
// appended as lines of the source; see checker.h.
[[noreturn]] void fail(const std::string& message, std::uint32_t access = 0, std::uint32_t other = 0);

// Runs other threads until `threads[block.running]` is ready again.
void waitUntilReady();
void makeReady(unsigned thread);
// "threads 0-31 at __syncthreads, lora.cu:41" for every range of threads.
std::string census();
std::string describe(Site site);

// Called once when the last lane of the mask has arrived; payloads of lanes outside the mask are null.
using CompleteWarp = void (*)(void* const (&payloads)[kLanes], std::uint32_t mask);
void warpOperation(std::uint32_t mask, const char* name, void* payload, CompleteWarp complete, Site site);

// Whether the bytes lie in one of the block's shared arrays.
bool inSharedMemory(const void* pointer, std::size_t bytes);

// memory.cc
void mapArena();
void startSharedMemory();         // at a block's start
std::string checkSharedMemory();  // at its end: empty, or what was written outside an array
std::string checkDeviceMemory();  // after a grid
void installFaultHandler();
constexpr std::size_t kArenaBytes = 512 * 1024;

}  // namespace loratwin::emulation
