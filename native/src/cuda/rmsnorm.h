// rmsnorm:           rstd[t] = 1 / sqrt(mean_h x[t,h]^2 + eps);  y = x * rstd * w (+ residual)
// rmsnorm_backward:  dx = (residual) + rstd * (w dy - x rstd^2 mean_h(w dy x))      w is frozen: no dw
//
//   x, y, dy, dx, residual [T,H]   w [H]   rstd [T]     row major without gaps, f32; x and y float32 or bfloat16, y
//   float32 with a residual
//   dxCompute [T,H]: the values of dx rounded to bfloat16, for the products that read them
//   y may be x (of the same type) or residual; dx may be residual or dy. A warp a row, f32 sums in a fixed order.
//   NMSE against the reference: 1e-12. Source: Zhang and Sennrich 2019, as in Llama (eps inside the root); of what
//   joins the residual stream as in Gemma 2 and OLMo 2
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class To, class From = float>
struct RmsnormT {
  const From* x;
  const float* weight;
  To* y;
  float* rstd;
  std::int32_t rows;    // T
  std::int32_t hidden;  // H
  float eps;
  const float* residual = nullptr;  // null: none; else To is float
};
using Rmsnorm = RmsnormT<float>;
using RmsnormBf16 = RmsnormT<ops::Bf16>;
using RmsnormOfBf16 = RmsnormT<ops::Bf16, ops::Bf16>;
using RmsnormOfBf16F32 = RmsnormT<float, ops::Bf16>;

template <class From>
struct RmsnormBackwardT {
  const float* dy;
  const From* x;
  const float* rstd;
  const float* weight;
  const float* residual;  // null: none
  float* dx;
  std::int32_t rows;
  std::int32_t hidden;
  ops::Bf16* dxCompute;  // null: not wanted
};
using RmsnormBackward = RmsnormBackwardT<float>;
using RmsnormBackwardOfBf16 = RmsnormBackwardT<ops::Bf16>;

void rmsnorm(const Rmsnorm& op, void* stream);
void rmsnorm(const RmsnormBf16& op, void* stream);
void rmsnorm(const RmsnormOfBf16& op, void* stream);
void rmsnorm(const RmsnormOfBf16F32& op, void* stream);
void rmsnorm_backward(const RmsnormBackward& op, void* stream);
void rmsnorm_backward(const RmsnormBackwardOfBf16& op, void* stream);

}  // namespace loratwin::cuda
