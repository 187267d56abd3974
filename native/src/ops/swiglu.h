// swiglu:           out = act(gate) up
// swiglu_backward:  dgate = dout up act'(gate),  dup = dout act(gate)
//
//   silu:  act(g) = g sigma,  act'(g) = sigma (1 + g (1 - sigma)),           sigma = 1 / (1 + exp(-g))
//   gelu:  act(g) = g sigma,  act'(g) = sigma (1 + g (1 - sigma) dz/dg),     sigma = 1 / (1 + exp(-z)),
//          z = 2 sqrt(2 / pi) (g + 0.044715 g^3), so that sigma = (1 + tanh(z / 2)) / 2
//   clamped: with g = min(gate, limit) and u = max(-limit, min(up, limit)), out = g sigma(alpha g) (u + 1); the
//   gradient is
//          0 where gate or up lies beyond the limit
//   gateUp, dgateUp [T, 2I]: gate = columns 0 .. I, up = I .. 2I; strides ld, ldd   out, dout [T,I] strides ldo, lddo
//   row major, float32 or all bfloat16; arithmetic f32. dgateUp may be gateUp. NMSE against the reference: 1e-11.
//   Source: Shazeer 2020; gelu: Hendrycks and Gimpel 2016, in the form with tanh;
//   clamped: transformers 5.24, GptOssExperts
#pragma once

#include <cstdint>

#include "activation.h"
#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

template <class Real>
struct SwigluT {
  const Real* gateUp;
  std::int64_t ld;
  Real* out;
  std::int64_t ldo;
  std::int32_t rows;          // T
  std::int32_t intermediate;  // I
  Activation activation = Activation::silu;
  float alpha = 1.0F;  // of clamped, both
  float limit = 1.0F;
};
using Swiglu = SwigluT<float>;
using SwigluBf16 = SwigluT<Bf16>;

template <class Real>
struct SwigluBackwardT {
  const Real* gateUp;
  std::int64_t ld;
  const Real* dout;
  std::int64_t lddo;
  Real* dgateUp;
  std::int64_t ldd;
  std::int32_t rows;
  std::int32_t intermediate;
  Activation activation = Activation::silu;
  float alpha = 1.0F;  // of clamped, both
  float limit = 1.0F;
};
using SwigluBackward = SwigluBackwardT<float>;
using SwigluBackwardBf16 = SwigluBackwardT<Bf16>;

void swiglu(ExecContext& context, const Swiglu& op);
void swiglu(ExecContext& context, const SwigluBf16& op);
void swiglu_backward(ExecContext& context, const SwigluBackward& op);
void swiglu_backward(ExecContext& context, const SwigluBackwardBf16& op);

namespace ref {
template <class Real>
void swiglu(const SwigluT<Real>& op);
template <class Real>
void swiglu_backward(const SwigluBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
