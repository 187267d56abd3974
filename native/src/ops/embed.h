// embed: out[t, :] = table[ids[t], :]
//
//   table [V,H]   ids [T]   out [T,H]     row major, out overwritten, f32. Exact.
// Throws std::invalid_argument when an id is outside 0 .. V-1.
#pragma once

#include <cstdint>

#include "exec_context.h"

namespace loratwin::ops {

template <class Real>
struct EmbedT {
  const Real* table;
  const std::int32_t* ids;
  Real* out;
  std::int32_t rows;        // T
  std::int32_t hidden;      // H
  std::int32_t vocabulary;  // V
};
using Embed = EmbedT<float>;

void embed(ExecContext& context, const Embed& op);

namespace ref {
template <class Real>
void embed(const EmbedT<Real>& op);
}

}  // namespace loratwin::ops
