#include "read_rate.h"

namespace loratwin::bench {

namespace {

volatile float sink;

typedef float Vector16 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float Vector64 __attribute__((vector_size(64), aligned(4), may_alias));

template <class Vector>
[[gnu::always_inline]] inline void sumAll(const float* data, std::size_t count) {
  constexpr std::size_t kLanes = sizeof(Vector) / sizeof(float);
  constexpr std::size_t kVectors = 8;
  Vector sum[kVectors] = {};
  for (std::size_t i = 0; i + kVectors * kLanes <= count; i += kVectors * kLanes) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) sum[v] += *reinterpret_cast<const Vector*>(data + i + v * kLanes);
  }
  Vector total = sum[0];
  for (std::size_t v = 1; v < kVectors; ++v) total += sum[v];
  sink = total[0];
}

#if defined(__x86_64__)
[[gnu::target("avx512f,prefer-vector-width=512")]] void sumAvx512(const float* data, std::size_t count) {
  sumAll<Vector64>(data, count);
}
#endif

}  // namespace

ReadBuffer::ReadBuffer(std::size_t bytes) : floats_(bytes / sizeof(float), 1.0F) {}

std::size_t ReadBuffer::bytes() const { return floats_.size() * sizeof(float); }

void ReadBuffer::read(int times) const {
  for (int i = 0; i < times; ++i) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
      sumAvx512(floats_.data(), floats_.size());
      continue;
    }
#endif
    sumAll<Vector16>(floats_.data(), floats_.size());
  }
}

}  // namespace loratwin::bench
