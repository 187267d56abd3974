// Rows of a run and places of its pairs (route.h): P = T k places, pair t k + j is row t's j-th expert
//
//   gather_rows        y[p] = x[order[p] / k]
//   combine            y[t] = (residual[t] +) sum over j of weights[t, j] x[places[t k + j]]      no weights: all 1
//   combine_backward   dweights[t, j] = <dy[t], x[p]>,  dx[p] = weights[t, j] dy[t],  p = places[t k + j]
//
//   x of gather_rows, y of combine, dy [T,C]   the other x, y, dx [P,C]   weights, dweights [T,k]   order, places [P]
//   row major, no gaps, outputs overwritten; the residual may be y itself, dx of combine_backward x.
//   Store: float32 or bfloat16. Weights, residual and arithmetic f32; j in order, what is rounded is rounded once.
//   gather_rows' backward is combine without weights.
//   NMSE against the reference: 1e-12; of a bfloat16 output 6e-6
// All throw std::invalid_argument for an order or places beyond 0 .. P - 1.
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

template <class Store>
struct GatherRowsT {
  const Store* x;
  const std::int32_t* order;
  Store* y;
  std::int32_t rows;    // T
  std::int32_t perRow;  // k
  std::int32_t columns;
};
using GatherRows = GatherRowsT<float>;
using GatherRowsBf16 = GatherRowsT<Bf16>;

template <class Real, class Store = Real, class Out = Store>
struct CombineT {
  const Store* x;
  const std::int32_t* places;
  const Real* weights;   // null: 1
  const Real* residual;  // null: none; else Out is Real
  Out* y;
  std::int32_t rows;
  std::int32_t perRow;
  std::int32_t columns;
};
using Combine = CombineT<float>;
using CombineBf16 = CombineT<float, Bf16>;
using CombineBf16F32 = CombineT<float, Bf16, float>;

template <class Real, class Store = Real>
struct CombineBackwardT {
  const Store* dy;
  const Store* x;
  const std::int32_t* places;
  const Real* weights;
  Store* dx;
  Real* dweights;
  std::int32_t rows;
  std::int32_t perRow;
  std::int32_t columns;
};
using CombineBackward = CombineBackwardT<float>;
using CombineBackwardBf16 = CombineBackwardT<float, Bf16>;

void gather_rows(ExecContext& context, const GatherRows& op);
void gather_rows(ExecContext& context, const GatherRowsBf16& op);
void combine(ExecContext& context, const Combine& op);
void combine(ExecContext& context, const CombineBf16& op);
void combine(ExecContext& context, const CombineBf16F32& op);
void combine_backward(ExecContext& context, const CombineBackward& op);
void combine_backward(ExecContext& context, const CombineBackwardBf16& op);

namespace ref {
template <class Real>
void gather_rows(const GatherRowsT<Real>& op);
template <class Real>
void combine(const CombineT<Real>& op);
template <class Real>
void combine_backward(const CombineBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
