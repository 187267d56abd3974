// What the emulated kernels call: the launch, the indices of a thread, shared memory, and the operations of a block and
// a warp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

namespace loratwin::emulation {

using Site = std::source_location;  // the line of the kernel, for diagnostics

struct Index3 {
  unsigned x, y, z;
};

struct Launch {
  const char* name;
  Index3 grid;
  unsigned threads;  // of a block, 1 .. 1024
  std::size_t sharedBytes;
  void (*invoke)(const void* state);  // the kernel, for one thread
  const void* state;
  std::size_t stateBytes;
};

// Runs every thread of every block, on this thread. Throws Error (emulation.h) with the kernel's lines on what a device
// would not do right; the grid is abandoned then.
void launchBlocks(const Launch& launch);

// Constant for the life of a thread.
[[gnu::const]] Index3 threadIndex();
[[gnu::const]] Index3 blockIndex();
[[gnu::const]] Index3 blockExtent();
[[gnu::const]] Index3 gridExtent();

// The block's array of that key, 16-byte aligned, poisoned at its first use in a block.
void* sharedArray(const void* key, std::size_t bytes, const char* name);
void* dynamicShared();

void syncBlock(Site site);
void syncWarp(std::uint32_t mask, Site site);
std::uint32_t ballot(std::uint32_t mask, bool predicate, Site site);

enum class ShuffleKind { exclusiveOr, index };
struct ShuffleSource {
  ShuffleKind kind;
  int argument;
};
std::uint64_t shuffleBits(std::uint32_t mask, std::uint64_t bits, ShuffleSource source, Site site);

template <class T>
T shuffle(std::uint32_t mask, T value, ShuffleSource source, Site site) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = shuffleBits(mask, bits, source, site);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// mma.sync.m16n8k16 (bf16, f32 accumulation) and ldmatrix.x4, fragments as the PTX ISA (8.x, "Warp-level matrix
// instructions") lays them out. The order of a product's sum is not the hardware's.
void mma(float* d, const std::uint32_t* a, const std::uint32_t* b, Site site);
void ldmatrix(std::uint32_t* matrices, const void* row, bool transposed, Site site);

// An access of several neighbours, as one. Fails the block unless the address is a multiple of `bytes`.
void loadVector(void* value, const void* from, std::size_t bytes, Site site);
void storeVector(void* to, const void* value, std::size_t bytes, Site site);

// cp.async of 16 bytes: the destination is poison until the wait, then sourceBytes of the source and zeros.
void copyAsync(void* shared, const void* global, int sourceBytes, Site site);
void commitCopies();
void waitCopies(int pending);

}  // namespace loratwin::emulation
