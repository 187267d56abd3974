// cached_attention: attention.h's forward, of rows whose earlier keys and values are in a cache
//
//   The keys and values of the run's rows are put into the cache first. Then each query sees keys
//   firstKey(query) .. query of its whole sequence (attention_kind.h), all of them in the cache.
//
//   qkv [T, >= columns] stride ld as in attention.h   out [T, heads D] stride ldo
//   cache [rows, kvHeads D keys, then kvHeads D values] stride ldc, in qkv's type: row p of sequence i is
//   cached[i].first + p. Sequences of one run have rows of their own.
//   float32, or bfloat16 in f32 arithmetic, the output rounded once.
//   Sums over keys run in order through tiles of 256, which begin at the sequence's start: a row has the same bits
//   whatever rows are beside it, and however its sequence was cut into runs.
//   NMSE against attention's reference: 1e-10 (f32), 6e-6 (bfloat16)
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention_kind.h"
#include "bf16.h"
#include "exec_context.h"
#include "segments.h"
#include "size.h"

namespace loratwin::ops {

template <class Store>
struct CachedAttentionT {
  Sequences sequences;  // cached
  const Store* qkv;
  std::int64_t ld;
  std::int32_t qColumn;
  std::int32_t kColumn;
  std::int32_t vColumn;
  Store* cache;
  std::int64_t ldc;
  Store* out;
  std::int64_t ldo;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;  // D
  float* scratch;        // cachedAttentionScratchBytes(threads, heads, kvHeads, D)
  AttentionKind kind{};
  const float* sinks = nullptr;  // [heads]; null: none
};
using CachedAttention = CachedAttentionT<float>;
using CachedAttentionBf16 = CachedAttentionT<Bf16>;

constexpr std::int64_t kCachedKeys = 256;        // of a tile
constexpr std::int64_t kCachedQueries = 64;      // rows of queries of one kv head, unless one position has more
constexpr std::int64_t kMostCachedGroup = 1024;  // heads of a kv head

constexpr std::int64_t cachedQueries(std::int64_t group) { return group > kCachedQueries ? group : kCachedQueries; }

// For each thread, in floats, M = cachedQueries(heads / kvHeads) and D rounded up to 16: queries and sums [M,D], scores
// [M, keys of a tile], keys and values [keys of a tile, D].
constexpr std::size_t cachedAttentionScratchBytes(std::size_t threads, std::size_t heads, std::size_t kvHeads,
                                                  std::size_t headDim) {
  const Size D = Size(headDim).roundedUp(16);
  const std::size_t keys = static_cast<std::size_t>(kCachedKeys);
  const std::size_t M = static_cast<std::size_t>(cachedQueries(static_cast<std::int64_t>(heads / kvHeads)));
  return ((D * 2 * M + Size(keys) * M + D * 2 * keys) * threads * sizeof(float)).value();
}

void cached_attention(ExecContext& context, const CachedAttention& op);
void cached_attention(ExecContext& context, const CachedAttentionBf16& op);

}  // namespace loratwin::ops
