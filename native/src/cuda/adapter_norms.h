// norm[n] = ||W_n + scale (B A)_n||, a row of the weight that an adapter makes for output n (DoRA), 1 of a row of
// zeros; a magnitude that is no number becomes the norm
//
//   W [N,K]   A [R, lda]   B [N, ldb]   norm, magnitude [N] f32   sums over K in f64
//   NMSE against the reference: 1e-11. Source: see ops/adapter_norms.h
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct AdapterNormsT {
  const Store* weight;
  std::int32_t outFeatures;  // N
  std::int32_t inFeatures;   // K
  const float* a;
  std::int64_t lda;
  const float* b;
  std::int64_t ldb;
  std::int32_t rank;  // R
  float scale;
  float* norm;
  float* magnitude;
};

template <class Store>
void adapter_norms(const AdapterNormsT<Store>& op, void* stream);

}  // namespace loratwin::cuda
