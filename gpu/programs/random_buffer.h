// Device memory full of different numbers: multiplying equal ones takes less power, and so less time than real work.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "bench_device.h"
#include "ops/bf16.h"

namespace loratwin::gpu {

template <class Store>
class RandomBuffer {
 public:
  RandomBuffer(std::size_t count, const char* name) : buffer_(count, name) {
    static const std::vector<Store> block = makeBlock();
    for (std::size_t at = 0; at < count; at += block.size()) {
      upload(buffer_.data() + at, block.data(), std::min(block.size(), count - at) * sizeof(Store), name);
    }
  }
  Store* data() const { return buffer_.data(); }

 private:
  static std::vector<Store> makeBlock() {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0.0F, 0.1F);
    std::vector<Store> values(1 << 20);
    for (Store& value : values) {
      if constexpr (sizeof(Store) == 1) {
        value = static_cast<Store>(random() & 0x7f);
      } else if constexpr (sizeof(Store) == sizeof(float)) {
        value = normal(random);
      } else {
        value = ops::toBf16(normal(random));
      }
    }
    return values;
  }

  DeviceBuffer<Store> buffer_;
};

}  // namespace loratwin::gpu
