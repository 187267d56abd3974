#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

#include "emulation/block.h"
#include "emulation/checker.h"
#include "emulation/device_ranges.h"
#include "emulation/emulation.h"
#include "emulation/traffic.h"

namespace loratwin::emulation {

namespace {

bool instrumented = false;

std::uint32_t now = 1;
std::uint32_t gridStart = 1;
std::uint32_t blockStart = 1;
std::uint32_t lastBarrier = 1;
std::uint32_t lastWarpSync[kMaxWarps];
struct PartialSync {
  std::uint32_t time;
  std::uint32_t mask;
};
PartialSync lastPartialSync[kMaxThreads];

const char* parametersBegin = nullptr;
const char* parametersEnd = nullptr;
const char* arenaBegin = nullptr;
std::vector<Cell> arenaShadow;
std::vector<Site> sites;
constexpr std::size_t kWidestAccess = 16;
constexpr Access kSiteBit = 0x80000000U;

// Whether an access of `thread` at `time`, in this block, happens before what the running thread does now.
bool ordered(std::uint32_t time, unsigned thread) {
  const unsigned self = block.running;
  if (thread == self || time < lastBarrier) return true;
  if (thread / kLanes != self / kLanes) return false;
  const PartialSync& partial = lastPartialSync[self];
  return time < lastWarpSync[self / kLanes] || (time < partial.time && (partial.mask >> thread % kLanes & 1) != 0);
}

// Of all the threads that read the cell since the last order between them.
bool readsOrdered(const Cell& cell) {
  switch (cell.readers) {
    case Readers::one:
      return ordered(cell.readTime, cell.reader);
    case Readers::severalOfWarp:
      return cell.readTime < lastBarrier ||
             (cell.reader / kLanes == block.running / kLanes && cell.readTime < lastWarpSync[cell.reader / kLanes]);
    case Readers::severalOfBlock:
      return cell.readTime < lastBarrier;
  }
  return false;
}

std::string placeOf(const void* pointer) {
  const char* const address = static_cast<const char*>(pointer);
  char text[160];
  const auto format = [&](const char* kind, const char* name, const char* data, std::size_t bytes) {
    std::snprintf(text, sizeof text, "%s '%s' of %zu bytes, byte %td", kind, name, bytes, address - data);
    return std::string(text);
  };
  for (const SharedArray& array : block.arrays) {
    if (address >= array.data - 64 && address < array.data + array.bytes + 64) {
      return format("shared array", array.name, array.data, array.bytes);
    }
  }
  if (address >= arenaBegin && address < arenaBegin + kArenaBytes) {
    return format("shared array", "dynamic", block.dynamic, block.launch.sharedBytes);
  }
  const DeviceRange* const range = nearestRange(pointer);
  if (range != nullptr) return format("device buffer", range->name, range->data, range->bytes);
  std::snprintf(text, sizeof text, "address %p, which is not the device's", pointer);
  return text;
}

void checkCell(Cell& cell, const void* pointer, bool shared, AccessKind kind, Access access) {
  const unsigned self = block.running;
  const bool writes = kind != AccessKind::read;
  if (cell.inFlight && kind != AccessKind::endCopy && (!shared || cell.writeTime >= blockStart)) {
    fail(std::string(writes ? "write to " : "read of ") + placeOf(pointer) + " before the wait for its cp.async",
         access, cell.writeAccess);
  }
  const bool written = shared ? cell.writeTime >= blockStart : cell.initialised;
  if (!writes && !written) fail("read of " + placeOf(pointer) + ", which nobody has written", access);
  if (cell.writeTime >= gridStart && cell.writeTime > 0) {
    if (cell.writeTime < blockStart) {
      if (!shared) fail("race between blocks on " + placeOf(pointer), access, cell.writeAccess);
    } else if (!ordered(cell.writeTime, cell.writer)) {
      fail("race on " + placeOf(pointer), access, cell.writeAccess);
    }
  }
  const bool readHere = cell.readTime >= blockStart;
  const bool readInGrid = !shared && cell.readTime >= gridStart && !readHere;
  if (writes) {
    if (readInGrid || (!shared && cell.otherBlockRead && cell.readTime >= gridStart)) {
      fail("race between blocks on " + placeOf(pointer), access, cell.readAccess);
    }
    if (readHere && !readsOrdered(cell)) fail("race on " + placeOf(pointer), access, cell.readAccess);
    cell.writeTime = now;
    cell.writer = static_cast<std::uint16_t>(self);
    cell.writeAccess = access;
    cell.inFlight = kind == AccessKind::beginCopy;
    cell.initialised = true;
    return;
  }
  const bool concurrent = readHere && cell.reader != self && cell.readTime >= lastBarrier;
  const bool orderedBefore = readHere && readsOrdered(cell);
  const bool otherBlock = readInGrid || (cell.otherBlockRead && cell.readTime >= gridStart);
  if (!concurrent || orderedBefore) {
    cell.readers = Readers::one;
  } else {
    const bool sameWarp = cell.reader / kLanes == self / kLanes && cell.readers != Readers::severalOfBlock;
    cell.readers = sameWarp ? Readers::severalOfWarp : Readers::severalOfBlock;
  }
  cell.otherBlockRead = otherBlock;
  cell.readTime = now;
  cell.reader = static_cast<std::uint16_t>(self);
  cell.readAccess = access;
}

const DeviceRange* rangeOf(const char* address, std::size_t bytes) {
  const std::vector<DeviceRange>& ranges = deviceRanges();
  const auto next = std::upper_bound(ranges.begin(), ranges.end(), address,
                                     [](const char* a, const DeviceRange& range) { return a < range.data; });
  if (next == ranges.begin()) return nullptr;
  const DeviceRange& range = *std::prev(next);
  return address + bytes <= range.data + range.bytes ? &range : nullptr;
}

// The program or library that this is linked into. Its addresses less where it was loaded are those of its file: they
// fit an Access.
struct Module {
  std::uintptr_t loadedAt;
  std::string file;
};
const Module& module() {
  static const Module found = [] {
    Dl_info info{};
    link_map* map = nullptr;
    dladdr1(&instrumented, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP);
    const bool library = map != nullptr && map->l_name[0] != 0;
    return Module{library ? static_cast<std::uintptr_t>(map->l_addr) : 0,
                  library ? map->l_name : "/proc/" + std::to_string(getpid()) + "/exe"};
  }();
  return found;
}

}  // namespace

bool checking() { return instrumented; }

Cell* newShadow(std::size_t bytes) {
  // Pages of cells that nobody touches are never there.
  return instrumented ? static_cast<Cell*>(std::calloc((bytes + kGranule - 1) / kGranule + 1, sizeof(Cell))) : nullptr;
}
void deleteShadow(Cell* shadow) { std::free(shadow); }

void shadowArena(const char* arena, std::size_t bytes) {
  arenaBegin = arena;
  if (instrumented) arenaShadow.resize(bytes / kGranule);
}

void markWritten(const void* pointer, std::size_t bytes) {
  const std::lock_guard lock(oneAtATime());
  const DeviceRange* const range = rangeOf(static_cast<const char*>(pointer), bytes);
  if (range == nullptr) throw Error("upload to what is no device buffer");
  if (range->shadow == nullptr) return;
  const std::size_t first = static_cast<std::size_t>(static_cast<const char*>(pointer) - range->data) / kGranule;
  for (std::size_t i = 0; i < (bytes + kGranule - 1) / kGranule; ++i) range->shadow[first + i].initialised = true;
}

void requireWritten(const void* pointer, std::size_t bytes, const char* reader) {
  const std::lock_guard lock(oneAtATime());
  const DeviceRange* const range = rangeOf(static_cast<const char*>(pointer), bytes);
  if (range == nullptr) throw Error(std::string(reader) + ": access out of bounds: " + placeOf(pointer));
  if (range->shadow == nullptr || bytes == 0) return;
  const std::size_t offset = static_cast<std::size_t>(static_cast<const char*>(pointer) - range->data);
  for (std::size_t i = offset / kGranule; i <= (offset + bytes - 1) / kGranule; ++i) {
    if (range->shadow[i].initialised) continue;
    throw Error(std::string(reader) + ": read of " + placeOf(range->data + i * kGranule) +
                ", which nobody has written");
  }
}

void startGridChecks(const void* parameters, std::size_t bytes) {
  parametersBegin = static_cast<const char*>(parameters);
  parametersEnd = parametersBegin + bytes;
  gridStart = ++now;
}

void startBlockChecks() {
  blockStart = lastBarrier = ++now;
  for (unsigned i = 0; i < block.warps; ++i) lastWarpSync[i] = blockStart;
  for (unsigned i = 0; i < block.threads; ++i) lastPartialSync[i] = {blockStart, 0};
}

void orderBlock() { lastBarrier = ++now; }

void orderWarp(unsigned warp, std::uint32_t mask) {
  ++now;
  if (mask == 0xffffffffU) {
    lastWarpSync[warp] = now;
    return;
  }
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1) != 0) lastPartialSync[warp * kLanes + lane] = {now, mask};
  }
}

void checkAccess(const void* pointer, std::size_t bytes, AccessKind kind, Access access) {
  if (!block.active || !launchesHere) return;
  const char* const address = static_cast<const char*>(pointer);
  const char* const stack = threads[block.running].stack.bottom;
  if (address >= stack && address < stack + kStackBytes) return;
  const bool inArena = address >= arenaBegin && address < arenaBegin + kArenaBytes;
  const DeviceRange* const range = inArena ? nullptr : rangeOf(address, bytes);
  Cell* cells = nullptr;
  std::size_t offset = 0;
  if (inArena) {
    if (!inSharedMemory(pointer, bytes)) fail("access outside the block's shared memory: " + placeOf(pointer), access);
    cells = arenaShadow.data();
    offset = static_cast<std::size_t>(address - arenaBegin);
  } else if (range != nullptr) {
    cells = range->shadow;
    offset = static_cast<std::size_t>(address - range->data);
  } else {
    if (address >= parametersBegin && address + bytes <= parametersEnd && kind == AccessKind::read) return;
    fail("access out of bounds: " + placeOf(pointer), access);
  }
  if (std::has_single_bit(bytes) && bytes <= kWidestAccess && offset % bytes != 0) {
    fail("access that is not aligned to its " + std::to_string(bytes) + " bytes: " + placeOf(pointer), access);
  }
  const std::size_t last = (offset + bytes - 1) / kGranule;
  for (std::size_t i = offset / kGranule; i <= last; ++i) {
    checkCell(cells[i], address + (i * kGranule - offset), inArena, kind, access);
  }
  // What a copy brings to shared memory was counted when it began.
  if (!countingTraffic || kind == AccessKind::endCopy) return;
  // A structure that is copied as a whole comes in words, since nothing says that more lies aligned.
  const bool oneAccess = std::has_single_bit(bytes) && bytes <= kWidestAccess;
  const std::size_t step = oneAccess ? bytes : bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : 1;
  for (std::size_t at = offset; at < offset + bytes; at += step) {
    if (inArena) {
      noteShared(at, step, kind != AccessKind::read, access);
    } else {
      noteGlobal(range->sectors, at, step, kind != AccessKind::read, access);
    }
  }
}

namespace {

void requireAligned(const void* pointer, std::size_t bytes, Site site) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0) return;
  fail("access of " + std::to_string(bytes) + " bytes to an address that is not aligned to them, " + describe(site));
}

}  // namespace

void loadVector(void* value, const void* from, std::size_t bytes, Site site) {
  requireAligned(from, bytes, site);
  if (instrumented) checkAccess(from, bytes, AccessKind::read, accessOf(__builtin_return_address(0)));
  std::memcpy(value, from, bytes);
}

void storeVector(void* to, const void* value, std::size_t bytes, Site site) {
  requireAligned(to, bytes, site);
  if (instrumented) checkAccess(to, bytes, AccessKind::write, accessOf(__builtin_return_address(0)));
  std::memcpy(to, value, bytes);
}

Access accessAt(Site site) {
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].line() == site.line() && sites[i].file_name() == site.file_name())
      return kSiteBit | static_cast<Access>(i);
  }
  sites.push_back(site);
  return kSiteBit | static_cast<Access>(sites.size() - 1);
}

Access accessOf(const void* returnAddress) {
  return static_cast<Access>(reinterpret_cast<std::uintptr_t>(returnAddress) - module().loadedAt);
}

std::string describeAccess(Access access) {
  if ((access & kSiteBit) != 0) return describe(sites[access & ~kSiteBit]);
  // The call lies before the address that it returns to; inlined functions come first, their callers after.
  char address[16];
  std::snprintf(address, sizeof address, "0x%x", access - 1);
  const std::string command = "addr2line -s -i -e '" + module().file + "' " + address;
  std::string lines;
  if (FILE* const output = popen(command.c_str(), "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, output) != nullptr) {
      line[std::strcspn(line, "\n ")] = 0;
      lines += (lines.empty() ? "" : " < ") + std::string(line);
    }
    pclose(output);
  }
  return lines;
}

}  // namespace loratwin::emulation

// What g++ -fsanitize=thread calls before each load and store. Without its own library these are ours.
extern "C" {

void __tsan_init() { loratwin::emulation::instrumented = true; }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

#define LORATWIN_CALLER loratwin::emulation::accessOf(__builtin_return_address(0))
#define LORATWIN_HOOKS(bytes)                                                                            \
  void __tsan_read##bytes(void* p) {                                                                     \
    loratwin::emulation::checkAccess(p, bytes, loratwin::emulation::AccessKind::read, LORATWIN_CALLER);  \
  }                                                                                                      \
  void __tsan_write##bytes(void* p) {                                                                    \
    loratwin::emulation::checkAccess(p, bytes, loratwin::emulation::AccessKind::write, LORATWIN_CALLER); \
  }                                                                                                      \
  void __tsan_unaligned_read##bytes(void* p) {                                                           \
    loratwin::emulation::checkAccess(p, bytes, loratwin::emulation::AccessKind::read, LORATWIN_CALLER);  \
  }                                                                                                      \
  void __tsan_unaligned_write##bytes(void* p) {                                                          \
    loratwin::emulation::checkAccess(p, bytes, loratwin::emulation::AccessKind::write, LORATWIN_CALLER); \
  }
LORATWIN_HOOKS(1)
LORATWIN_HOOKS(2)
LORATWIN_HOOKS(4)
LORATWIN_HOOKS(8)
LORATWIN_HOOKS(16)
#undef LORATWIN_HOOKS

void __tsan_read_range(void* p, unsigned long bytes) {
  loratwin::emulation::checkAccess(p, bytes, loratwin::emulation::AccessKind::read, LORATWIN_CALLER);
}
void __tsan_write_range(void* p, unsigned long bytes) {
  loratwin::emulation::checkAccess(p, bytes, loratwin::emulation::AccessKind::write, LORATWIN_CALLER);
}
}
