// What LDTILECFG reads: rows of each tile, and bytes of a row (Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2).
#pragma once

#include <cstdint>

namespace loratwin::ops {

struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t startRow = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t rowBytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfiguration) == 64);

}  // namespace loratwin::ops
