// attention: causal, for each sequence and query head h (its keys and values are those of head h / (heads / kvHeads))
//
//   P = softmax(Q K^T / sqrt(D)) over keys <= query;  out = P V;  lse[t,h] = log sum exp of the scaled scores
//   backward recomputes P from lse:  delta = rowsum(dO out)   dV = P^T dO   dS = P (dO V^T - delta)
//   dQ = dS K / sqrt(D)   dK = dS^T Q / sqrt(D)
//
//   A kind (ops/attention_kind.h) has a scale in place of 1 / sqrt(D), a window or chunks of keys, and a softcap c:
//   scores s become c tanh(s / c), and dS is multiplied by 1 - tanh^2. A sink is one more score of a head, with the
//   value 0: it is in the softmax and lse, so the backward needs it no more.
//
//   qkv, dqkv [T, >= columns] stride ld; q at qColumn [heads D], k at kColumn, v at vColumn [kvHeads D]; dqkv has the
//   same columns   out, dout [T, heads D] stride ldo   lse, delta [T,heads] f32
//   row major, bfloat16, outputs overwritten. Bases are 16-byte aligned; strides, columns and D are multiples of 8; D
//   at most 256.
//   No S x S matrix: tiles of 64 queries against 64, 32 or 16 keys, as far as any of the queries sees them; softmax
//   renormalised from tile to tile in f32; P and dS are rounded to bfloat16 for their products. dK and dV of a kv head
//   are summed over its query heads in order by one block, dQ by another kernel: nothing is added by two blocks.
//   NMSE against the reference: 2e-5 forward, 4e-5 backward
//   Source: Vaswani et al. 2017; Ainslie et al. 2023 (GQA); tiles and recomputation from lse: Dao 2023
#pragma once

#include <cstdint>
#include <vector>

#include "ops/attention_kind.h"
#include "ops/bf16.h"

namespace loratwin::cuda {

constexpr std::int32_t kAttentionRows = 64;  // queries, or keys, of a tile
constexpr std::int32_t kMaxAttentionHeadDim = 256;

// Rows row .. row + kAttentionRows of a sequence, as far as it reaches.
struct AttentionTile {
  std::int32_t sequenceStart;
  std::int32_t sequenceEnd;
  std::int32_t row;
};

// offsets [count + 1]. Tiles of queries: those with the most keys first; of keys: those with the most queries first.
std::vector<AttentionTile> attentionQueryTiles(const std::int32_t* offsets, std::int32_t count);
std::vector<AttentionTile> attentionKeyTiles(const std::int32_t* offsets, std::int32_t count);

struct AttentionHeads {
  std::int64_t ld;
  std::int32_t qColumn;
  std::int32_t kColumn;
  std::int32_t vColumn;
  std::int64_t ldo;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;  // D
};

struct Attention {
  const AttentionTile* queryTiles;
  std::int32_t queryTileCount;
  AttentionHeads shape;
  const ops::Bf16* qkv;
  ops::Bf16* out;
  float* lse;
  ops::AttentionKind kind{};
  const float* sinks = nullptr;  // [heads]; null: none
};

struct AttentionBackward {
  const AttentionTile* queryTiles;
  std::int32_t queryTileCount;
  const AttentionTile* keyTiles;
  std::int32_t keyTileCount;
  AttentionHeads shape;
  std::int32_t rows;  // T
  const ops::Bf16* qkv;
  const ops::Bf16* out;
  const ops::Bf16* dout;
  const float* lse;
  float* delta;  // scratch
  ops::Bf16* dqkv;
  ops::AttentionKind kind{};
};

void attention(const Attention& op, void* stream);
void attention_backward(const AttentionBackward& op, void* stream);

}  // namespace loratwin::cuda
