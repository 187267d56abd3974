// rmsnorm:           rstd[t] = 1 / sqrt(mean_h x[t,h]^2 + eps);  y = x * rstd * w
// rmsnorm_backward:  dx = (residual) + rstd * (w dy - x rstd^2 mean_h(w dy x))      w is frozen: no dw
//
//   x, y, dy, dx, residual [T,H]   w [H]   rstd [T]     row major without gaps, f32; y float32 or bfloat16
//   dxCompute [T,H]: the values of dx rounded to bfloat16, for the products that read them
//   y may be x (float32); dx may be residual or dy. Accumulation f32 in 16 lanes, fixed order. NMSE against the
//   reference: 1e-12 Source: Zhang and Sennrich 2019, as in Llama (eps inside the root)
#pragma once

#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

template <class Real, class Store = Real>
struct RmsnormT {
  const Real* x;
  const Real* weight;
  Store* y;
  Real* rstd;
  std::int32_t rows;    // T
  std::int32_t hidden;  // H
  float eps;
};
using Rmsnorm = RmsnormT<float>;
using RmsnormBf16 = RmsnormT<float, Bf16>;

template <class Real>
struct RmsnormBackwardT {
  const Real* dy;
  const Real* x;
  const Real* rstd;
  const Real* weight;
  const Real* residual;  // null: none
  Real* dx;
  std::int32_t rows;
  std::int32_t hidden;
  Bf16* dxCompute = nullptr;  // null: not wanted
};
using RmsnormBackward = RmsnormBackwardT<float>;

void rmsnorm(ExecContext& context, const Rmsnorm& op);
void rmsnorm(ExecContext& context, const RmsnormBf16& op);
void rmsnorm_backward(ExecContext& context, const RmsnormBackward& op);

namespace ref {
template <class Real>
void rmsnorm(const RmsnormT<Real>& op);
template <class Real>
void rmsnorm_backward(const RmsnormBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
