// How fast a thread reads memory in order.
#pragma once

#include <cstddef>
#include <vector>

namespace loratwin::bench {

// Floats of one thread, written when made, so that every page is there.
class ReadBuffer {
 public:
  explicit ReadBuffer(std::size_t bytes);
  std::size_t bytes() const;
  // Reads everything `times` times.
  void read(int times) const;

 private:
  std::vector<float> floats_;
};

}  // namespace loratwin::bench
