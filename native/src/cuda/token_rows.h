// Rows that an adapter has in place of the base's at some tokens, in the embedding and in a head that is tied to it.
// For the rows of each segment, with R[j] for token v_j:
//
//   embed_tokens           out[t] = scale R[j] where ids[t] = v_j
//   embed_tokens_backward  dR[j] += scale sum over t with ids[t] = v_j of dx[t]
//   head_tokens            z[i, v_j] = x[i] R[j]
//   head_tokens_take       g[i,j] = dz[i, v_j];  dz[i, v_j] = 0
//   head_tokens_backward   dx[i] += sum_j g[i,j] R[j];  dR[j] += sum_i g[i,j] x[i]
//
//   R [n,H] Store, dR [n,H] f32, both stride ld   out, dx [T,H] f32   x [N,H] Store   z [N,V] f32 stride ldz
//   dz [N,V] Store stride ldz   g [N, >= n] f32 stride ldg   row major; segments and tokens: tables in device memory
//   A head's segments count rows of x, not of the run.
//   Sums in f32, in the order of rows and of tokens; a row's product in the order of a warp's lanes.
//   NMSE against the reference: 1e-11; with Bf16 1e-5. Source: see ops/token_rows.h
#pragma once

#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct TokenSegmentT {
  std::int32_t rowStart;
  std::int32_t rowEnd;
  std::int32_t count;          // n
  const std::int32_t* tokens;  // ascending
  const Store* rows;           // R
  float* gradients;            // dR
};

template <class Store>
struct TokenSegmentsT {
  const TokenSegmentT<Store>* items;
  std::int32_t count;
  std::int32_t maxRows;
  std::int32_t maxTokens;
  std::int32_t hidden;  // H
  std::int32_t ld;
};

// out, or dx of the backward
template <class Store>
void embed_tokens(const TokenSegmentsT<Store>& segments, const std::int32_t* ids, float scale, float* out,
                  void* stream);
template <class Store>
void embed_tokens_backward(const TokenSegmentsT<Store>& segments, const std::int32_t* ids, float scale, const float* dx,
                           void* stream);

template <class Store>
struct HeadTokensT {
  TokenSegmentsT<Store> segments;
  const Store* x;
  float* z;
  Store* dz;
  std::int64_t ldz;
  float* g;
  std::int64_t ldg;
  float* dx;
};

template <class Store>
void head_tokens(const HeadTokensT<Store>& op, void* stream);
template <class Store>
void head_tokens_take(const HeadTokensT<Store>& op, void* stream);
template <class Store>
void head_tokens_backward(const HeadTokensT<Store>& op, void* stream);

}  // namespace loratwin::cuda
