// attention: causal, for each sequence and query head h (its keys and values are those of head h / (heads / kvHeads))
//
//   P = softmax(Q K^T / sqrt(D)) over keys <= query;  out = P V;  lse[t,h] = log sum exp of the scaled scores
//   backward recomputes P from lse:  dV = P^T dO   dS = P (dO V^T - rowsum(dO out))   dQ = dS K / sqrt(D)
//   dK = dS^T Q / sqrt(D)
//
//   qkv, dqkv [T, >= columns] strides ld, ldd; q at qColumn [heads D], k at kColumn, v at vColumn [kvHeads D];
//   dqkv has the same columns
//   out, dout [T, heads D] strides ldo, lddo   lse [T,heads]
//   row major, outputs overwritten. float32, or all but lse in bfloat16: then scores, softmax and sums are f32 all the
//   same, P and dS are rounded for their products, gradients are summed in f32 and rounded once.
//   No S x S matrix: tiles of 64 queries against 256 keys, softmax renormalised from tile to tile, only blocks of
//   16 x 16 on or below the diagonal. exp: relative error <= 2e-6.
//   Work units are (sequence, kv head), so dK and dV of a group are summed in head order without atomics.
//   NMSE against the reference: 1e-10 forward, 1e-9 backward (f32); 6e-6 and 1e-5 (bfloat16)
//   Source: Vaswani et al. 2017; Ainslie et al. 2023 (GQA); tiles and recomputation from lse: Dao et al. 2022
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention_kind.h"
#include "bf16.h"
#include "exec_context.h"
#include "segments.h"
#include "size.h"

namespace loratwin::ops {

template <class Real, class Store = Real>
struct AttentionT {
  Sequences sequences;
  const Store* qkv;
  std::int64_t ld;
  std::int32_t qColumn;
  std::int32_t kColumn;
  std::int32_t vColumn;
  Store* out;
  std::int64_t ldo;
  Real* lse;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;  // D
  Real* scratch;         // attentionScratchBytes(threads, longest sequence, D)
  AttentionKind kind{};
  const Real* sinks = nullptr;  // [heads]: one more score of each row of a head, whose value is 0; null: none
};
using Attention = AttentionT<float>;
using AttentionBf16 = AttentionT<float, Bf16>;

template <class Real, class Store = Real>
struct AttentionBackwardT {
  Sequences sequences;
  const Store* qkv;
  std::int64_t ld;
  std::int32_t qColumn;
  std::int32_t kColumn;
  std::int32_t vColumn;
  const Store* out;
  std::int64_t ldo;
  const Store* dout;
  std::int64_t lddo;
  const Real* lse;
  Store* dqkv;
  std::int64_t ldd;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;
  Real* scratch;  // attentionBackwardScratchBytes(threads, longest sequence, D)
  AttentionKind kind{};
};
using AttentionBackward = AttentionBackwardT<float>;
using AttentionBackwardBf16 = AttentionBackwardT<float, Bf16>;

constexpr std::size_t kAttentionTileQueries = 64;
constexpr std::size_t kAttentionTileKeys = 256;

constexpr std::size_t attentionTileKeys(std::size_t maxSequence) {
  return maxSequence < kAttentionTileKeys ? maxSequence : kAttentionTileKeys;
}

// Row stride of sums, in floats: whole vectors, so that no store of one row holds up loads of the next.
constexpr std::size_t attentionStride(std::size_t headDim) { return (headDim + 15) / 16 * 16; }

// For each thread, in floats whatever the dtype, S = maxSequence rounded up to an even one and D = attentionStride:
// K, V [S,D], Q^T, out [64,D], scores [keys of a tile, 64]
constexpr std::size_t attentionScratchBytes(std::size_t threads, std::size_t maxSequence, std::size_t headDim) {
  const Size S = Size(maxSequence).roundedUp(2);
  const Size D = Size(headDim).roundedUp(16);
  const Size floats = S * D * 2 + (D * 2 + attentionTileKeys(S.value())) * kAttentionTileQueries;
  return (floats * threads * sizeof(float)).value();
}

// Likewise K, V, dK, dV [S,D], Q, Q^T, dO, dO^T, dQ [64,D], P and twice dS [keys of a tile, 64]
constexpr std::size_t attentionBackwardScratchBytes(std::size_t threads, std::size_t maxSequence, std::size_t headDim) {
  const Size S = Size(maxSequence).roundedUp(2);
  const Size D = Size(headDim).roundedUp(16);
  const Size floats = S * D * 4 + (D * 5 + 3 * attentionTileKeys(S.value())) * kAttentionTileQueries;
  return (floats * threads * sizeof(float)).value();
}

void attention(ExecContext& context, const Attention& op);
void attention(ExecContext& context, const AttentionBf16& op);
void attention_backward(ExecContext& context, const AttentionBackward& op);
void attention_backward(ExecContext& context, const AttentionBackwardBf16& op);

namespace ref {
template <class Real>
void attention(const AttentionT<Real>& op);
template <class Real>
void attention_backward(const AttentionBackwardT<Real>& op);
}  // namespace ref

}  // namespace loratwin::ops
