// Tiles by the instructions of AMX-TILE and AMX-BF16. Included by tiles.h.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 (LDTILECFG, TDPBF16PS and others)
#pragma once

#if defined(LORATWIN_TILES)

#include "tile_configuration.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

// 0 without tiles
inline thread_local std::int64_t tileSteps = 0;

inline void configureTiles(std::int64_t steps) {
  TileConfiguration configuration;
  for (int tile = 0; tile < 8; ++tile) {
    const bool isLeft = tile >= kLeftTile && tile < kRightTile;
    configuration.rowBytes[tile] = static_cast<std::uint16_t>(isLeft ? 4 * steps : 64);
    configuration.rows[tile] = static_cast<std::uint8_t>(tile >= kRightTile ? steps : kTileRows);
  }
  asm volatile("ldtilecfg %0" ::"m"(configuration));
  tileSteps = steps;
}

inline void releaseTiles() {
  asm volatile("tilerelease");
  tileSteps = 0;
}

// %c: a number as it stands
template <int kTile>
inline void zeroTile() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
template <int kTile>
inline void loadTile(const void* first, std::int64_t bytes) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(first), "r"(bytes) : "memory");
}
template <int kTile>
inline void storeTile(void* first, std::int64_t bytes) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(first), "r"(bytes) : "memory");
}
template <int kSums, int kLeft, int kRight>
inline void multiplyTiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kLeft), "i"(kRight));
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA

#endif
