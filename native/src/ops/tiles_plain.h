// Tiles as arrays of a thread. Included by tiles.h.
#pragma once

#include <cstdlib>

namespace loratwin::ops::LORATWIN_ISA {
namespace {

// 0 without tiles
inline thread_local std::int64_t tileSteps = 0;

union PlainTile {
  float sums[kTileRows][kTileUnits];
  Pair units[kTileRows][kTileUnits];
};
inline thread_local PlainTile plainTiles[8];

inline void configureTiles(std::int64_t steps) {
  std::memset(plainTiles, 0, sizeof plainTiles);
  tileSteps = steps;
}
inline void releaseTiles() { tileSteps = 0; }

// As the processor would: there are no tiles without a configuration.
template <int kTile>
inline PlainTile& tileAt() {
  if (tileSteps == 0) std::abort();
  return plainTiles[kTile];
}

template <int kTile>
constexpr bool kIsLeft = kTile >= kLeftTile && kTile < kRightTile;

template <int kTile>
inline void zeroTile() {
  std::memset(&tileAt<kTile>(), 0, sizeof(PlainTile));
}
template <int kTile>
inline void loadTile(const void* first, std::int64_t bytes) {
  PlainTile& tile = tileAt<kTile>();
  const std::int64_t rows = kTile >= kRightTile ? tileSteps : kTileRows;
  const std::size_t rowBytes = kIsLeft<kTile> ? static_cast<std::size_t>(tileSteps) * sizeof(Pair) : 64;
  for (std::int64_t r = 0; r < rows; ++r) {
    std::memcpy(tile.units[r], static_cast<const char*>(first) + r * bytes, rowBytes);
  }
}
template <int kTile>
inline void storeTile(void* first, std::int64_t bytes) {
  const PlainTile& tile = tileAt<kTile>();
  for (std::int64_t r = 0; r < kTileRows; ++r) {
    std::memcpy(static_cast<char*>(first) + r * bytes, tile.sums[r], sizeof tile.sums[r]);
  }
}

template <int kSums, int kLeft, int kRight>
inline void multiplyTiles() {
  PlainTile& sums = tileAt<kSums>();
  const PlainTile& left = tileAt<kLeft>();
  const PlainTile& right = tileAt<kRight>();
  for (std::int64_t m = 0; m < kTileRows; ++m) {
    for (std::int64_t k = 0; k < tileSteps; ++k) {
      const Pair a = left.units[m][k];
      for (std::int64_t n = 0; n < kTileUnits; ++n) {
        const Pair b = right.units[k][n];
        sums.sums[m][n] += toNormalFloat(a.even) * toNormalFloat(b.even);
        sums.sums[m][n] += toNormalFloat(a.odd) * toNormalFloat(b.odd);
      }
    }
  }
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
