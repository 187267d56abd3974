// Rows that an adapter has in place of the base's at some tokens, in the embedding and in a head that is tied to it.
// For the rows of each segment that has any, with R[j] for token v_j:
//
//   embed_tokens           out[t] = scale R[j] where ids[t] = v_j
//   embed_tokens_backward  dR[j] += scale sum over t with ids[t] = v_j of dx[t]
//   head_tokens            z[i, v_j] = x[i] R[j]
//   head_tokens_take       g[i,j] = dz[i, v_j];  dz[i, v_j] = 0
//   head_tokens_backward   dx[i] += sum_j g[i,j] R[j];  dR[j] += sum_i g[i,j] x[i]
//
//   R, dR [n,H] f32; with Bf16, R is rounded to it   out, dx [T,H] f32   x [N,H] Store   z [N,V] f32 stride ldz
//   dz [N,V] Store stride lddz   g [N, >= n] f32 stride ldg   row major
//   A head's rows are those that `rows` lists, in order; null: all of the run's. ids are within the vocabulary.
//   Sums in f32, in the order of rows and of tokens: neither threads nor neighbours change a bit of any result.
//   NMSE against the reference: 1e-11; with Bf16 1e-5
//   Source: TrainableTokensLayer of peft 0.21, whose weight has these rows in place of the base's
#pragma once

#include <cstddef>
#include <cstdint>

#include "bf16.h"
#include "exec_context.h"

namespace loratwin::ops {

template <class Real>
struct TokenSegmentT {
  std::int32_t rowStart = 0;
  std::int32_t rowEnd = 0;
  const std::int32_t* tokens = nullptr;  // [n], ascending
  std::int32_t count = 0;                // n
  const Real* rows = nullptr;            // R
  Real* gradients = nullptr;             // dR; backward only
};
using TokenSegment = TokenSegmentT<float>;

// Segments in row order, of adapters that have such rows.
template <class Real>
struct TokenSegmentsT {
  const TokenSegmentT<Real>* items = nullptr;
  std::int32_t count = 0;
};
using TokenSegments = TokenSegmentsT<float>;

template <class Real, class Store = Real>
struct EmbedTokensT {
  TokenSegmentsT<Real> segments;
  const std::int32_t* ids;
  Real* out;
  std::int32_t hidden;  // H
  Real scale;
};

template <class Real>
struct EmbedTokensBackwardT {
  TokenSegmentsT<Real> segments;
  const std::int32_t* ids;
  const Real* dx;
  std::int32_t hidden;
  Real scale;
};
using EmbedTokensBackward = EmbedTokensBackwardT<float>;

template <class Real, class Store = Real>
struct HeadTokensT {
  TokenSegmentsT<Real> segments;
  const std::int32_t* rows;
  std::int32_t count;  // N
  std::int32_t hidden;
  const Store* x;
  Real* z;
  std::int64_t ldz;
  // Of the gradient.
  Store* dz;
  std::int64_t lddz;
  Real* g;
  std::int64_t ldg;
  Real* dx;
};

void embed_tokens(ExecContext& context, const EmbedTokensT<float>& op);
void embed_tokens(ExecContext& context, const EmbedTokensT<float, Bf16>& op);
void embed_tokens_backward(ExecContext& context, const EmbedTokensBackward& op);
void head_tokens(ExecContext& context, const HeadTokensT<float>& op);
void head_tokens(ExecContext& context, const HeadTokensT<float, Bf16>& op);
void head_tokens_take(ExecContext& context, const HeadTokensT<float>& op);
void head_tokens_take(ExecContext& context, const HeadTokensT<float, Bf16>& op);
void head_tokens_backward(ExecContext& context, const HeadTokensT<float>& op);
void head_tokens_backward(ExecContext& context, const HeadTokensT<float, Bf16>& op);

namespace ref {
void embed_tokens(const EmbedTokensT<double>& op);
void embed_tokens_backward(const EmbedTokensBackwardT<double>& op);
void head_tokens(const HeadTokensT<double>& op);
void head_tokens_take(const HeadTokensT<double>& op);
void head_tokens_backward(const HeadTokensT<double>& op);
}  // namespace ref

}  // namespace loratwin::ops
