// Emulated devices: memory of the emulation, streams that have done what they are given when the call returns.
// LORATWIN_EMULATED_DEVICES says how many there are.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <new>

#include "cuda/driver.h"
#include "emulation/emulation.h"
#include "runtime/clock.h"

namespace loratwin::cuda {

namespace {

constexpr int kDevices = 4;
constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

struct Allocation {
  int device;
  std::size_t bytes;
};
std::mutex mutex;
std::map<void*, Allocation> allocations;
thread_local int inUse = 0;

struct Event {
  std::int64_t ns = 0;
};

std::size_t usedBytes(int device) {
  std::size_t used = 0;
  for (const auto& [memory, allocation] : allocations) used += allocation.device == device ? allocation.bytes : 0;
  return used;
}

// Whether it lies in an emulated device's memory, which the emulation wants to know of.
bool onDevice(const void* pointer) {
  const std::lock_guard lock(mutex);
  const auto next = allocations.upper_bound(const_cast<void*>(pointer));
  if (next == allocations.begin()) return false;
  const auto& [memory, allocation] = *std::prev(next);
  return static_cast<const std::byte*>(pointer) < static_cast<std::byte*>(memory) + allocation.bytes;
}

}  // namespace

int deviceCount() {
  const char* const given = std::getenv("LORATWIN_EMULATED_DEVICES");
  return given == nullptr ? kDevices : std::max(0, std::atoi(given));
}

std::string whyNoDevices() { return "LORATWIN_EMULATED_DEVICES asks for none"; }

DeviceFacts deviceFacts(int) { return {"emulated GPU", kMemoryBytes, 8, 0}; }

void useDevice(int device) { inUse = device; }

void reachPeers(int) {}

std::size_t freeBytes() {
  const std::lock_guard lock(mutex);
  return kMemoryBytes - usedBytes(inUse);
}

void* allocate(std::size_t bytes, const char* name) {
  const std::lock_guard lock(mutex);
  if (usedBytes(inUse) + bytes > kMemoryBytes) return nullptr;
  void* const memory = emulation::allocateDevice(bytes, name);
  allocations.emplace(memory, Allocation{inUse, bytes});
  return memory;
}

void release(void* memory) noexcept {
  const std::lock_guard lock(mutex);
  allocations.erase(memory);
  emulation::freeDevice(memory);
}

void* allocatePinned(std::size_t bytes) { return ::operator new(bytes); }
void releasePinned(void* memory) noexcept { ::operator delete(memory); }

void* createStream() { return new int(inUse); }
void destroyStream(void* stream) noexcept { delete static_cast<int*>(stream); }
void synchronize(void*) {}

void copyAsync(void* to, const void* from, std::size_t bytes, void*) {
  std::memmove(to, from, bytes);
  if (onDevice(to)) emulation::markWritten(to, bytes);
}

void zeroAsync(void* to, std::size_t bytes, void*) {
  std::memset(to, 0, bytes);
  emulation::markWritten(to, bytes);
}

void* createEvent() { return new Event; }
void destroyEvent(void* event) noexcept { delete static_cast<Event*>(event); }
void record(void* event, void*) { static_cast<Event*>(event)->ns = monotonicNs(); }
void waitEvent(void*, void*) {}
void synchronizeEvent(void*) {}
std::int64_t elapsedNs(void* from, void* to) { return static_cast<Event*>(to)->ns - static_cast<Event*>(from)->ns; }

}  // namespace loratwin::cuda
