// temperature: x[t, column .. column + columns] *= 1 + scale ln(1 + floor((position + 1) / step)), in place; its own
// backward
//
//   x [T, >= column + columns] stride ld, float32 or bfloat16, rounded once   position = the row's place in its whole
//   sequence   step > 0. Rows first .. last - 1 are multiplied, of 0 .. T. The factor is formed in f64 and rounded to
//   f32. NMSE against the reference: 1e-13 (f32), 6e-6 (bfloat16) Source: queries of layers without rotary positions in
//   Llama 4
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"
#include "segments.h"

namespace loratwin::ops {

template <class Store>
struct TemperatureT {
  Sequences sequences;
  Store* x;
  std::int64_t ld;
  std::int32_t column;
  std::int32_t columns;
  float scale;
  float step;
  std::int64_t first;
  std::int64_t last;
};
using Temperature = TemperatureT<float>;
using TemperatureBf16 = TemperatureT<Bf16>;

void temperature(ExecContext& context, const Temperature& op);
void temperature(ExecContext& context, const TemperatureBf16& op);

namespace ref {
template <class Real>
void temperature(const TemperatureT<Real>& op);
}

}  // namespace loratwin::ops
