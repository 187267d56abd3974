// head_loss: cross-entropy of the output head over the scored rows, and its gradient, without the T x V logits
//
//   z = x W^T, with an adapter g on the head + scale_g (drop_g(x) A_g^T) B_g^T;  l = z, or scale z, or with a softcap c
//   tanh(scale z / c); loss[t] = log sum_v exp l[t,v] - l[t, target[t]];  losses[g] = sum of loss[t] over the segment's
//   scored rows dx = d(sum_g lossScale_g losses[g]) / dx = lossScale_g dl/dz (softmax(l) - onehot(target)) W;  rows not
//   scored: 0 dl/dz = 1, or scale, or scale (1 - (l / c)^2) with an adapter dx + drop_g'(ds A_g), dA_g += ds^T
//   drop_g(x), dB_g += scale_g dz^T s, ds = scale_g dz B_g (lora.h)
//
//   x, dx [T,H] without gaps; dx may not be x   W [V,H] packed both ways   x has the weight's type, dx is f32
//   targets [T], already shifted, -1 = not scored
//   Rows outside every segment are not scored. Scored rows are gathered into tiles of tileRows, of one adapter each;
//   z becomes the gradient in place (a bfloat16 gradient in the front half of its row). With a cap it is tanhs on the
//   way, and the gradient takes its exponentials anew.
//   f32 logits and accumulation; a row's loss is f64 from an f32 sum of exponentials;
//   losses summed in f64 in row order.
//   NMSE against the reference: 1e-10 (dx), 1e-6 relative (losses)
// Throws std::invalid_argument when a target is outside -1 .. V-1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec_context.h"
#include "logits_kind.h"
#include "lora.h"
#include "matmul.h"
#include "segments.h"
#include "size.h"
#include "token_rows.h"

namespace loratwin::ops {

struct HeadLoss {
  const LossSegment* segments;
  std::int32_t segmentCount;
  const std::int32_t* targets;
  const void* x;
  const PackedMatrix* weight;  // N = V, K = H
  float* dx;                   // null: losses only (evaluation)
  float* logits;               // headLossScratchBytes(tileRows, H, V, the weight's type)
  std::int32_t tileRows;
  std::int32_t rows;  // T
  double* losses;     // [segmentCount], overwritten
  LogitsKind kind{};
  // Adapters on the head, by rows of the run; null: none. lds: at least the largest rank.
  const LoraSegments* adapters = nullptr;
  std::int64_t lds = 0;
  // Rows of adapters in place of the head's (token_rows.h), at most so many of one.
  TokenSegments tokens{};
  std::int64_t tokenColumns = 0;
};

// logits [tileRows,V], gathered x (the weight's type) and dx [tileRows,H], row losses f64 [tileRows], row and segment
// indices i32 [tileRows] each; each part rounded up to 64 bytes. With adapters (lds > 0) also s [tileRows,lds], the
// scratch of their backward, and row keys i32 [tileRows]; last, with rows of adapters, g f32 [tileRows,tokenColumns].
constexpr std::size_t headLossScratchBytes(std::size_t tileRows, std::size_t hidden, std::size_t vocabulary, DType type,
                                           std::size_t lds = 0, std::size_t tokenColumns = 0) {
  const auto part = [tileRows](std::size_t columns, std::size_t bytes) {
    return (Size(tileRows) * columns * bytes).roundedUp(64);
  };
  const Size plain = part(vocabulary, 4) + part(hidden, sizeOf(type)) + part(hidden, 4) + part(1, 8) + part(1, 4) * 2 +
                     part(tokenColumns, 4);
  if (lds == 0) return plain.value();
  const Size backward = Size(loraBackwardScratchBytes(tileRows, lds, 1, type)).roundedUp(64);
  return (plain + part(lds, sizeOf(type)) + backward + part(1, 4)).value();
}

// Makes the products' primitives beforehand.
void prepare_head_loss(MatmulEngine& engine, const PackedMatrix& weight, bool gradient);
void head_loss(ExecContext& context, MatmulEngine& engine, const HeadLoss& op);

namespace ref {
template <class Real>
struct HeadLossT {
  const LossSegment* segments;
  std::int32_t segmentCount;
  const std::int32_t* targets;
  const Real* x;
  const Real* weight;  // [V,H]
  Real* dx;
  std::int32_t rows;
  std::int32_t hidden;
  std::int32_t vocabulary;
  double* losses;
  LogitsKind kind{};
};
template <class Real>
void head_loss(const HeadLossT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
