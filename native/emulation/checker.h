// The exact checker: every load and store of a kernel, as -fsanitize=thread reports them, against a shadow cell for
// each two bytes of device and shared memory. For the emulation's own files only.
//
// Time is one counter that every __syncthreads and __syncwarp advances. Two accesses of which one writes are ordered
// when they are of one thread, when a barrier of their block lies between, or, within a warp, a __syncwarp of both
// lanes.
// Shuffles order nothing. Blocks of one grid are never ordered, grids always are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "emulation/operations.h"

namespace loratwin::emulation {

constexpr std::size_t kGranule = 2;  // bytes of a cell: no kernel has smaller elements

// Where an access was made: a program counter in its file, or with the top bit set the index of a Site.
using Access = std::uint32_t;

enum class Readers : std::uint8_t { one, severalOfWarp, severalOfBlock };

struct Cell {
  std::uint32_t writeTime;  // 0: never
  std::uint32_t readTime;
  Access writeAccess;
  Access readAccess;
  std::uint16_t writer;
  std::uint16_t reader;
  Readers readers;
  bool otherBlockRead;  // of this grid
  bool inFlight;        // a cp.async to here has not been waited for
  bool initialised;
};

enum class AccessKind { read, write, beginCopy, endCopy };

// Fails the block when the access is wrong. Does nothing while the host runs.
void checkAccess(const void* pointer, std::size_t bytes, AccessKind kind, Access access);
Access accessAt(Site site);
Access accessOf(const void* returnAddress);
std::string describeAccess(Access access);

Cell* newShadow(std::size_t bytes);
void deleteShadow(Cell* shadow);
void shadowArena(const char* arena, std::size_t bytes);

void startGridChecks(const void* parameters, std::size_t bytes);
void startBlockChecks();
void orderBlock();
void orderWarp(unsigned warp, std::uint32_t mask);

}  // namespace loratwin::emulation
