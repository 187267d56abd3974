// temperature: x[t, column .. column + columns] *= 1 + scale ln(1 + floor((position + 1) / step)), in place; its own
// backward
//
//   x [T, >= column + columns] stride ld, float32 or bfloat16, rounded once   positions [T]: the row's index within its
//   sequence, below 2^24   step > 0   f32, the floor exact. NMSE against the reference: 1e-13 (f32), 6e-6 (bfloat16)
//   Source: see ops/temperature.h
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct TemperatureT {
  const std::int32_t* positions;
  Store* x;
  std::int64_t ld;
  std::int32_t rows;  // T
  std::int32_t column;
  std::int32_t columns;
  float scale;
  float step;
};
using Temperature = TemperatureT<float>;
using TemperatureBf16 = TemperatureT<ops::Bf16>;

void temperature(const Temperature& op, void* stream);
void temperature(const TemperatureBf16& op, void* stream);

}  // namespace loratwin::cuda
