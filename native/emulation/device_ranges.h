// The buffers that kernels may touch. For the emulation's own files only.
#pragma once

#include <cstddef>
#include <vector>

#include "emulation/checker.h"
#include "emulation/traffic.h"

namespace loratwin::emulation {

struct DeviceRange {
  char* data;
  std::size_t bytes;
  const char* name;
  char* mapping;  // with its guard pages
  std::size_t mappingBytes;
  Cell* shadow;
  Sector* sectors;
};

const std::vector<DeviceRange>& deviceRanges();        // by address
const DeviceRange* nearestRange(const void* pointer);  // whose mapping, guard pages included, holds it; or null

}  // namespace loratwin::emulation
