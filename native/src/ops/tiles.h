// Tiles, what AMX multiplies: eight registers of 16 rows of 64 bytes. One holds 16 x 16 sums in f32, 16 rows of pairs
// of bfloat16s (units.h) along K, a left operand, or pairs of 16 columns, a step along K a row, a right one.
//
//   zeroTile<t>()  loadTile<t>(first row, bytes from row to row)  storeTile<t>(likewise)
//   multiplyTiles<c, a, b>()   c[m,n] += sum_k a[m,k] b[k,n]   m, n < 16; k: steps of two elements, in order, in f32;
//                              subnormals count as 0
//
// Tiles are a thread's own, and there while it has a TileUse. setTileSteps says how many steps along K operands have;
// tiles 0 .. 3 are sums, 4 and 5 left operands, 6 and 7 right ones. What tiles hold is lost by it.
// tiles_amx.h: the instructions. tiles_plain.h: the same for any processor, for tests.
#pragma once

#include <cstdint>

#include "units.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kTileUnits = 16;  // of a row: 64 bytes
constexpr int kLeftTile = 4;             // the first of two
constexpr int kRightTile = 6;            // likewise

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA

#if defined(LORATWIN_ISA_AVX512)
#include "tiles_amx.h"
#elif defined(LORATWIN_TILES)
#include "tiles_plain.h"
#endif

namespace loratwin::ops::LORATWIN_ISA {
namespace {

#if defined(LORATWIN_TILES)
// Tiles of a thread, from its first setTileSteps on: what multiplies floats alone configures none.
class TileUse {
 public:
  TileUse() = default;
  ~TileUse() {
    if (tileSteps != 0) releaseTiles();
  }
  TileUse(const TileUse&) = delete;
  TileUse& operator=(const TileUse&) = delete;
};

inline void setTileSteps(std::int64_t steps) {
  if (steps != tileSteps) configureTiles(steps);
}
#else
struct TileUse {};
#endif

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
