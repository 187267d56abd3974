// Emulated devices: memory of the emulation, streams that have done what they are given when the call returns, but for
// messages.
// LORATWIN_EMULATED_DEVICES says how many there are, LORATWIN_EMULATED_GRAPHS how many launches and copies a graph may
// hold (all that come, when it is not given).
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cuda/driver.h"
#include "emulation/emulation.h"
#include "emulation/streams.h"
#include "runtime/clock.h"

namespace loratwin::cuda {

namespace {

constexpr int kDevices = 4;
constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

struct Allocation {
  int device;
  std::size_t bytes;
  bool zeroed;  // whether zeros count as written
};
std::mutex mutex;
std::map<void*, Allocation> allocations;
thread_local int inUse = 0;

using emulation::Stream;

struct Graph {
  int device;
  std::vector<std::function<void()>> noted;
  bool uploaded = false;
};
// What a graph that is uploaded or was launched takes of its device for each thing that it does; a GPU's driver does
// not say.
constexpr std::size_t kGraphBytes = 1024;
std::map<int, std::size_t> graphBytes;  // by device
// What a context takes of its device; on a GPU some hundred megabytes.
constexpr std::size_t kContextBytes = std::size_t{64} << 20;
std::set<int> contexts;  // the devices that have been in use

std::size_t mostNoted() {
  const char* const given = std::getenv("LORATWIN_EMULATED_GRAPHS");
  return given == nullptr ? ~std::size_t{0} : static_cast<std::size_t>(std::max(0, std::atoi(given)));
}

// As CUDA does: the call fails, and the capture with it.
void requireNoCapture(const char* what, void* stream) {
  auto& asked = *static_cast<Stream*>(stream);
  if (!asked.capturing) return;
  asked.broken = true;
  throw std::runtime_error(std::string(what) + ": operation not permitted when stream is capturing");
}

struct Event {
  std::int64_t ns = 0;
  // What was under way in the stream when it was recorded: it comes true behind that.
  emulation::AllUnderWay behind = {};

  std::int64_t wait() const {
    std::int64_t last = ns;
    for (const auto& each : behind) last = std::max(last, each->wait());
    return last;
  }
};

std::size_t usedBytes(int device) {
  std::size_t used = graphBytes[device] + (contexts.contains(device) ? kContextBytes : 0);
  for (const auto& [memory, allocation] : allocations) used += allocation.device == device ? allocation.bytes : 0;
  return used;
}

// Takes the graph's memory, unless it has it.
void upload(Graph& graph) {
  const std::lock_guard lock(mutex);
  if (!std::exchange(graph.uploaded, true)) graphBytes[graph.device] += graph.noted.size() * kGraphBytes;
}

// The emulated device's memory that holds it; null: the host's.
const Allocation* allocationOf(const void* pointer) {
  const std::lock_guard lock(mutex);
  const auto next = allocations.upper_bound(const_cast<void*>(pointer));
  if (next == allocations.begin()) return nullptr;
  const auto& [memory, allocation] = *std::prev(next);
  const bool inside = static_cast<const std::byte*>(pointer) < static_cast<std::byte*>(memory) + allocation.bytes;
  return inside ? &allocation : nullptr;
}

}  // namespace

int deviceCount() {
  const char* const given = std::getenv("LORATWIN_EMULATED_DEVICES");
  return given == nullptr ? kDevices : std::max(0, std::atoi(given));
}

std::string whyNoDevices() { return "LORATWIN_EMULATED_DEVICES asks for none"; }

DeviceFacts deviceFacts(int) { return {"emulated GPU", kMemoryBytes, 8, 0}; }
std::string deviceUuid(int device) { return "emulated " + std::to_string(device); }

void useDevice(int device) {
  inUse = device;
  const std::lock_guard lock(mutex);
  contexts.insert(device);
}

void reachPeers(int) {}

std::size_t freeBytes() {
  const std::lock_guard lock(mutex);
  return kMemoryBytes - usedBytes(inUse);
}

void* allocate(std::size_t bytes, const char* name) {
  const std::lock_guard lock(mutex);
  if (usedBytes(inUse) + bytes > kMemoryBytes) return nullptr;
  void* const memory = emulation::allocateDevice(bytes, name);
  allocations.emplace(memory, Allocation{inUse, bytes, std::strcmp(name, kZeroedName) == 0});
  return memory;
}

void release(void* memory) noexcept {
  const std::lock_guard lock(mutex);
  allocations.erase(memory);
  emulation::freeDevice(memory);
}

void* allocatePinned(std::size_t bytes) { return ::operator new(bytes); }
void releasePinned(void* memory) noexcept { ::operator delete(memory); }

void* createStream() { return new Stream{.device = inUse, .noted = {}}; }
void destroyStream(void* stream) noexcept { delete static_cast<Stream*>(stream); }
void synchronize(void* stream) {
  requireNoCapture("synchronize", stream);
  static_cast<Stream*>(stream)->wait();
}

void copyAsync(void* to, const void* from, std::size_t bytes, void* stream) {
  emulation::give(stream, [=] {
    if (allocationOf(from) != nullptr) emulation::requireWritten(from, bytes, "copy");
    std::memmove(to, from, bytes);
    if (allocationOf(to) != nullptr) emulation::markWritten(to, bytes);
  });
}

void zeroAsync(void* to, std::size_t bytes, void* stream) {
  emulation::give(stream, [=] {
    std::memset(to, 0, bytes);
    if (allocationOf(to)->zeroed) emulation::markWritten(to, bytes);
  });
}

void beginCapture(void* stream) {
  requireNoCapture("beginCapture", stream);
  auto& captured = *static_cast<Stream*>(stream);
  captured.capturing = true;
  captured.broken = false;
}

CapturedGraph endCapture(void* stream) {
  auto& captured = *static_cast<Stream*>(stream);
  captured.capturing = false;
  auto noted = std::exchange(captured.noted, {});
  if (captured.broken) throw std::runtime_error("endCapture: operation failed due to a previous error during capture");
  if (noted.size() > mostNoted()) {
    throw std::runtime_error("endCapture: " + std::to_string(noted.size()) + " launches and copies are too many");
  }
  const std::size_t nodes = noted.size();
  return {new Graph{captured.device, std::move(noted)}, nodes};
}

void abandonCapture(void* stream) noexcept {
  auto& captured = *static_cast<Stream*>(stream);
  captured.capturing = false;
  captured.noted.clear();
}

void uploadGraph(void* graph, void* stream) {
  requireNoCapture("uploadGraph", stream);
  upload(*static_cast<Graph*>(graph));
}

void launchGraph(void* graph, void* stream) {
  requireNoCapture("launchGraph", stream);
  auto& launched = *static_cast<Graph*>(graph);
  upload(launched);
  static_cast<Stream*>(stream)->wait();
  for (const auto& work : launched.noted) work();
}

void destroyGraph(void* graph) noexcept {
  const auto* const dead = static_cast<Graph*>(graph);
  if (dead->uploaded) {
    const std::lock_guard lock(mutex);
    graphBytes[dead->device] -= dead->noted.size() * kGraphBytes;
  }
  delete dead;
}

void* createEvent() { return new Event; }
void destroyEvent(void* event) noexcept { delete static_cast<Event*>(event); }
void record(void* event, void* stream) {
  requireNoCapture("record", stream);
  *static_cast<Event*>(event) = {monotonicNs(), static_cast<Stream*>(stream)->underWay};
}
void waitEvent(void* stream, void* event) {
  requireNoCapture("waitEvent", stream);
  auto& underWay = static_cast<Stream*>(stream)->underWay;
  const auto& behind = static_cast<Event*>(event)->behind;
  underWay.insert(underWay.end(), behind.begin(), behind.end());
}
void synchronizeEvent(void* event) { static_cast<Event*>(event)->wait(); }
std::int64_t elapsedNs(void* from, void* to) {
  return static_cast<Event*>(to)->wait() - static_cast<Event*>(from)->wait();
}

}  // namespace loratwin::cuda
