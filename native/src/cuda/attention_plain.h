// attention_plain: the attention of attention.h for any layout, any head width and for float32, without tensor cores
//
//   Formulas as in attention.h; qkv, out, dout, dqkv float32 or bfloat16; arithmetic f32. Bases, strides, columns and D
//   are free. A thread has eight columns of one head's output row (or of dQ, dK and dV) and computes the scores of that
//   row anew, so the work is D / 8 times that of attention.h.
//   positions [T]: the row's index within its sequence   ends [T]: one past its sequence's last row
//   What float32 training, head widths above 256 and bfloat16 rows that are not 16-byte aligned use.
//   Sums in the order of the keys, or queries. NMSE against the reference: 1e-11 (float32), 2e-5 (bfloat16)
#pragma once

#include "cuda/attention.h"

namespace loratwin::cuda {

template <class Store>
struct AttentionPlainT {
  const std::int32_t* positions;
  AttentionHeads shape;
  std::int32_t rows;  // T
  const Store* qkv;
  Store* out;
  float* lse;
  ops::AttentionKind kind{};
  const float* sinks = nullptr;  // [heads]; null: none
};

template <class Store>
struct AttentionPlainBackwardT {
  const std::int32_t* positions;
  const std::int32_t* ends;
  AttentionHeads shape;  // ldo is that of out
  std::int64_t lddo;
  std::int64_t ldd;
  std::int32_t rows;
  const Store* qkv;
  const Store* out;
  const Store* dout;
  const float* lse;
  float* delta;  // [T, heads], scratch
  Store* dqkv;
  ops::AttentionKind kind{};
};

template <class Store>
void attention_plain(const AttentionPlainT<Store>& op, void* stream);
template <class Store>
void attention_plain_backward(const AttentionPlainBackwardT<Store>& op, void* stream);

}  // namespace loratwin::cuda
