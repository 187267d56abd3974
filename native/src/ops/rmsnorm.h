// rmsnorm:           rstd[t] = 1 / sqrt(mean_h x[t,h]^2 + eps);  y = x * rstd * w (+ residual)
// rmsnorm_backward:  dx = (residual) + rstd * (w dy - x rstd^2 mean_h(w dy x))      w is frozen: no dw
//
//   x, y, dy, dx, residual [T,H]   w [H]   rstd [T]     row major without gaps, f32; x and y float32 or bfloat16, y
//   float32 with a residual
//   dxCompute [T,H]: the values of dx rounded to bfloat16, for the products that read them
//   y may be x (of the same type) or residual; dx may be residual or dy. Accumulation f32 in 16 lanes, fixed order.
//   NMSE against the reference: 1e-12 Source: Zhang and Sennrich 2019, as in Llama (eps inside the root); of what joins
//   the residual stream as in Gemma 2 and OLMo 2
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

template <class Real, class To = Real, class From = Real>
struct RmsnormT {
  const From* x;
  const Real* weight;
  To* y;
  Real* rstd;
  std::int32_t rows;    // T
  std::int32_t hidden;  // H
  float eps;
  const Real* residual = nullptr;  // null: none
};
using Rmsnorm = RmsnormT<float>;
using RmsnormBf16 = RmsnormT<float, Bf16>;
using RmsnormOfBf16 = RmsnormT<float, Bf16, Bf16>;
using RmsnormOfBf16F32 = RmsnormT<float, float, Bf16>;

template <class Real, class From = Real>
struct RmsnormBackwardT {
  const Real* dy;
  const From* x;
  const Real* rstd;
  const Real* weight;
  const Real* residual;  // null: none
  Real* dx;
  std::int32_t rows;
  std::int32_t hidden;
  Bf16* dxCompute = nullptr;  // null: not wanted
};
using RmsnormBackward = RmsnormBackwardT<float>;
using RmsnormBackwardOfBf16 = RmsnormBackwardT<float, Bf16>;

void rmsnorm(ExecContext& context, const Rmsnorm& op);
void rmsnorm(ExecContext& context, const RmsnormBf16& op);
void rmsnorm(ExecContext& context, const RmsnormOfBf16& op);
void rmsnorm(ExecContext& context, const RmsnormOfBf16F32& op);
void rmsnorm_backward(ExecContext& context, const RmsnormBackward& op);
void rmsnorm_backward(ExecContext& context, const RmsnormBackwardOfBf16& op);

namespace ref {
template <class Real>
void rmsnorm(const RmsnormT<Real>& op);
template <class Real>
void rmsnorm_backward(const RmsnormBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
