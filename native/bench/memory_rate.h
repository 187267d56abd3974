// How fast a thread reads and copies memory in order.
#pragma once

#include <cstddef>
#include <vector>

namespace loratwin::bench {

// Floats of one thread, written when made, so that every page is there.
class MemoryBuffer {
 public:
  explicit MemoryBuffer(std::size_t bytes);
  // Each `times` times; returns the bytes read and written.
  double read(int times);
  // The first half over the second.
  double copy(int times);

 private:
  std::vector<float> floats_;
};

}  // namespace loratwin::bench
