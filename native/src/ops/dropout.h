// dropout: keep(row, column) from a counter-based hash, independent of packing, neighbours, threads and device.
//
//   (h0, h1) = halves of  mix64(mix64(seed1:seed0 + golden) ^ mix64(target:rowKey + golden'))      once a row
//   bits     = mix32(mix32(column + h0) ^ h1)                                                       once an element
//   keep     = bits >= floor(p * 2^32);   a kept value is multiplied by 1 / (1 - p)
//
//   mix64: splitmix64's finalizer (Steele, Lea, Flood 2014).  mix32: lowbias32 (C.
//   Wellons, "Prospecting for hash functions", 2018)
#pragma once

#include <cstdint>

namespace loratwin::ops {

struct DropoutRow {
  std::uint32_t h0;
  std::uint32_t h1;
};

static constexpr std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

static constexpr std::uint32_t mix32(std::uint32_t v) {
  v = (v ^ (v >> 16)) * 0x7feb352dU;
  v = (v ^ (v >> 15)) * 0x846ca68bU;
  return v ^ (v >> 16);
}

static constexpr DropoutRow dropoutRow(const std::uint32_t seed[2], std::int32_t rowKey, std::uint32_t target) {
  const std::uint64_t seed64 = (std::uint64_t{seed[1]} << 32) | seed[0];
  const std::uint64_t place = (std::uint64_t{target} << 32) | static_cast<std::uint32_t>(rowKey);
  const std::uint64_t h = mix64(mix64(seed64 + 0x9e3779b97f4a7c15ULL) ^ mix64(place + 0xd1b54a32d192ed03ULL));
  return {static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(h >> 32)};
}

static constexpr std::uint32_t dropoutThreshold(float p) {
  return static_cast<std::uint32_t>(static_cast<double>(p) * 4294967296.0);
}

static constexpr bool dropoutKeep(DropoutRow row, std::uint32_t column, std::uint32_t threshold) {
  return mix32(mix32(column + row.h0) ^ row.h1) >= threshold;
}

}  // namespace loratwin::ops
