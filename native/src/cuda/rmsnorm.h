// rmsnorm:           rstd[t] = 1 / sqrt(mean_h x[t,h]^2 + eps);  y = x * rstd * w
// rmsnorm_backward:  dx = (residual) + rstd * (w dy - x rstd^2 mean_h(w dy x))      w is frozen: no dw
//
//   x, y, dy, dx, residual [T,H]   w [H]   rstd [T]     row major without gaps, f32; y float32 or bfloat16
//   dxCompute [T,H]: the values of dx rounded to bfloat16, for the products that read them
//   y may be x (float32); dx may be residual or dy. A warp a row, f32 sums in a fixed order.
//   NMSE against the reference: 1e-12. Source: Zhang and Sennrich 2019, as in Llama (eps inside the root)
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct RmsnormT {
  const float* x;
  const float* weight;
  Store* y;
  float* rstd;
  std::int32_t rows;    // T
  std::int32_t hidden;  // H
  float eps;
};
using Rmsnorm = RmsnormT<float>;
using RmsnormBf16 = RmsnormT<ops::Bf16>;

struct RmsnormBackward {
  const float* dy;
  const float* x;
  const float* rstd;
  const float* weight;
  const float* residual;  // null: none
  float* dx;
  std::int32_t rows;
  std::int32_t hidden;
  ops::Bf16* dxCompute;  // null: not wanted
};

void rmsnorm(const Rmsnorm& op, void* stream);
void rmsnorm(const RmsnormBf16& op, void* stream);
void rmsnorm_backward(const RmsnormBackward& op, void* stream);

}  // namespace loratwin::cuda
