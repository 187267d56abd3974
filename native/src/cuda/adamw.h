// adamw: one decoupled-decay Adam step over the flat parameter vectors of all adapters in one launch; gradients are
// zeroed afterwards
//
//   g = clip * gradient;  p *= 1 - lr wd;  m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
//   clip = min(1, maxNorm / (sqrt(sumSquares) + 1e-6)), as torch.nn.utils.clip_grad_norm_; 1 where sumSquares is null
//
//   parameters, moments, gradients [count] f32; compute [count] bfloat16: the new parameters, rounded, for the
//   products.
//   Coefficients formed in f64 by the host, arithmetic f32. NMSE against the reference: 1e-12
//   Source: Loshchilov and Hutter 2019, as torch.optim.AdamW
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

struct AdamwCoefficients {
  float keep;       // 1 - lr wd
  float approach1;  // 1 - beta1
  float beta2;
  float approach2;     // 1 - beta2
  float stepSize;      // lr / (1 - beta1^step)
  float inverseRoot2;  // 1 / sqrt(1 - beta2^step)
  float eps;
};

// step counts from 1
AdamwCoefficients adamwCoefficients(std::int64_t step, double learningRate, double beta1, double beta2, double eps,
                                    double weightDecay);

struct AdamwVector {
  float* parameters;
  float* firstMoment;
  float* secondMoment;
  float* gradients;
  ops::Bf16* compute;  // null: not wanted
  std::int64_t count;
  AdamwCoefficients coefficients;
  const double* sumSquares;  // of its gradients; null: no clipping
  double maxNorm;
};

struct Adamw {
  const AdamwVector* vectors;      // [vectorCount], device memory, as everything here
  const std::int32_t* firstChunk;  // [vectorCount + 1], see flat_tables.h
  std::int32_t vectorCount;
  std::int32_t chunks;  // firstChunk[vectorCount]
};

void adamw(const Adamw& op, void* stream);

}  // namespace loratwin::cuda
