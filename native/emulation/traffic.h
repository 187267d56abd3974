// What the launches of checked kernels move, counted as a GPU's memory system would see it: an instruction of a warp is
// one access of all its lanes, global memory moves in sectors of 32 bytes, and shared memory serves a word of each bank
// in a cycle. The hooks are for the emulation's own files only.
//
// The lanes of a warp run one after another here. Their accesses belong together when they come from the same place of
// the program and each lane was there equally often since the warp last synchronised, which is exact as long as the
// lanes take the same turns in between; lanes that were in different branches may be joined though hardware would serve
// them one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "emulation/checker.h"

namespace loratwin::emulation {

constexpr std::size_t kSectorBytes = 32;  // CUDA Programming Guide, "Device memory accesses"

// Bytes are those of whole sectors. `Again`: of them, in sectors that the launch had already read, or written.
struct LaunchTraffic {
  std::string name;  // the kernel's
  std::uint64_t readBytes = 0;
  std::uint64_t readAgainBytes = 0;
  std::uint64_t writtenBytes = 0;
  std::uint64_t writtenAgainBytes = 0;
  std::uint64_t sharedCycles = 0;
  std::uint64_t sharedConflicts = 0;  // of these cycles, those that a warp waits for since lanes meet in a bank
  std::uint64_t mma = 0;              // m16n8k16, of a warp: 4096 operations
};

// Off until it is asked for, since it slows checked kernels. Throws Error where accesses are not checked.
void countTraffic(bool on);
// The launches since the last call, in order; empty while nothing is counted.
std::vector<LaunchTraffic> takeTraffic();

// The launch that last read and wrote a sector of a buffer.
struct Sector {
  std::uint32_t reader;
  std::uint32_t writer;
};

// For a buffer of so many bytes; null where accesses are not checked.
Sector* newSectors(std::size_t bytes);
void deleteSectors(Sector* sectors);

extern bool countingTraffic;

void startLaunchTraffic(const char* name);
void finishLaunchTraffic();
// An access of the running thread; of `bytes` bytes from one that lies `offset` bytes into shared memory, or into the
// first of a device buffer's sectors.
void noteShared(std::size_t offset, std::size_t bytes, bool writes, Access access);
void noteGlobal(Sector* sectors, std::size_t offset, std::size_t bytes, bool writes, Access access);
// All lanes of the warp, or of every warp, are at one place.
void finishWarpTraffic(unsigned warp);
void finishBlockTraffic();

}  // namespace loratwin::emulation
