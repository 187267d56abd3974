// rope: rotary embedding in place, or its inverse (which is its transpose, hence its backward)
//
//   angle = position frequencies[i];  (a, b) = (x[i], x[F + i]), with `pairs` (x[2i], x[2i + 1])
//   (a, b)  ->  factor (a cos - b sin, b cos + a sin);  inverse: sin -> -sin, by the same factor
//   x [T, >= column + heads D] stride ld: the heads are columns column + h D ..; a head's columns from 2F on are left
//   as they are   frequencies [F], 1 <= F <= D/2   longFrequencies [F], or null: those of sequences of more than
//   longFrom rows   D = headDim, even position = the row's place in its whole sequence. Rows first .. last - 1 are
//   rotated, of 0 .. T. The angle is formed and reduced in f64, the rotation is f32; x is float32 or bfloat16, rounded
//   once. NMSE against the reference: 1e-12 (f32), 6e-6 (bfloat16) Source: Su et al. 2021, in the half-split form of
//   Llama checkpoints; in pairs as in Llama 4; of a head's part as in Phi; long frequencies and factor of LongRoPE
//   (Ding et al. 2024) and YaRN (Peng et al. 2023)
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"
#include "segments.h"

namespace loratwin::ops {

template <class Store>
struct RopeT {
  Sequences sequences;
  Store* x;
  std::int64_t ld;
  std::int32_t column;
  std::int32_t heads;
  std::int32_t headDim;
  const float* frequencies;
  std::int32_t turned;  // F
  bool inverse;
  std::int64_t first;
  std::int64_t last;
  bool pairs = false;
  float factor = 1.0F;
  const float* longFrequencies = nullptr;
  std::int32_t longFrom = 0;
};
using Rope = RopeT<float>;
using RopeBf16 = RopeT<Bf16>;

// headDim at most 1024; no scratch
void rope(ExecContext& context, const Rope& op);
void rope(ExecContext& context, const RopeBf16& op);

namespace ref {
template <class Real>
void rope(const RopeT<Real>& op);
}

}  // namespace loratwin::ops
