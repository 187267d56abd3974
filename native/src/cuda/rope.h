// rope: rotary embedding in place, or its inverse (which is its transpose, hence its backward)
//
//   angle = position frequencies[i];  (a, b) = (x[i], x[F + i]), with `pairs` (x[2i], x[2i + 1])
//   (a, b)  ->  factor (a cos - b sin, b cos + a sin);  inverse: sin -> -sin, by the same factor
//   x [T, >= column + heads D] stride ld: the heads are columns column + h D ..; a head's columns from 2F on are left
//   as they are   D = headDim, even   1 <= F <= D/2 positions [T]: the row's index within its sequence   rotations [P,
//   F] of {cos, sin}, P > every position, formed in f64 and rounded once by the host   longRotations [P, F], or null:
//   those of rows of sequences of more than longFrom rows   ends [T]: one past the last row of the row's sequence, null
//   without longRotations Rotation f32, x float32 or bfloat16, rounded once. NMSE against the reference: 1e-12 (f32),
//   6e-6 (bfloat16) Source: Su et al. 2021, in the half-split form of Llama checkpoints; more in ops/rope.h
#pragma once

#include <cstdint>
#include <vector>

#include "ops/bf16.h"

namespace loratwin::cuda {

struct Rotation {
  float cosine;
  float sine;
};

std::vector<Rotation> rotations(const std::vector<float>& frequencies, std::int32_t positions);

template <class Store>
struct RopeT {
  const std::int32_t* positions;
  const Rotation* rotations;
  Store* x;
  std::int64_t ld;
  std::int32_t rows;  // T
  std::int32_t column;
  std::int32_t heads;
  std::int32_t headDim;
  std::int32_t turned;  // F
  bool inverse;
  bool pairs = false;
  float factor = 1.0F;
  const Rotation* longRotations = nullptr;
  const std::int32_t* ends = nullptr;
  std::int32_t longFrom = 0;
};
using Rope = RopeT<float>;
using RopeBf16 = RopeT<ops::Bf16>;

void rope(const Rope& op, void* stream);
void rope(const RopeBf16& op, void* stream);

}  // namespace loratwin::cuda
