// The cache that a core has to itself: its second-level one.
#pragma once

#include <unistd.h>

#include <cstdint>

namespace loratwin {

// Bytes; 1 MiB where the system does not tell.
inline std::int64_t ownCacheBytes() {
  static const std::int64_t bytes = [] {
#if defined(_SC_LEVEL2_CACHE_SIZE)
    const long told = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (told > 0) return static_cast<std::int64_t>(told);
#endif
    return std::int64_t{1} << 20;
  }();
  return bytes;
}

}  // namespace loratwin
