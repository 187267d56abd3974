#include "memory_rate.h"

#include <cstring>

namespace loratwin::bench {

namespace {

volatile float sink;

typedef float Vector16 __attribute__((vector_size(16)));
typedef float Vector64 __attribute__((vector_size(64)));

template <class Vector>
[[gnu::always_inline]] inline void sumAll(const float* data, std::size_t count) {
  constexpr std::size_t kLanes = sizeof(Vector) / sizeof(float);
  constexpr std::size_t kVectors = 8;
  Vector sum[kVectors] = {};
  for (std::size_t i = 0; i + kVectors * kLanes <= count; i += kVectors * kLanes) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      Vector next;
      std::memcpy(&next, data + i + v * kLanes, sizeof next);
      sum[v] += next;
    }
  }
  Vector total = sum[0];
  for (std::size_t v = 1; v < kVectors; ++v) total += sum[v];
  sink = total[0];
}

template <class Vector>
[[gnu::always_inline]] inline void copyAll(const float* from, float* to, std::size_t count) {
  constexpr std::size_t kLanes = sizeof(Vector) / sizeof(float);
  for (std::size_t i = 0; i + kLanes <= count; i += kLanes) {
    Vector v;
    std::memcpy(&v, from + i, sizeof v);
    std::memcpy(to + i, &v, sizeof v);
  }
}

#if defined(__x86_64__)
[[gnu::target("avx512f,prefer-vector-width=512")]] void sumAvx512(const float* data, std::size_t count) {
  sumAll<Vector64>(data, count);
}
[[gnu::target("avx512f,prefer-vector-width=512")]] void copyAvx512(const float* from, float* to, std::size_t count) {
  copyAll<Vector64>(from, to, count);
}
const bool kWide = __builtin_cpu_supports("avx512f") != 0;
#else
const bool kWide = false;
void sumAvx512(const float*, std::size_t) {}
void copyAvx512(const float*, float*, std::size_t) {}
#endif

}  // namespace

MemoryBuffer::MemoryBuffer(std::size_t bytes) : floats_(bytes / sizeof(float), 1.0F) {}

double MemoryBuffer::read(int times) {
  for (int i = 0; i < times; ++i) (kWide ? sumAvx512 : sumAll<Vector16>)(floats_.data(), floats_.size());
  return static_cast<double>(floats_.size() * sizeof(float)) * times;
}

double MemoryBuffer::copy(int times) {
  const std::size_t half = floats_.size() / 2;
  for (int i = 0; i < times; ++i) {
    (kWide ? copyAvx512 : copyAll<Vector16>)(floats_.data(), floats_.data() + half, half);
  }
  return static_cast<double>(2 * half * sizeof(float)) * times;
}

}  // namespace loratwin::bench
