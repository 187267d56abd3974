// route: which experts a row has, how much each counts, and where its pairs stand
//
//   chosen[t, j] = the j-th largest logit's expert, of equal ones the lower; NaN counts as less than all numbers
//   weights[t, j] = exp(l_j) / sum over the k chosen of exp(l_i)        `normalized`
//                   exp(l_j) / sum over all E of exp(l_e)               otherwise
//   order   the pairs t k + j, by (expert, t), at places 0 .. P - 1     places[order[p]] = p
//   starts  expert e has places starts[e] .. starts[e + 1]; starts[E] = P = T k
//
// route_backward: with S = sum over j of weights[t, j] dweights[t, j]
//
//   dlogits[t, e] = weights_e (dweights_e - S) at the k chosen, 0 elsewhere    `normalized`
//                   p_e ([chosen] dweights_e - S), p the softmax of all E      otherwise
//
//   logits, dlogits [T,E]   chosen [T,k], weights, dweights [T,k]   order, places [P]   starts [E + 1]   no gaps
//   1 <= k <= E. `normalized` is also the softmax over all E divided by the sum of its k.
//   Logits f32, exponentials f32, sums f64 in the order of the columns. NMSE against the reference: 1e-12
//   Source: transformers 5.24, Qwen3MoeTopKRouter, MixtralTopKRouter, GptOssTopKRouter
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec_context.h"

namespace loratwin::ops {

template <class Real>
struct RouteT {
  const Real* logits;
  std::int32_t rows;     // T
  std::int32_t experts;  // E
  std::int32_t perRow;   // k
  bool normalized;
  std::int32_t* chosen;
  Real* weights;
  std::int32_t* order;
  std::int32_t* places;
  std::int32_t* starts;
};
using Route = RouteT<float>;

template <class Real>
struct RouteBackwardT {
  const Real* dweights;
  const Real* logits;  // read unless `normalized`
  const std::int32_t* chosen;
  const Real* weights;
  std::int32_t rows;
  std::int32_t experts;
  std::int32_t perRow;
  bool normalized;
  Real* dlogits;
};
using RouteBackward = RouteBackwardT<float>;

// Places first .. end - 1.
struct PlaceRange {
  std::int32_t first;
  std::int32_t end;
};

// Those of the expert whose rows are rowStart .. rowEnd - 1: neighbours, since an expert's are in order of their rows.
PlaceRange placesOf(const std::int32_t* order, const std::int32_t* starts, std::int32_t perRow, std::int32_t expert,
                    std::int32_t rowStart, std::int32_t rowEnd);

// Throws std::invalid_argument unless `starts` rise from 0 to P.
void checkStarts(const char* op, const std::int32_t* starts, std::size_t experts, std::int32_t places);

void route(ExecContext& context, const Route& op);
// Throws std::invalid_argument for a chosen expert that there is not.
void route_backward(ExecContext& context, const RouteBackward& op);

namespace ref {
template <class Real>
void route(const RouteT<Real>& op);
template <class Real>
void route_backward(const RouteBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
