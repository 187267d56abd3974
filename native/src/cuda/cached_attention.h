// cached_attention: attention of rows whose earlier keys and values are in a cache
//
//   Formulas as in ops/cached_attention.h. The keys and values of the run's rows go into the cache first.
//   places [T]: of each row, the row of the cache that has its sequence's position 0, and its own position
//   cache [rows, kvHeads D keys, then kvHeads D values] stride ldc, in qkv's type. Bases, strides and columns are free;
//   D at most kMaxCachedHeadDim.
//   A block has a row and up to eight heads of one kv head, which read each key and value once. It goes through tiles
//   of 128 keys, which begin at the sequence's start: eight lanes take a key's product, a warp a head's softmax, and
//   the values are added in as many slices of a tile's keys as there are threads for, which are joined at the end. All
//   sums have an order that follows from the row's position: it has the same bits whatever rows are beside it, and
//   however its sequence was cut into runs.
//   float32 or bfloat16 in f32 arithmetic, the output rounded once.
//   NMSE against attention's reference: 1e-11 (float32), 2e-5 (bfloat16)
//   Source: running maximum and sum, Milakov and Gimelshein 2018
#pragma once

#include "cuda/attention.h"

namespace loratwin::cuda {

constexpr std::int32_t kMaxCachedHeadDim = 8192;

struct CachedRow {
  std::int32_t start;
  std::int32_t position;
};

template <class Store>
struct CachedAttentionT {
  const CachedRow* places;
  AttentionHeads shape;
  std::int32_t rows;  // T
  const Store* qkv;
  Store* cache;
  std::int64_t ldc;
  Store* out;
  ops::AttentionKind kind{};
  const float* sinks = nullptr;  // [heads]; null: none
};

template <class Store>
void cached_attention(const CachedAttentionT<Store>& op, void* stream);

}  // namespace loratwin::cuda
