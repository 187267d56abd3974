// embed: out[t, :] = scale table[ids[t], :]
//
//   table [V,H]   ids [T]   out [T,H]     row major, out overwritten, f32; table float32 or bfloat16. Exact but for the
//   rounding of a product by a scale that is not 1.
// Throws std::invalid_argument when an id is outside 0 .. V-1.
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

template <class Real, class Store = Real>
struct EmbedT {
  const Store* table;
  const std::int32_t* ids;
  Real* out;
  std::int32_t rows;        // T
  std::int32_t hidden;      // H
  std::int32_t vocabulary;  // V
  float scale = 1.0F;
};
using Embed = EmbedT<float>;
using EmbedBf16 = EmbedT<float, Bf16>;

void embed(ExecContext& context, const Embed& op);
void embed(ExecContext& context, const EmbedBf16& op);

namespace ref {
template <class Real>
void embed(const EmbedT<Real>& op);
}

}  // namespace loratwin::ops
