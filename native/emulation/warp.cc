// The operations of a warp, by the lanes' payloads.
#include <bit>
#include <cstring>

#include "emulation/block.h"
#include "emulation/checker.h"
#include "emulation/emulation.h"

namespace loratwin::emulation {

namespace {

template <class Body>
void forLanes(std::uint32_t mask, Body&& body) {
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) body(std::countr_zero(rest));
}

struct Exchange {
  std::uint64_t given;
  std::uint64_t taken;
  ShuffleSource source;
};

void completeShuffle(void* const (&payloads)[kLanes], std::uint32_t mask) {
  forLanes(mask, [&](int lane) {
    Exchange& exchange = *static_cast<Exchange*>(payloads[lane]);
    const int from = (exchange.source.kind == ShuffleKind::exclusiveOr ? lane ^ exchange.source.argument
                                                                       : exchange.source.argument) %
                     32;
    if ((mask >> from & 1) == 0) fail("a shuffle reads a lane outside its mask");
    exchange.taken = static_cast<Exchange*>(payloads[from])->given;
  });
}

struct Vote {
  bool predicate;
  std::uint32_t result;
};

void completeBallot(void* const (&payloads)[kLanes], std::uint32_t mask) {
  std::uint32_t votes = 0;
  forLanes(mask, [&](int lane) {
    votes |= static_cast<std::uint32_t>(static_cast<Vote*>(payloads[lane])->predicate) << lane;
  });
  forLanes(mask, [&](int lane) { static_cast<Vote*>(payloads[lane])->result = votes; });
}

void completeSyncWarp(void* const (&)[kLanes], std::uint32_t mask) { orderWarp(block.running / kLanes, mask); }

float lowHalf(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float highHalf(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000U); }

struct Product {
  float* d;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

// Lane l holds, with group = l / 4 and pair = 2 (l % 4), two neighbours of a row of A and D and of a column of B:
//   A  register r: row group + 8 (r % 2), columns pair + 8 (r / 2)
//   B  register r: column group, rows pair + 8 r
//   D  element i: row group + 8 (i / 2), column pair + i % 2
void completeMma(void* const (&payloads)[kLanes], std::uint32_t) {
  float a[16][16];
  float b[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const Product& product = *static_cast<const Product*>(payloads[lane]);
    const int group = lane / 4;
    const int pair = lane % 4 * 2;
    for (int r = 0; r < 4; ++r) {
      float* const to = &a[group + r % 2 * 8][pair + r / 2 * 8];
      to[0] = lowHalf(product.a[r]);
      to[1] = highHalf(product.a[r]);
    }
    for (int r = 0; r < 2; ++r) {
      b[pair + r * 8][group] = lowHalf(product.b[r]);
      b[pair + r * 8 + 1][group] = highHalf(product.b[r]);
    }
  }
  float d[16][8] = {};
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 16; ++k) {
      for (int column = 0; column < 8; ++column) d[row][column] += a[row][k] * b[k][column];
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    float* const to = static_cast<const Product*>(payloads[lane])->d;
    for (int i = 0; i < 4; ++i) to[i] += d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
  ++counters.mma;
}

struct MatrixLoad {
  std::uint32_t* matrices;
  const void* row;
};

template <bool kTransposed>
void completeLdmatrix(void* const (&payloads)[kLanes], std::uint32_t) {
  for (int m = 0; m < 4; ++m) {
    std::uint16_t rows[8][8];
    std::uint32_t banks = 0;
    for (int i = 0; i < 8; ++i) {
      const void* const row = static_cast<const MatrixLoad*>(payloads[m * 8 + i])->row;
      std::memcpy(rows[i], row, sizeof rows[i]);
      const std::uint32_t bank = 1U << (reinterpret_cast<std::uintptr_t>(row) / 16 % 8);
      if ((banks & bank) != 0) ++counters.bankConflicts;
      banks |= bank;
    }
    for (int lane = 0; lane < 32; ++lane) {
      const int group = lane / 4;
      const int pair = lane % 4 * 2;
      const std::uint32_t low = kTransposed ? rows[pair][group] : rows[group][pair];
      const std::uint32_t high = kTransposed ? rows[pair + 1][group] : rows[group][pair + 1];
      static_cast<const MatrixLoad*>(payloads[lane])->matrices[m] = low | high << 16;
    }
  }
  ++counters.ldmatrix;
}

}  // namespace

void syncWarp(std::uint32_t mask, Site site) { warpOperation(mask, "__syncwarp", nullptr, completeSyncWarp, site); }

std::uint32_t ballot(std::uint32_t mask, bool predicate, Site site) {
  Vote vote{predicate, 0};
  warpOperation(mask, "__ballot_sync", &vote, completeBallot, site);
  return vote.result;
}

std::uint64_t shuffleBits(std::uint32_t mask, std::uint64_t bits, ShuffleSource source, Site site) {
  Exchange exchange{bits, 0, source};
  warpOperation(mask, "a shuffle", &exchange, completeShuffle, site);
  return exchange.taken;
}

void mma(float* d, const std::uint32_t* a, const std::uint32_t* b, Site site) {
  Product product{d, a, b};
  warpOperation(0xffffffffU, "mma", &product, completeMma, site);
}

void ldmatrix(std::uint32_t* matrices, const void* row, bool transposed, Site site) {
  constexpr std::size_t kRowBytes = 16;
  if (reinterpret_cast<std::uintptr_t>(row) % kRowBytes != 0)
    fail("ldmatrix of a row that is not 16-byte aligned, " + describe(site));
  if (!inSharedMemory(row, kRowBytes)) fail("ldmatrix of a row outside the block's shared memory, " + describe(site));
  if (checking()) checkAccess(row, kRowBytes, AccessKind::read, accessAt(site));
  MatrixLoad load{matrices, row};
  warpOperation(0xffffffffU, "ldmatrix", &load, transposed ? completeLdmatrix<true> : completeLdmatrix<false>, site);
}

void copyAsync(void* shared, const void* global, int sourceBytes, Site site) {
  constexpr int kBytes = 16;
  if (sourceBytes < 0 || sourceBytes > kBytes)
    fail("cp.async of " + std::to_string(sourceBytes) + " bytes, " + describe(site));
  if (reinterpret_cast<std::uintptr_t>(shared) % kBytes != 0 ||
      reinterpret_cast<std::uintptr_t>(global) % kBytes != 0) {
    fail("cp.async with an address that is not 16-byte aligned, " + describe(site));
  }
  if (!inSharedMemory(shared, kBytes)) fail("cp.async to outside the block's shared memory, " + describe(site));
  if (checking()) {
    const Access access = accessOf(__builtin_return_address(0));
    if (sourceBytes > 0) checkAccess(global, static_cast<std::size_t>(sourceBytes), AccessKind::read, access);
    checkAccess(shared, kBytes, AccessKind::beginCopy, access);
  }
  std::memset(shared, options.fill, kBytes);
  Thread& self = threads[block.running];
  self.copies.push_back({shared, global, sourceBytes, self.group, site});
}

void commitCopies() { ++threads[block.running].group; }

void waitCopies(int pending) {
  constexpr std::size_t kBytes = 16;
  Thread& self = threads[block.running];
  std::size_t done = 0;
  while (done < self.copies.size() && self.copies[done].group < self.group - pending) {
    const PendingCopy& copy = self.copies[done++];
    char* const to = static_cast<char*>(copy.shared);
    const std::size_t bytes = static_cast<std::size_t>(copy.sourceBytes);
    if (bytes > 0) std::memcpy(to, copy.global, bytes);
    std::memset(to + bytes, 0, kBytes - bytes);
    if (checking()) checkAccess(to, kBytes, AccessKind::endCopy, accessAt(copy.site));
  }
  self.copies.erase(self.copies.begin(), self.copies.begin() + static_cast<std::ptrdiff_t>(done));
}

}  // namespace loratwin::emulation
