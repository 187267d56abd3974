// norm[n] = ||W_n + scale (B A)_n||, a row of the weight that an adapter makes for output n (DoRA); 1 of a row of zeros
//
//   from ||W_n||^2, W A^T and A A^T: W is multiplied once by the adapter's R rows, in the type of its products
//   A [R,K]   B [N,R]   norm [N]   W [>= column + N, K], rows from `column` on   sums in f64
//   NMSE against the reference: 1e-11 (f32), 1e-5 (bfloat16 and quantized weights, for which A is rounded)
#pragma once

#include <cstdint>
#include <vector>

#include "exec_context.h"
#include "packed_matrix.h"

namespace loratwin::ops {

struct AdapterNorms {
  const PackedMatrix* weight;
  const float* rowSquares;  // [rows of W]: rowSquares()
  std::int32_t column;
  std::int32_t outFeatures;  // N
  const float* a;
  const float* b;
  std::int32_t rank;  // R
  float scale;
  float* norm;
};

// What a call works in; kept, so that the next one allocates nothing.
struct AdapterNormsScratch {
  std::vector<float> products;  // W A^T, transposed
  std::vector<Bf16> rounded;    // A
  std::vector<double> gram;     // A A^T
};

void adapter_norms(ExecContext& context, MatmulEngine& engine, const AdapterNorms& op, AdapterNormsScratch& scratch);

// ||W_n||^2 of each row, of W as `packed` multiplies it. `w`: what it was packed from.
template <class Store>
std::vector<float> rowSquares(const PackedMatrix& packed, const Store* w);

namespace ref {
// W [N,K]: its own rows alone.
void adapter_norms(const double* w, const double* a, const double* b, std::int32_t outFeatures, std::int32_t inFeatures,
                   std::int32_t rank, double scale, double* norm);
}  // namespace ref

}  // namespace loratwin::ops
