// adamw: one decoupled-decay Adam step over a flat parameter vector; gradients are zeroed afterwards
//
//   g = gradientScale * gradient;  p *= 1 - lr wd;  m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
//
//   parameters, firstMoment, secondMoment, gradients [count] f32; coefficients formed in f64. step counts from 1.
//   NMSE against the reference: 1e-12. Source: Loshchilov and Hutter 2019, as torch.optim.AdamW
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec_context.h"

namespace loratwin::ops {

template <class Real>
struct AdamwT {
  Real* parameters;
  Real* firstMoment;
  Real* secondMoment;
  Real* gradients;
  std::size_t count;
  std::int64_t step;
  double learningRate;
  double beta1;
  double beta2;
  double eps;
  double weightDecay;
  double gradientScale;  // clipping coefficient, 1 when off
};
using Adamw = AdamwT<float>;

// As torch.nn.utils.clip_grad_norm_: min(1, maxNorm / (norm + 1e-6)); 1 when maxNorm is 0 (off).
double clipCoefficient(double norm, double maxNorm);

void adamw(ExecContext& context, const Adamw& op);

namespace ref {
template <class Real>
void adamw(const AdamwT<Real>& op);
}

}  // namespace loratwin::ops
