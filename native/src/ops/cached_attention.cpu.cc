#include "cached_attention.h"

#include <atomic>
#include <type_traits>
#include <utility>

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr float kLowest = -1.0e30F;  // in the place of scores that no query sees

// What of a product of query and key is the exponent of 2 in softmax: factor * product, or factor * tanh(inner *
// product) if it is capped.
struct Exponent {
  bool capped;
  float factor;
  float inner;

  Exponent(const AttentionKind& kind, std::int32_t headDim)
      : capped(kind.softcap > 0.0F),
        factor(capped ? kind.softcap * kLog2E : kind.scaleOf(headDim) * kLog2E),
        inner(capped ? kind.scaleOf(headDim) / kind.softcap : 0.0F) {}
  Vec of(Vec product) const { return (capped ? tanh(product * set1(inner)) : product) * set1(factor); }
};

// Queries of one kv head: positions `first` .. first + count of a sequence, each in all heads of the group.
struct Block {
  std::int32_t sequence;
  std::int32_t kvHead;
  std::int64_t firstRow;  // within the run's rows of the sequence
  std::int64_t count;
};

// Softmax of a query so far: the highest exponent and the sum of what is relative to it.
struct Softmax {
  float highest;
  float sum;

  // Keys from .. to of a tile's row of products become numerators, all others 0. Returns what earlier sums are to be
  // multiplied by.
  float take(float* row, std::int64_t from, std::int64_t to, std::int64_t keys, const Exponent& exponent) {
    if (from >= to) {
      for (std::int64_t k = 0; k < keys; k += kLanes) store(row + k, Vec{}, firstLanes(keys - k));
      return 1.0F;
    }
    // Which lanes from k on are keys that the query sees.
    const auto sees = [&](std::int64_t k, Vec v, Vec other) {
      return elseLanes(firstLanes(from - k), other, elseLanes(firstLanes(to - k), v, other));
    };
    Vec most = set1(kLowest);
    for (std::int64_t k = 0; k < keys; k += kLanes) {
      const Mask m = firstLanes(keys - k);
      const Vec e = sees(k, exponent.of(load(row + k, m)), set1(kLowest));
      store(row + k, e, m);
      most = max(most, e);
    }
    const float now = __builtin_fmaxf(highest, reduceMax(most));
    float shrink[kLanes];
    store(shrink, exp2(set1(highest - now)));
    const Vec shift = set1(now);
    Vec total{};
    for (std::int64_t k = 0; k < keys; k += kLanes) {
      const Mask m = firstLanes(keys - k);
      const Vec p = sees(k, exp2(load(row + k, m) - shift), Vec{});
      store(row + k, p, m);
      total = total + p;
    }
    highest = now;
    sum = sum * shrink[0] + reduceAdd(total);
    return shrink[0];
  }
};

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

template <class From, class To>
void convertRow(const From* from, To* to, std::int64_t count) {
  forLanes(count, [&](std::int64_t i, auto lanes) { store(to + i, load(from + i, lanes), lanes); });
}

template <class Store>
void storeKeys(ExecContext& context, const CachedAttentionT<Store>& op) {
  const std::int64_t width = std::int64_t{op.kvHeads} * op.headDim;
  const Sequences& s = op.sequences;
  context.parallelFor(static_cast<std::size_t>(s.offsets[s.count]), [&](std::size_t begin, std::size_t end, int) {
    std::int32_t sequence = 0;
    for (std::int64_t row = static_cast<std::int64_t>(begin); row < static_cast<std::int64_t>(end); ++row) {
      while (row >= s.offsets[sequence + 1]) ++sequence;
      Store* const to = op.cache + (s.cached[sequence].first + s.position(sequence, row)) * op.ldc;
      const Store* const from = op.qkv + row * op.ld;
      __builtin_memcpy(to, from + op.kColumn, static_cast<std::size_t>(width) * sizeof(Store));
      __builtin_memcpy(to + width, from + op.vColumn, static_cast<std::size_t>(width) * sizeof(Store));
    }
  });
}

// A thread's scratch, and one block of queries at a time.
template <class Store>
class Attend {
 public:
  Attend(const CachedAttentionT<Store>& given, int thread)
      : op(given),
        group(given.heads / given.kvHeads),
        D(given.headDim),
        stride((D + 15) / 16 * 16),
        exponent(given.kind, given.headDim) {
    const std::int64_t M = cachedQueries(group);
    float* next = op.scratch + thread * (2 * M * stride + M * kCachedKeys + 2 * kCachedKeys * stride);
    const auto take = [&next](std::int64_t floats) { return std::exchange(next, next + floats); };
    queries = take(M * stride);
    sums = take(M * stride);
    scores = take(M * kCachedKeys);
    keys = take(kCachedKeys * stride);
    values = take(kCachedKeys * stride);
  }

  void run(const Block& block) {
    const Sequences& s = op.sequences;
    const std::int64_t start = s.offsets[block.sequence];
    const CachedRows cached = s.cached[block.sequence];
    const std::int64_t first = cached.past + block.firstRow;  // position of the first query
    const std::int64_t rows = block.count * group;
    const std::int64_t column = std::int64_t{block.kvHead} * group * D;
    Softmax softmax[kMostCachedGroup];
    for (std::int64_t r = 0; r < rows; ++r) {
      const Store* const from = op.qkv + (start + block.firstRow + r / group) * op.ld + op.qColumn + column;
      convertRow(from + r % group * D, queries + r * stride, D);
      const float* const sink = op.sinks == nullptr ? nullptr : op.sinks + block.kvHead * group + r % group;
      softmax[r] = sink == nullptr ? Softmax{kLowest, 0.0F} : Softmax{*sink * kLog2E, 1.0F};
    }
    __builtin_memset(sums, 0, static_cast<std::size_t>(rows * stride) * sizeof(float));
    const std::int64_t end = first + block.count;
    const std::int64_t begin = op.kind.firstKey(first) / kCachedKeys * kCachedKeys;
    for (std::int64_t tile = begin; tile < end; tile += kCachedKeys) {
      const std::int64_t count = smaller(kCachedKeys, end - tile);
      const Operand k = operand(cached.first + tile, block.kvHead * D, count, keys);
      const Operand v = operand(cached.first + tile, (op.kvHeads + std::int64_t{block.kvHead}) * D, count, values);
      dotGemm(rows, count, D, queries, stride, k.at, k.ld, scores, kCachedKeys, false);
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t position = first + r / group;
        const std::int64_t from = larger(0, op.kind.firstKey(position) - tile);
        const std::int64_t to = smaller(count, position + 1 - tile);
        const float shrink = softmax[r].take(scores + r * kCachedKeys, from, to, count, exponent);
        if (shrink == 1.0F) continue;
        float* const sum = sums + r * stride;
        forLanes(D, [&](std::int64_t i, auto lanes) { store(sum + i, load(sum + i, lanes) * set1(shrink), lanes); });
      }
      tileGemm(rows, D, count, scores, kCachedKeys, 1, v.at, v.ld, sums, stride, true);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      Store* const to = op.out + (start + block.firstRow + r / group) * op.ldo + column + r % group * D;
      const Vec inverse = set1(1.0F / softmax[r].sum);
      const float* const sum = sums + r * stride;
      forLanes(D, [&](std::int64_t i, auto lanes) { store(to + i, load(sum + i, lanes) * inverse, lanes); });
    }
  }

 private:
  struct Operand {
    const float* at;
    std::int64_t ld;
  };
  // Rows of the cache as floats: where they are, or in `room`.
  Operand operand(std::int64_t row, std::int64_t column, std::int64_t count, float* room) const {
    const Store* const from = op.cache + row * op.ldc + column;
    if constexpr (std::is_same_v<Store, float>) {
      return {from, op.ldc};
    } else {
      for (std::int64_t i = 0; i < count; ++i) convertRow(from + i * op.ldc, room + i * stride, D);
      return {room, stride};
    }
  }

  const CachedAttentionT<Store>& op;
  const std::int64_t group;
  const std::int64_t D;
  const std::int64_t stride;
  const Exponent exponent;
  float* queries;
  float* sums;
  float* scores;
  float* keys;
  float* values;
};

template <class Store>
void attend(ExecContext& context, const CachedAttentionT<Store>& op) {
  storeKeys(context, op);
  const Sequences& s = op.sequences;
  const std::int64_t positions = larger(1, kCachedQueries / (op.heads / op.kvHeads));  // of a block
  const auto blocksOf = [&](std::int32_t i) { return (s.offsets[i + 1] - s.offsets[i] + positions - 1) / positions; };
  std::int64_t total = 0;
  for (std::int32_t i = 0; i < s.count; ++i) total += blocksOf(i) * op.kvHeads;
  std::atomic<std::int64_t> next{0};
  context.parallelFor(static_cast<std::size_t>(context.threads()), [&](std::size_t, std::size_t, int thread) {
    Attend<Store> own(op, thread);
    std::int32_t sequence = 0;
    std::int64_t before = 0;  // blocks of earlier sequences
    for (std::int64_t block = next++; block < total; block = next++) {
      while (block >= before + blocksOf(sequence) * op.kvHeads) before += blocksOf(sequence++) * op.kvHeads;
      const std::int64_t at = block - before;
      const std::int64_t firstRow = at / op.kvHeads * positions;
      const std::int64_t rows = s.offsets[sequence + 1] - s.offsets[sequence];
      own.run({sequence, static_cast<std::int32_t>(at % op.kvHeads), firstRow, smaller(positions, rows - firstRow)});
    }
  });
}

}  // namespace

void cached_attention(ExecContext& context, const CachedAttention& op) { attend(context, op); }
void cached_attention(ExecContext& context, const CachedAttentionBf16& op) { attend(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
