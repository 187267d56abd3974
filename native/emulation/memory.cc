// Device buffers between guard pages, the arena of shared memory, and the handler that turns a fault into a failed
// block.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "emulation/block.h"
#include "emulation/checker.h"
#include "emulation/device_ranges.h"
#include "emulation/emulation.h"

#if defined(__x86_64__)
#include <ucontext.h>
#endif

namespace loratwin::emulation {

namespace {

constexpr unsigned char kCanary = 0xc5;
constexpr std::size_t kAlignment = 16;
constexpr std::size_t kRedZone = 64;  // around each shared array

std::vector<DeviceRange> ranges;  // by address

std::size_t pageBytes() {
  static const std::size_t bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

std::size_t roundUp(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

// Memory with an inaccessible page at either end.
char* mapGuarded(std::size_t bytes, char** mapping, std::size_t* mappingBytes) {
  const std::size_t page = pageBytes();
  *mappingBytes = bytes + 2 * page;
  void* const memory = mmap(nullptr, *mappingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  *mapping = static_cast<char*>(memory);
  mprotect(*mapping, page, PROT_NONE);
  mprotect(*mapping + page + bytes, page, PROT_NONE);
  return *mapping + page;
}

bool intact(const char* from, const char* to) {
  return std::all_of(from, to, [](char byte) { return static_cast<unsigned char>(byte) == kCanary; });
}

char faultMessage[256];
[[noreturn]] void failAfterFault() { fail(faultMessage); }

void onFault(int signal, siginfo_t* info, void* context) {
  if (!block.active) {
    ::signal(signal, SIG_DFL);
    return;
  }
  const char* const address = static_cast<const char*>(info->si_addr);
  const DeviceRange* const near = nearestRange(address);
  const char* const stack = threads[block.running].stack.bottom;
  if (address < stack && address + pageBytes() >= stack) {
    std::snprintf(faultMessage, sizeof faultMessage, "a thread's stack overflows");
  } else if (near != nullptr) {
    std::snprintf(faultMessage, sizeof faultMessage, "access outside device buffer '%s' of %zu bytes, at byte %td",
                  near->name, near->bytes, address - near->data);
  } else {
    std::snprintf(faultMessage, sizeof faultMessage, "access to address %p, which belongs to nothing", info->si_addr);
  }
#if defined(__x86_64__)
  ucontext_t& machine = *static_cast<ucontext_t*>(context);
  // Below the red zone, and as a call would leave the stack.
  machine.uc_mcontext.gregs[REG_RSP] = ((machine.uc_mcontext.gregs[REG_RSP] - 128) & ~greg_t{15}) - 8;
  if (std::strcmp(faultMessage, "a thread's stack overflows") == 0) {
    machine.uc_mcontext.gregs[REG_RSP] = reinterpret_cast<greg_t>(stack + kStackBytes - 8);
  }
  machine.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&failAfterFault);
#else
  static_cast<void>(context);
  std::fprintf(stderr, "%s: %s\n", block.launch.name, faultMessage);
  std::_Exit(1);
#endif
}

}  // namespace

const std::vector<DeviceRange>& deviceRanges() { return ranges; }

const DeviceRange* nearestRange(const void* pointer) {
  const char* const address = static_cast<const char*>(pointer);
  for (const DeviceRange& range : ranges) {
    if (address >= range.mapping && address < range.mapping + range.mappingBytes) return &range;
  }
  return nullptr;
}

void* allocateDevice(std::size_t bytes, const char* name) {
  const std::lock_guard lock(oneAtATime());
  DeviceRange range{};
  range.bytes = bytes;
  range.name = name;
  const std::size_t space = roundUp(std::max<std::size_t>(bytes, 1), pageBytes());
  char* const begin = mapGuarded(space, &range.mapping, &range.mappingBytes);
  range.data = begin + (space - roundUp(bytes, kAlignment));
  std::memset(begin, kCanary, space);
  std::memset(range.data, options.fill, bytes);
  range.shadow = newShadow(bytes);
  range.sectors = newSectors(bytes);
  ranges.insert(std::upper_bound(ranges.begin(), ranges.end(), range,
                                 [](const DeviceRange& a, const DeviceRange& b) { return a.data < b.data; }),
                range);
  return range.data;
}

void freeDevice(void* pointer) {
  const std::lock_guard lock(oneAtATime());
  const auto found =
      std::find_if(ranges.begin(), ranges.end(), [&](const DeviceRange& range) { return range.data == pointer; });
  if (found == ranges.end()) return;
  munmap(found->mapping, found->mappingBytes);
  deleteShadow(found->shadow);
  deleteSectors(found->sectors);
  ranges.erase(found);
}

std::string checkDeviceMemory() {
  const std::size_t page = pageBytes();
  for (const DeviceRange& range : ranges) {
    const char* const end = range.mapping + range.mappingBytes - page;
    if (!intact(range.mapping + page, range.data) || !intact(range.data + range.bytes, end)) {
      return "a write outside device buffer '" + std::string(range.name) + "' of " + std::to_string(range.bytes) +
             " bytes";
    }
  }
  return "";
}

void mapArena() {
  char* mapping;
  std::size_t mappingBytes;
  block.arena = mapGuarded(kArenaBytes, &mapping, &mappingBytes);
  shadowArena(block.arena, kArenaBytes);
}

void startSharedMemory() {
  block.arrays.clear();
  block.arenaUsed = 0;
  const std::size_t bytes = roundUp(block.launch.sharedBytes, kAlignment);
  block.dynamic = block.arena + kArenaBytes - bytes;  // it ends at the guard page
  std::memset(block.dynamic, options.fill, bytes);
}

void* sharedArray(const void* key, std::size_t bytes, const char* name) {
  for (const SharedArray& array : block.arrays) {
    if (array.key == key) return array.data;
  }
  char* const zone = block.arena + block.arenaUsed;
  const std::size_t space = roundUp(bytes, kAlignment);
  if (zone + space + 2 * kRedZone > block.dynamic) fail("more shared memory than the arena has");
  std::memset(zone, kCanary, space + 2 * kRedZone);
  char* const data = zone + kRedZone;
  std::memset(data, options.fill, bytes);
  block.arenaUsed += space + kRedZone;
  block.arrays.push_back({key, data, bytes, name});
  std::size_t total = block.launch.sharedBytes;
  for (const SharedArray& array : block.arrays) total += array.bytes;
  if (total > options.sharedLimit) fail("more than " + std::to_string(options.sharedLimit) + " bytes of shared memory");
  return data;
}

void* dynamicShared() { return block.dynamic; }

bool inSharedMemory(const void* pointer, std::size_t bytes) {
  const char* const first = static_cast<const char*>(pointer);
  if (first >= block.dynamic && first + bytes <= block.dynamic + block.launch.sharedBytes) return true;
  return std::any_of(block.arrays.begin(), block.arrays.end(), [&](const SharedArray& array) {
    return first >= array.data && first + bytes <= array.data + array.bytes;
  });
}

std::string checkSharedMemory() {
  for (const SharedArray& array : block.arrays) {
    const char* const end = array.data + array.bytes;
    if (!intact(array.data - kRedZone, array.data) ||
        !intact(end, array.data + roundUp(array.bytes, kAlignment) + kRedZone)) {
      return "a write outside shared array '" + std::string(array.name) + "'";
    }
  }
  return "";
}

void installFaultHandler() {
  constexpr std::size_t kBytes = 64 * 1024;
  stack_t stack{};
  stack.ss_sp = std::malloc(kBytes);
  stack.ss_size = kBytes;
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace loratwin::emulation
