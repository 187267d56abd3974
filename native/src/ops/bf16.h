// bfloat16: the upper half of a float, as storage of what frozen products read and write. Arithmetic is always f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace loratwin::ops {

struct Bf16 {
  std::uint16_t bits;
};

inline float toFloat(Bf16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// To nearest, ties to even; NaN stays a (quiet) NaN.
inline Bf16 toBf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}

// Two steps along K, what AVX512_BF16 and AMX multiply at once (units.h).
struct Pair {
  Bf16 even;
  Bf16 odd;
};

// As products of pairs take an element: a subnormal one counts as 0.
inline float toNormalFloat(Bf16 x) {
  constexpr float kLeast = 1.17549435e-38F;
  const float value = toFloat(x);
  return value > -kLeast && value < kLeast ? 0.0F : value;
}

// How a tensor's elements are stored.
enum class DType { float32, bfloat16 };

constexpr std::size_t sizeOf(DType type) { return type == DType::float32 ? sizeof(float) : sizeof(Bf16); }

constexpr const char* dtypeName(DType type) { return type == DType::float32 ? "float32" : "bfloat16"; }

template <class Store>
constexpr DType dtypeOf() {
  static_assert(sizeof(Store) == sizeof(float) || sizeof(Store) == sizeof(Bf16));
  return sizeof(Store) == sizeof(float) ? DType::float32 : DType::bfloat16;
}

// body(Store{}) with the storage type.
template <class Body>
void withStore(DType type, Body&& body) {
  if (type == DType::float32) {
    body(float{});
  } else {
    body(Bf16{});
  }
}

}  // namespace loratwin::ops
