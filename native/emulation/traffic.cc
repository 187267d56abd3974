#include "emulation/traffic.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "emulation/block.h"
#include "emulation/emulation.h"

namespace loratwin::emulation {

bool countingTraffic = false;

namespace {

constexpr std::size_t kBanks = 32;
constexpr std::size_t kBankBytes = 4;  // CUDA Programming Guide, "Shared memory" of compute capability 5.x and later

struct SharedLane {
  unsigned lane;
  std::uint32_t offset;
};

// One instruction as a warp executes it once. Kept when it is done, so that its vectors keep their room.
struct WarpAccess {
  bool writes = false;
  std::size_t bytes = 0;  // of a lane
  std::vector<SharedLane> shared;
  std::vector<Sector*> sectors;  // each once
};

// Where in the program: an instruction of shared memory and one of global memory may be at one place, as cp.async is.
struct Place {
  std::array<std::uint32_t, kLanes> executed{};
  std::vector<std::size_t> accesses;  // of `made`, by how often a lane had been here
};

struct WarpTraffic {
  std::unordered_map<std::uint64_t, Place> places;
  std::vector<Place*> used;
  std::vector<WarpAccess> made;
  std::size_t madeCount = 0;
};

WarpTraffic warps[kMaxWarps];
std::vector<LaunchTraffic> launches;
std::uint32_t launchNumber = 0;
std::uint64_t mmaBefore = 0;

WarpAccess& accessOfWarp(Access access, std::size_t bytes, bool shared, bool writes) {
  WarpTraffic& warp = warps[block.running / kLanes];
  const std::uint64_t key = std::uint64_t{access} << 2 | (shared ? 2U : 0U) | (writes ? 1U : 0U);
  Place& place = warp.places[key];
  if (place.accesses.empty()) warp.used.push_back(&place);
  const std::size_t turn = place.executed[block.running % kLanes]++;
  if (turn == place.accesses.size()) {
    place.accesses.push_back(warp.madeCount);
    if (warp.madeCount == warp.made.size()) warp.made.emplace_back();
    WarpAccess& fresh = warp.made[warp.madeCount++];
    fresh.writes = writes;
    fresh.bytes = bytes;
    fresh.shared.clear();
    fresh.sectors.clear();
  }
  return warp.made[place.accesses[turn]];
}

// Lanes that read 4 bytes or less are served together, those of 8 bytes in two halves of a warp, those of 16 in four
// quarters; of a part, the lanes that want one word of a bank get it in one cycle, and different words come one after
// the other. (CUDA Programming Guide, "Shared memory"; an ldmatrix of four matrices is four quarters.)
void countShared(const WarpAccess& access, LaunchTraffic& counts) {
  const std::size_t words = access.bytes <= 4 ? 1 : access.bytes <= 8 ? 2 : 4;
  const std::size_t lanesOfPart = kLanes / words;
  for (std::size_t first = 0; first < kLanes; first += lanesOfPart) {
    std::array<std::vector<std::uint32_t>, kBanks> wanted;
    std::size_t cycles = 0;
    for (const SharedLane& lane : access.shared) {
      if (lane.lane < first || lane.lane >= first + lanesOfPart) continue;
      for (std::size_t at = lane.offset / kBankBytes; at * kBankBytes < lane.offset + access.bytes; ++at) {
        std::vector<std::uint32_t>& ofBank = wanted[at % kBanks];
        const auto word = static_cast<std::uint32_t>(at);
        if (std::find(ofBank.begin(), ofBank.end(), word) == ofBank.end()) ofBank.push_back(word);
        cycles = std::max(cycles, ofBank.size());
      }
    }
    if (cycles == 0) continue;
    counts.sharedCycles += cycles;
    counts.sharedConflicts += cycles - 1;
  }
}

void countGlobal(const WarpAccess& access, LaunchTraffic& counts) {
  for (Sector* const sector : access.sectors) {
    std::uint32_t& last = access.writes ? sector->writer : sector->reader;
    (access.writes ? counts.writtenBytes : counts.readBytes) += kSectorBytes;
    if (last == launchNumber) (access.writes ? counts.writtenAgainBytes : counts.readAgainBytes) += kSectorBytes;
    last = launchNumber;
  }
}

}  // namespace

void countTraffic(bool on) {
  if (on && !checking()) throw Error("countTraffic: accesses of these kernels are not checked, so none can be counted");
  const std::lock_guard lock(oneAtATime());
  countingTraffic = on;
}

std::vector<LaunchTraffic> takeTraffic() {
  const std::lock_guard lock(oneAtATime());
  return std::exchange(launches, {});
}

Sector* newSectors(std::size_t bytes) {
  // Pages of sectors that nobody counts are never there.
  return checking() ? static_cast<Sector*>(std::calloc(bytes / kSectorBytes + 1, sizeof(Sector))) : nullptr;
}
void deleteSectors(Sector* sectors) { std::free(sectors); }

void startLaunchTraffic(const char* name) {
  ++launchNumber;
  launches.push_back({});
  launches.back().name = name;
  mmaBefore = counters.mma;
  // What a block that failed has left.
  for (WarpTraffic& warp : warps) warp = {};
}

void finishLaunchTraffic() { launches.back().mma = counters.mma - mmaBefore; }

void noteShared(std::size_t offset, std::size_t bytes, bool writes, Access access) {
  WarpAccess& together = accessOfWarp(access, bytes, true, writes);
  together.shared.push_back({static_cast<unsigned>(block.running % kLanes), static_cast<std::uint32_t>(offset)});
}

void noteGlobal(Sector* sectors, std::size_t offset, std::size_t bytes, bool writes, Access access) {
  std::vector<Sector*>& together = accessOfWarp(access, bytes, false, writes).sectors;
  for (std::size_t i = offset / kSectorBytes; i * kSectorBytes < offset + bytes; ++i) {
    Sector* const sector = sectors + i;
    // Most often that of the lane before.
    if (std::find(together.rbegin(), together.rend(), sector) == together.rend()) together.push_back(sector);
  }
}

void finishWarpTraffic(unsigned index) {
  WarpTraffic& warp = warps[index];
  for (std::size_t i = 0; i < warp.madeCount; ++i) {
    countShared(warp.made[i], launches.back());
    countGlobal(warp.made[i], launches.back());
  }
  warp.madeCount = 0;
  for (Place* const place : warp.used) {
    place->executed.fill(0);
    place->accesses.clear();
  }
  warp.used.clear();
}

void finishBlockTraffic() {
  for (unsigned warp = 0; warp < block.warps; ++warp) finishWarpTraffic(warp);
}

}  // namespace loratwin::emulation
