// head_logits: the logits of some rows, for who draws the next token
//
//   l as in head_loss.h, of each wanted row t in order: logits[i,v] = l[t,v], lse[i] = log sum_v exp l[t,v]
//
//   x [T,H] without gaps, of the weight's type   W [V,H]   wanted: rows in ascending order   logits [wanted,V] f32
//   lse [wanted] f32
//   A row has the same bits whatever rows are beside it: a lone one is multiplied twice (matmul.h).
//   NMSE against the reference of head_loss: 1e-10
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exec_context.h"
#include "logits_kind.h"
#include "lora.h"
#include "matmul.h"
#include "segments.h"
#include "size.h"
#include "token_rows.h"

namespace loratwin::ops {

struct HeadLogits {
  std::span<const std::int32_t> wanted;
  const void* x;
  const PackedMatrix* weight;  // N = V, K = H
  float* logits;               // headLogitsBytes(rows at most, H, V, the weight's type)
  std::int32_t mostRows;
  LogitsKind kind{};
  // Adapters on the head, by rows of the run; null: none. lds: at least the largest rank.
  const LoraSegments* adapters = nullptr;
  std::int64_t lds = 0;
  TokenSegments tokens{};  // as of head_loss
};

// logits [rows,V], lse [rows], and behind them what only the operator reads: the rows of x, and s [rows,lds]; each part
// begins at a multiple of 64 bytes. Rows: at least two. A GPU's operator has the same places.
struct HeadLogitsPlaces {
  std::size_t logSums;
  std::size_t x;
  std::size_t s;
  std::size_t bytes;
};
constexpr HeadLogitsPlaces headLogitsPlaces(std::size_t rows, std::size_t hidden, std::size_t vocabulary, DType type,
                                            std::size_t lds = 0) {
  const std::size_t count = rows < 2 ? 2 : rows;
  const auto part = [count](std::size_t columns, std::size_t bytes) {
    return (Size(count) * columns * bytes).roundedUp(64);
  };
  const Size logSums = part(vocabulary, 4);
  const Size x = logSums + part(1, 4);
  const Size s = x + part(hidden, sizeOf(type));
  return {logSums.value(), x.value(), s.value(), (s + part(lds, sizeOf(type))).value()};
}
constexpr std::size_t headLogitsBytes(std::size_t rows, std::size_t hidden, std::size_t vocabulary, DType type,
                                      std::size_t lds = 0) {
  return headLogitsPlaces(rows, hidden, vocabulary, type, lds).bytes;
}

void prepare_head_logits(MatmulEngine& engine, const PackedMatrix& weight);
// `segments`: room.
void head_logits(ExecContext& context, MatmulEngine& engine, const HeadLogits& op, std::vector<LoraSegment>& segments);

}  // namespace loratwin::ops
