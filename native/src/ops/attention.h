// attention: causal, for each sequence and query head h (its keys and values are those of head h / (heads / kvHeads))
//
//   P = softmax(Q K^T / sqrt(D)) over keys <= query;  out = P V;  lse[t,h] = log sum exp of the scaled scores
//   backward recomputes P from lse:  dV = P^T dO   dS = P (dO V^T - rowsum(dO out))   dQ = dS K / sqrt(D)
//   dK = dS^T Q / sqrt(D)
//
//   qkv, dqkv [T, >= columns] strides ld, ldd; q at qColumn [heads D], k at kColumn, v at vColumn [kvHeads D];
//   dqkv has the same columns
//   out, dout [T, heads D] strides ldo, lddo   lse [T,heads]
//   row major, f32 storage and accumulation, outputs overwritten
//   No S x S matrix: one 64-row query tile against the keys up to its diagonal. exp: relative error <= 2e-6.
//   Work units are (sequence, kv head), so dK and dV of a group are summed in head order without atomics.
//   NMSE against the reference: 1e-10 forward, 1e-9 backward
//   Source: Vaswani et al. 2017; Ainslie et al. 2023 (GQA); recomputation from lse: Dao et al. 2022
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec_context.h"
#include "segments.h"

namespace loratwin::ops {

template <class Real>
struct AttentionT {
  Sequences sequences;
  const Real* qkv;
  std::int64_t ld;
  std::int32_t qColumn;
  std::int32_t kColumn;
  std::int32_t vColumn;
  Real* out;
  std::int64_t ldo;
  Real* lse;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;  // D
  Real* scratch;         // attentionScratchBytes(threads, longest sequence, D)
};
using Attention = AttentionT<float>;

template <class Real>
struct AttentionBackwardT {
  Sequences sequences;
  const Real* qkv;
  std::int64_t ld;
  std::int32_t qColumn;
  std::int32_t kColumn;
  std::int32_t vColumn;
  const Real* out;
  std::int64_t ldo;
  const Real* dout;
  std::int64_t lddo;
  const Real* lse;
  Real* dqkv;
  std::int64_t ldd;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;
  Real* scratch;  // attentionBackwardScratchBytes(threads, longest sequence, D)
};
using AttentionBackward = AttentionBackwardT<float>;

constexpr std::size_t kAttentionTileRows = 64;

// Row stride of a score tile: 16 floats past a multiple of 32, so that a column's rows fall into different cache sets.
constexpr std::size_t attentionTileStride(std::size_t maxSequence) { return (maxSequence + 31) / 32 * 32 + 16; }

// K^T [D,stride], V [S,D], scores [64,stride] for each thread, each thread's part rounded up to 64 bytes
constexpr std::size_t attentionScratchBytes(std::size_t threads, std::size_t maxSequence, std::size_t headDim) {
  const std::size_t stride = attentionTileStride(maxSequence);
  const std::size_t floats = headDim * stride + maxSequence * headDim + kAttentionTileRows * stride;
  return threads * ((floats + 15) / 16 * 16) * sizeof(float);
}

// K^T, V^T [D,stride], K [S,D], P and dS [64,stride], Q and dO tiles [64,D] for each thread, rounded likewise
constexpr std::size_t attentionBackwardScratchBytes(std::size_t threads, std::size_t maxSequence, std::size_t headDim) {
  const std::size_t stride = attentionTileStride(maxSequence);
  const std::size_t floats =
      2 * headDim * stride + maxSequence * headDim + 2 * kAttentionTileRows * stride + 2 * kAttentionTileRows * headDim;
  return threads * ((floats + 15) / 16 * 16) * sizeof(float);
}

void attention(ExecContext& context, const Attention& op);
void attention_backward(ExecContext& context, const AttentionBackward& op);

namespace ref {
template <class Real>
void attention(const AttentionT<Real>& op);
template <class Real>
void attention_backward(const AttentionBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
