// expert_matmul:           y[p]  = x[p] W[e]^T (+ bias[e])     e: the expert of place p (route.h)
// expert_matmul_backward:  dx[p] = dy[p] W[e]
//
//   x, dx [P,K] strides ldx, lddx   y, dy [P,N] strides ldy, lddy   W [E,N,K] frozen   bias [E,N]
//   starts [E + 1]: expert e has rows starts[e] .. starts[e + 1], may have none; starts[0] = 0, starts[E] = P
//   row major, outputs overwritten; all of the weight's type, bias f32, accumulation f32.
//   Each expert's rows are a product of matmul.h: a row has the same bits whatever rows its expert has beside it. With
//   a row that is its expert's only one, its neighbour is multiplied too, into `scratch`: oneDNN adds a single row's
//   products up in another order. One parallel region has the products of all experts: no thread waits between them.
//   NMSE against the reference: as matmul's
// Both throw std::invalid_argument for starts that are none of P rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "matmul.h"
#include "size.h"

namespace loratwin::ops {

struct ExpertMatmul {
  const void* x;
  std::int64_t ldx;
  std::span<const PackedMatrix> weights;  // E of one shape and type
  void* y;
  std::int64_t ldy;
  const float* bias;  // [E,N] or null
  const std::int32_t* starts;
  std::int32_t rows;   // P
  std::byte* scratch;  // expertMatmulScratchBytes(K, N)
};

struct ExpertMatmulBackward {
  const void* dy;
  std::int64_t lddy;
  std::span<const PackedMatrix> weights;  // made with backward = true
  void* dx;
  std::int64_t lddx;
  const std::int32_t* starts;
  std::int32_t rows;
  std::byte* scratch;  // expertMatmulScratchBytes(K, N)
};

// Two rows of the input and two of the output, of any type; the same in both directions.
constexpr std::size_t expertMatmulScratchBytes(std::size_t in, std::size_t out) {
  return ((Size(in) * 8).roundedUp(64) + (Size(out) * 8).roundedUp(64)).value();
}

// As prepare_matmul is to matmul.
void prepare_expert_matmul(MatmulEngine& engine, const ExpertMatmul& op);
void prepare_expert_matmul_backward(MatmulEngine& engine, const ExpertMatmulBackward& op);

void expert_matmul(ExecContext& context, MatmulEngine& engine, const ExpertMatmul& op);
void expert_matmul_backward(ExecContext& context, MatmulEngine& engine, const ExpertMatmulBackward& op);

namespace ref {
template <class Real>
struct ExpertMatmulT {
  const Real* x;
  std::int64_t ldx;
  const Real* weight;  // [E,N,K]
  Real* y;
  std::int64_t ldy;
  const Real* bias;
  const std::int32_t* starts;
  std::int32_t experts;
  std::int32_t outFeatures;
  std::int32_t inFeatures;
};
template <class Real>
struct ExpertMatmulBackwardT {
  const Real* dy;
  std::int64_t lddy;
  const Real* weight;
  Real* dx;
  std::int64_t lddx;
  const std::int32_t* starts;
  std::int32_t experts;
  std::int32_t outFeatures;
  std::int32_t inFeatures;
};
template <class Real>
void expert_matmul(const ExpertMatmulT<Real>& op);
template <class Real>
void expert_matmul_backward(const ExpertMatmulBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
