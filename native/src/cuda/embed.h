// embed: out[t, :] = scale table[ids[t], :]
//
//   table [V,H] float32 or bfloat16   ids [T], each 0 .. V-1 (not checked here)   out [T,H] f32
//   row major without gaps, out overwritten. Exact but for the rounding of a product by a scale that is not 1.
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct EmbedT {
  const Store* table;
  const std::int32_t* ids;
  float* out;
  std::int32_t rows;    // T
  std::int32_t hidden;  // H
  float scale = 1.0F;
};
using Embed = EmbedT<float>;
using EmbedBf16 = EmbedT<ops::Bf16>;

void embed(const Embed& op, void* stream);
void embed(const EmbedBf16& op, void* stream);

}  // namespace loratwin::cuda
