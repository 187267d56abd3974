#include "attention.h"

#include <atomic>
#include <utility>

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kQueries = static_cast<std::int64_t>(kAttentionTileQueries);
constexpr std::int64_t kKeys = static_cast<std::int64_t>(kAttentionTileKeys);
constexpr float kLn2 = 0.69314718F;
constexpr float kLowest = -1.0e30F;  // in the place of scores that no query sees

// Keys or queries that a product takes at a time where it sums over them. Blocks of 16 x 16 that nobody sees are filled
// with zeros up to there: tiles have 16 units along K, and to configure others takes longer than to multiply zeros.
template <class Store>
constexpr std::int64_t kSumStep =
#if defined(LORATWIN_TILES)
    kTileUnits * kUnitElements<Store>;
#else
    kLanes;
#endif

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
inline std::int64_t wholeLanes(std::int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

std::size_t longest(const Sequences& sequences) {
  std::int32_t length = 0;
  for (std::int32_t i = 0; i < sequences.count; ++i) {
    const std::int32_t rows = sequences.offsets[i + 1] - sequences.offsets[i];
    length = rows > length ? rows : length;
  }
  return static_cast<std::size_t>(length);
}

// Floats of a tile's matrix: an even number of keys, 64 queries.
std::int64_t tileFloats(std::size_t maxSequence) {
  return kQueries * static_cast<std::int64_t>(attentionTileKeys((maxSequence + 1) / 2 * 2));
}

// A thread's scratch, part by part.
class Parts {
 public:
  explicit Parts(float* at) : at_(at) {}
  float* take(std::int64_t floats) { return std::exchange(at_, at_ + floats); }
  template <class Store>
  Unit<Store>* units(std::int64_t count) {
    return reinterpret_cast<Unit<Store>*>(take(count));
  }

 private:
  float* at_;
};

template <class Store>
float dot(const Store* a, const Store* b, std::int64_t count) {
  Vec sum{};
  for (std::int64_t i = 0; i < count; i += kLanes * kUnitElements<Store>) {
    sum = multiplyAdd(unitsOfRow<Store>(a + i, count - i), unitsOfRow<Store>(b + i, count - i), sum);
  }
  return reduceAdd(sum);
}

// Runs body(sequence, kvHead, thread) for every pair, whichever thread is free: units write disjoint outputs, so the
// bytes do not depend on who takes which. Even threads take from the front and odd ones from the back, so that with two
// threads most rows stay on the core whose share of the matmul's rows they were.
template <class Body>
void forEachUnit(ExecContext& context, const Sequences& sequences, std::int32_t kvHeads, Body body) {
  const std::uint64_t units = static_cast<std::uint64_t>(sequences.count) * static_cast<std::uint64_t>(kvHeads);
  std::atomic<std::uint64_t> left{units << 32};  // the units from the low half up to the high half
  context.parallelFor(static_cast<std::size_t>(context.threads()), [&](std::size_t, std::size_t, int thread) {
    [[maybe_unused]] const TileUse tiles;
    std::uint64_t range = left.load();
    while (true) {
      const std::uint64_t first = range & 0xffffffffU;
      const std::uint64_t end = range >> 32;
      if (first == end) return;
      const bool front = thread % 2 == 0;
      if (!left.compare_exchange_weak(range, front ? (end << 32) | (first + 1) : ((end - 1) << 32) | first)) continue;
      const std::int32_t unit = static_cast<std::int32_t>(front ? first : end - 1);
      const std::int32_t sequence = unit / kvHeads;
      if (sequences.offsets[sequence] < sequences.offsets[sequence + 1]) body(sequence, unit % kvHeads, thread);
      range = left.load();
    }
  });
}

// The key that the first tile of the 64 queries from `first` on begins with. A multiple of 64, as `first` is: so no
// later tile begins after `first`.
inline std::int64_t firstTile(const AttentionKind& kind, std::int64_t first) {
  return kind.firstKey(first) / kQueries * kQueries;
}

// Rows of a tile for 16 of its queries. Those from `hidden` to `end` count, some of them for some of the queries only:
// up to `edge` they may be before a query's first key, from `diagonal` on they may be after a query. Before `hidden`
// and from `end` on there are zeros in the rows that sums over keys take, summed .. summedEnd.
struct Rows {
  std::int64_t summed;
  std::int64_t hidden;  // even
  std::int64_t edge;    // even, or `end`
  std::int64_t diagonal;
  std::int64_t end;
  std::int64_t summedEnd;
};

// A tile of scores, transposed: row u holds key start + u against queries first .. first + queries, a query a lane, so
// that softmax needs no sums across lanes. Only the blocks of 16 x 16 are touched that have a key which a query sees:
// row u counts for the queries from `start + u` on, and of a window or chunk for those up to the last that it reaches.
struct Tile {
  AttentionKind kind;
  std::int64_t first;
  std::int64_t queries;
  std::int64_t start;  // from firstTile(kind, first) in steps of kKeys up to `first`
  std::int64_t keys;
  std::int64_t whole;  // rows up to there are not after any query
  bool isFirst;
  bool isEdge;  // some query does not see the first row since it is before its window or chunk

  Tile(const AttentionKind& attentionKind, std::int64_t firstQuery, std::int64_t sequence, std::int64_t firstKey)
      : kind(attentionKind),
        first(firstQuery),
        queries(smaller(kQueries, sequence - firstQuery)),
        start(firstKey),
        keys(smaller(kKeys, firstQuery + queries - firstKey)),
        whole(smaller(keys, firstQuery - firstKey)),
        isFirst(firstKey == firstTile(kind, firstQuery)),
        isEdge(firstKey < kind.firstKey(firstQuery + kQueries - 1)) {}

  template <class Store>
  Rows rowsOf(std::int64_t query) const {
    constexpr std::int64_t kStep = kSumStep<Store>;
    const std::int64_t diagonal = smaller(keys, first + query - start);
    const std::int64_t end = smaller(keys, first + query + kLanes - start);
    const std::int64_t summedEnd = smaller(keys, (first + query + kLanes - start + kStep - 1) / kStep * kStep);
    if (!isEdge) return {0, 0, 0, diagonal, end, summedEnd};
    const std::int64_t summed = rowsBefore(query / kStep * kStep) / kStep * kStep;
    const std::int64_t edge = smaller(end, (rowsBefore(query + kLanes - 1) + 1) / 2 * 2);
    return {summed, rowsBefore(query) / 2 * 2, edge, diagonal, end, summedEnd};
  }
  // Of the 16 queries from `query` on, the first so many see the row, if they are not before it.
  std::int64_t reached(std::int64_t row, std::int64_t query) const {
    return kind.lastQuery(start + row, INT64_MAX) + 1 - (first + query);
  }

  // body(row, rows, query, queryEnd): the rectangles of rows against queries, whole blocks of these
  template <class Body>
  void forEachRectangle(Body body) const {
    const std::int64_t lanes = wholeLanes(queries);
    const std::int64_t edge = isEdge ? smaller(keys, wholeLanes(rowsBefore(lanes - 1))) : 0;
    std::int64_t row = 0;
    for (; row < edge; row += kLanes) {
      const std::int64_t rows = smaller(kLanes, keys - row);
      const std::int64_t query = larger(row - whole, 0);
      const std::int64_t queryEnd = smaller(lanes, wholeLanes(reached(row + rows - 1, 0)));
      if (query < queryEnd) body(row, rows, query, queryEnd);
    }
    if (row < whole) {
      body(row, whole - row, std::int64_t{0}, lanes);
      row = whole;
    }
    for (; row < keys; row += kLanes) body(row, smaller(kLanes, keys - row), row - whole, lanes);
  }

  // destination[row, query] = x[row,:] . y[query,:] for x [keys, depth units] and y^T [depth units, 64]
  template <class U>
  void products(const U* x, const U* yT, std::int64_t depth, float* destination) const {
    forEachRectangle([&](std::int64_t row, std::int64_t rows, std::int64_t query, std::int64_t queryEnd) {
      tileGemm(rows, queryEnd - query, depth, x + row * depth, depth, 1, yT + query, kQueries,
               destination + row * kQueries + query, kQueries, false);
    });
  }

 private:
  // Rows before the first key that a query sees.
  std::int64_t rowsBefore(std::int64_t query) const {
    return smaller(keys, larger(kind.firstKey(first + query) - start, 0));
  }
};

// sums [queries, D] (stride lds) (+)= tile^T x, tile as pairs of rows, x [keys, D] packed by packPairs
template <class Store>
void addOverKeys(const Tile& tile, const float* pairs, const Unit<Store>* x, std::int64_t D, float* sums,
                 std::int64_t lds) {
  for (std::int64_t query = 0; query < tile.queries; query += kLanes) {
    const Rows rows = tile.rowsOf<Store>(query);
    tileGemm(smaller(kLanes, tile.queries - query), D, unitsOf<Store>(rows.summedEnd - rows.summed),
             reinterpret_cast<const Unit<Store>*>(pairs) + rows.summed * kQueries + query, 1,
             kUnitElements<Store> * kQueries, x + unitsOf<Store>(rows.summed) * D, D, sums + query * lds, lds,
             !tile.isFirst);
  }
}

// sums [keys, D] (stride lds) += tile x, tile as rows, x [queries, D] packed by packPairs
template <class Store>
void addOverQueries(const Tile& tile, const float* rows, const Unit<Store>* x, std::int64_t D, float* sums,
                    std::int64_t lds) {
  constexpr std::int64_t kStep = kSumStep<Store>;
  tile.forEachRectangle([&](std::int64_t row, std::int64_t count, std::int64_t query, std::int64_t queryEnd) {
    const std::int64_t from = query / kStep * kStep;
    const std::int64_t end = smaller(tile.queries, (queryEnd + kStep - 1) / kStep * kStep);
    const std::int64_t skipped = from / kUnitElements<Store>;
    tileGemm(count, D, unitsOf<Store>(end - from),
             reinterpret_cast<const Unit<Store>*>(rows) + row * kQueries + skipped, kQueries, 1, x + skipped * D, D,
             sums + row * lds, lds, true);
  });
}

// The 64 queries of a tile as a right operand; lanes beyond them are 0.
template <class Store>
void packQueries(const Store* source, std::int64_t lds, std::int64_t queries, std::int64_t D,
                 Unit<Store>* destination) {
  if (queries < kQueries) {
    std::memset(destination, 0, static_cast<std::size_t>(unitsOf<Store>(D) * kQueries) * sizeof(float));
  }
  packTransposed<Store>(source, lds, queries, D, destination, kQueries);
}

// destination [rows, columns] (stride ldd) = source (stride lds), row r times factorOf(r)
template <class Store, class Factor>
void writeRows(const float* source, std::int64_t lds, std::int64_t rows, std::int64_t columns, Factor factorOf,
               Store* destination, std::int64_t ldd) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const Vec factor = set1(factorOf(r));
    forLanes(columns, [&](std::int64_t c, auto lanes) {
      store(destination + r * ldd + c, load(source + r * lds + c, lanes) * factor, lanes);
    });
  }
}

// Two rows of a tile in one row of pairs where the processor multiplies pairs; else each row in its own place.
template <class Store>
inline void storePairs(float* tile, Vec even, Vec odd) {
#if defined(LORATWIN_PAIRS)
  if constexpr (kUnitElements<Store> == 2) {
    storeUnits(reinterpret_cast<Pair*>(tile), pairLanes(even, odd), firstLanes(kLanes));
    return;
  }
#endif
  store(tile, rounded<Store>(even));
  store(tile + kQueries, rounded<Store>(odd));
}

// 16 queries of a row of a tile, as units along the row.
template <class Store>
inline void storeRow(float* row, std::int64_t query, Vec v) {
  if constexpr (kUnitElements<Store> == 2) {
    store(reinterpret_cast<Store*>(row) + query, v);
  } else {
    store(row + query, rounded<Store>(v));
  }
}

// Which of 16 queries see a row: (row, v, other) is v for these lanes, else `other`. kWholePairs: rows are even.
struct All {
  static constexpr bool kWholePairs = true;
  Vec operator()(std::int64_t, Vec v, Vec) const { return v; }
};
struct FromDiagonal {
  static constexpr bool kWholePairs = false;
  std::int64_t diagonal;
  Vec operator()(std::int64_t row, Vec v, Vec other) const { return elseLanes(firstLanes(row - diagonal), other, v); }
};
struct BetweenEdges {
  static constexpr bool kWholePairs = false;
  const Tile& tile;
  std::int64_t query;
  std::int64_t diagonal;
  Vec operator()(std::int64_t row, Vec v, Vec other) const {
    return elseLanes(firstLanes(row - diagonal), other, elseLanes(firstLanes(tile.reached(row, query)), v, other));
  }
};

// body(first, last, sees) for the rows of 16 queries, in order.
template <class Body>
inline void forEachSight(const Tile& tile, std::int64_t query, const Rows& rows, Body body) {
  if (rows.hidden < rows.edge) body(rows.hidden, rows.edge, BetweenEdges{tile, query, rows.diagonal});
  body(rows.edge, rows.diagonal, All{});
  body(larger(rows.edge, rows.diagonal), rows.end, FromDiagonal{rows.diagonal});
}

// What of a score is the exponent of 2 in softmax: factor * score, or factor * tanh(inner * score) if it is capped.
struct Exponent {
  float factor;
  float inner;
};

// Softmax of a tile's queries over the keys so far: scores are exponents of 2, sums those of 2^(score - highest).
struct Softmax {
  float highest[kQueries];
  float sums[kQueries];
  float shrink[kQueries];  // what earlier tiles' results are to be multiplied by

  // `sink`: the score of what no key is, or null
  explicit Softmax(const float* sink) {
    for (std::int64_t query = 0; query < kQueries; ++query) {
      highest[query] = sink == nullptr ? kLowest : *sink * kLog2E;
      sums[query] = sink == nullptr ? 0.0F : 1.0F;
    }
  }
  void finish(std::int64_t queries, float* inverse, float* lse) const {
    for (std::int64_t query = 0; query < queries; query += kLanes) {
      const Vec sum = load(sums + query);
      store(inverse + query, set1(1.0F) / sum);
      store(lse + query, fma(load(highest + query), set1(kLn2), log(sum)));
    }
  }
};

// The highest of `most` and rows first .. last of 16 queries' scores, which are capped to tanh(inner * score) there.
template <bool kCapped, class Sees>
inline Vec highest(float* column, std::int64_t first, std::int64_t last, [[maybe_unused]] Vec inner, Sees sees,
                   Vec most) {
  for (std::int64_t u = first; u < last; ++u) {
    Vec score = load(column + u * kQueries);
    if constexpr (kCapped) {
      score = tanh(score * inner);
      store(column + u * kQueries, score);
    }
    most = max(most, sees(u, score, set1(kLowest)));
  }
  return most;
}

// Rows first .. last of 16 queries' scores become 2^(scale score + shift) as pairs of rows; returns sum + theirs.
template <class Store, class Sees>
inline Vec exponentials(float* column, std::int64_t first, std::int64_t last, Vec scale, Vec shift, Sees sees,
                        Vec sum) {
  for (std::int64_t u = first; u < last; u += 2) {
    float* at = column + u * kQueries;
    const Vec even = sees(u, exp2(fma(load(at), scale, shift)), Vec{});
    Vec odd{};
    if (Sees::kWholePairs || u + 1 < last) {
      odd = sees(u + 1, exp2(fma(load(at + kQueries), scale, shift)), Vec{});
    }
    sum = sum + (even + odd);
    storePairs<Store>(at, even, odd);
  }
  return sum;
}

// The tile's scores become numerators of the softmax, as pairs of rows.
template <class Store, bool kCapped>
void softmaxTile(const Tile& tile, float* scores, Exponent exponent, Softmax& state) {
  const Vec scale = set1(exponent.factor);
  const Vec inner = set1(exponent.inner);
  for (std::int64_t query = 0; query < tile.queries; query += kLanes) {
    const Rows rows = tile.rowsOf<Store>(query);
    float* column = scores + query;
    Vec most = set1(kLowest);
    forEachSight(tile, query, rows, [&](std::int64_t first, std::int64_t last, auto sees) {
      most = highest<kCapped>(column, first, last, inner, sees, most);
    });
    const Vec before = load(state.highest + query);
    const Vec now = max(before, most * scale);
    const Vec shrink = exp2(before - now);
    const Vec shift = Vec{} - now;
    Vec sum = load(state.sums + query) * shrink;
    for (std::int64_t u = rows.summed; u < rows.hidden; u += 2) {
      storePairs<Store>(column + u * kQueries, Vec{}, Vec{});
    }
    forEachSight(tile, query, rows, [&](std::int64_t first, std::int64_t last, auto sees) {
      sum = exponentials<Store>(column, first, last, scale, shift, sees, sum);
    });
    for (std::int64_t u = rows.end; u < rows.summedEnd; u += 2) {
      storePairs<Store>(column + u * kQueries, Vec{}, Vec{});
    }
    store(state.highest + query, now);
    store(state.sums + query, sum);
    store(state.shrink + query, shrink);
  }
}

// P and dS of rows u and u + 1 where gradientTile puts them.
template <class Store>
inline void storeGradients(std::int64_t u, std::int64_t query, Vec evenP, Vec oddP, Vec even, Vec odd, float* scores,
                           float* dp, [[maybe_unused]] float* dsRows) {
  storePairs<Store>(dp + u * kQueries + query, even, odd);
  storeRow<Store>(scores + u * kQueries, query, evenP);
  storeRow<Store>(scores + (u + 1) * kQueries, query, oddP);
  if constexpr (kUnitElements<Store> == 2) {
    storeRow<Store>(dsRows + u * kQueries, query, even);
    storeRow<Store>(dsRows + (u + 1) * kQueries, query, odd);
  }
}

// P of 16 queries and a row of scores, and dS from a row of dP; see gradientTile.
struct Gradients {
  Vec scale;
  Vec shift;
  Vec delta;
  Vec inner;

  template <bool kCapped, class Sees>
  void row(std::int64_t u, const float* score, const float* dp, Sees sees, Vec& p, Vec& ds) const {
    Vec s = load(score);
    if constexpr (kCapped) s = tanh(s * inner);
    p = sees(u, exp2(fma(s, scale, shift)), Vec{});
    ds = p * (load(dp) - delta);
    if constexpr (kCapped) ds = ds * (set1(1.0F) - s * s);
  }
};

// Rows first .. last of the 16 queries from `query` on, see gradientTile.
template <class Store, bool kCapped, class Sees>
inline void gradients(std::int64_t first, std::int64_t last, std::int64_t query, float* scores, float* dp,
                      float* dsRows, Gradients of, Sees sees) {
  for (std::int64_t u = first; u < last; u += 2) {
    const std::int64_t at = u * kQueries + query;
    Vec evenP;
    Vec even;
    of.row<kCapped>(u, scores + at, dp + at, sees, evenP, even);
    Vec oddP{};
    Vec odd{};
    if (Sees::kWholePairs || u + 1 < last) {
      of.row<kCapped>(u + 1, scores + at + kQueries, dp + at + kQueries, sees, oddP, odd);
    }
    storeGradients<Store>(u, query, evenP, oddP, even, odd, scores, dp, dsRows);
  }
}

// P and dS of a tile from its scores and dP: P as rows in the place of the scores, dS as pairs of rows in the place of
// dP, and as rows.
template <class Store, bool kCapped>
void gradientTile(const Tile& tile, float* scores, float* dp, float* dsRows, Exponent exponent, const float* shifts,
                  const float* deltas) {
  const auto zeros = [&](std::int64_t query, std::int64_t first, std::int64_t last) {
    for (std::int64_t u = first; u < last; u += 2) {
      storeGradients<Store>(u, query, Vec{}, Vec{}, Vec{}, Vec{}, scores, dp, dsRows);
    }
  };
  for (std::int64_t query = 0; query < tile.queries; query += kLanes) {
    const Rows rows = tile.rowsOf<Store>(query);
    const Gradients of{set1(exponent.factor), load(shifts + query), load(deltas + query), set1(exponent.inner)};
    zeros(query, rows.summed, rows.hidden);
    forEachSight(tile, query, rows, [&](std::int64_t first, std::int64_t last, auto sees) {
      gradients<Store, kCapped>(first, last, query, scores, dp, dsRows, of, sees);
    });
    zeros(query, rows.end, rows.summedEnd);
  }
}

inline Exponent cappedExponent(const AttentionKind& kind, std::int32_t headDim) {
  return {kind.softcap * kLog2E, kind.scaleOf(headDim) / kind.softcap};
}

template <class Store>
void forward(ExecContext& context, const AttentionT<float, Store>& op) {
  const std::int64_t D = op.headDim;
  const std::int64_t depth = unitsOf<Store>(D);
  const std::int64_t stride = static_cast<std::int64_t>(attentionStride(static_cast<std::size_t>(D)));
  const std::size_t maxSequence = longest(op.sequences);
  const std::size_t perThread = attentionScratchBytes(1, maxSequence, static_cast<std::size_t>(D)) / sizeof(float);
  const AttentionKind kind = op.kind;
  const bool capped = kind.softcap > 0.0F;
  const float factor = kind.scale > 0.0F ? kind.scale * kLog2E : kLog2E / __builtin_sqrtf(static_cast<float>(D));
  const Exponent exponent = capped ? cappedExponent(kind, op.headDim) : Exponent{factor, 0.0F};
  const std::int32_t group = op.heads / op.kvHeads;
  forEachUnit(context, op.sequences, op.kvHeads, [&](std::int32_t sequence, std::int32_t kvHead, int thread) {
    const std::int64_t start = op.sequences.offsets[sequence];
    const std::int64_t S = op.sequences.offsets[sequence + 1] - start;
    const Store* rows = op.qkv + start * op.ld;
    Parts part(op.scratch + static_cast<std::size_t>(thread) * perThread);
    float* scores = part.take(tileFloats(maxSequence));
    float* out = part.take(kQueries * stride);
    auto* qT = part.units<Store>(kQueries * depth);
    auto* k = part.units<Store>(S * depth);
    auto* v = part.units<Store>(unitsOf<Store>(S) * D);
    packRows<Store>(rows + op.kColumn + kvHead * D, op.ld, S, D, k, depth);
    packPairs<Store>(rows + op.vColumn + kvHead * D, op.ld, S, D, v, D);
    for (std::int32_t h = kvHead * group; h < (kvHead + 1) * group; ++h) {
      for (std::int64_t first = 0; first < S; first += kQueries) {
        Softmax softmax(op.sinks == nullptr ? nullptr : op.sinks + h);
        const std::int64_t queries = smaller(kQueries, S - first);
        packQueries(rows + first * op.ld + op.qColumn + h * D, op.ld, queries, D, qT);
        for (std::int64_t key = firstTile(kind, first); key < first + queries; key += kKeys) {
          const Tile tile(kind, first, S, key);
          tile.products(k + key * depth, qT, depth, scores);
          if (capped) {
            softmaxTile<Store, true>(tile, scores, exponent, softmax);
          } else {
            softmaxTile<Store, false>(tile, scores, exponent, softmax);
          }
          if (!tile.isFirst) {
            writeRows(
                out, stride, queries, D, [&](std::int64_t r) { return softmax.shrink[r]; }, out, stride);
          }
          addOverKeys<Store>(tile, scores, v + unitsOf<Store>(key) * D, D, out, stride);
        }
        float inverse[kQueries];
        float lse[kQueries];
        softmax.finish(queries, inverse, lse);
        writeRows(
            out, stride, queries, D, [&](std::int64_t r) { return inverse[r]; },
            op.out + (start + first) * op.ldo + h * D, op.ldo);
        for (std::int64_t i = 0; i < queries; ++i) op.lse[(start + first + i) * op.heads + h] = lse[i];
      }
    }
  });
}

template <class Store>
void backward(ExecContext& context, const AttentionBackwardT<float, Store>& op) {
  const std::int64_t D = op.headDim;
  const std::int64_t depth = unitsOf<Store>(D);
  const std::int64_t stride = static_cast<std::int64_t>(attentionStride(static_cast<std::size_t>(D)));
  const std::size_t maxSequence = longest(op.sequences);
  const std::size_t perThread =
      attentionBackwardScratchBytes(1, maxSequence, static_cast<std::size_t>(D)) / sizeof(float);
  const AttentionKind kind = op.kind;
  const bool capped = kind.softcap > 0.0F;
  const float scale = kind.scaleOf(op.headDim);
  const Exponent exponent = capped ? cappedExponent(kind, op.headDim) : Exponent{scale * kLog2E, 0.0F};
  const auto scaled = [scale](std::int64_t) { return scale; };
  const std::int32_t group = op.heads / op.kvHeads;
  forEachUnit(context, op.sequences, op.kvHeads, [&](std::int32_t sequence, std::int32_t kvHead, int thread) {
    const std::int64_t start = op.sequences.offsets[sequence];
    const std::int64_t S = op.sequences.offsets[sequence + 1] - start;
    const Store* rows = op.qkv + start * op.ld;
    Store* gradients = op.dqkv + start * op.ldd;
    Parts part(op.scratch + static_cast<std::size_t>(thread) * perThread);
    float* p = part.take(tileFloats(maxSequence));
    float* ds = part.take(tileFloats(maxSequence));
    float* dq = part.take(kQueries * stride);
    auto* qT = part.units<Store>(kQueries * depth);
    auto* doutT = part.units<Store>(kQueries * depth);
    auto* q = part.units<Store>(unitsOf<Store>(kQueries) * D);
    auto* dout = part.units<Store>(unitsOf<Store>(kQueries) * D);
    float* dk = part.take(S * stride);
    float* dv = part.take(S * stride);
    auto* k = part.units<Store>(S * depth);
    auto* v = part.units<Store>(S * depth);
    auto* kPairs = k;
    float* dsRows = ds;
    if constexpr (kUnitElements<Store> == 2) {
      kPairs = part.units<Store>(unitsOf<Store>(S) * D);
      dsRows = part.take(tileFloats(maxSequence));
      packPairs<Store>(rows + op.kColumn + kvHead * D, op.ld, S, D, kPairs, D);
    }
    packRows<Store>(rows + op.kColumn + kvHead * D, op.ld, S, D, k, depth);
    packRows<Store>(rows + op.vColumn + kvHead * D, op.ld, S, D, v, depth);
    std::memset(dk, 0, static_cast<std::size_t>(S * stride) * sizeof(float));
    std::memset(dv, 0, static_cast<std::size_t>(S * stride) * sizeof(float));
    for (std::int32_t h = kvHead * group; h < (kvHead + 1) * group; ++h) {
      for (std::int64_t first = 0; first < S; first += kQueries) {
        const std::int64_t queries = smaller(kQueries, S - first);
        const Store* qRows = rows + first * op.ld + op.qColumn + h * D;
        const Store* outRows = op.out + (start + first) * op.ldo + h * D;
        const Store* doutRows = op.dout + (start + first) * op.lddo + h * D;
        packQueries(qRows, op.ld, queries, D, qT);
        packQueries(doutRows, op.lddo, queries, D, doutT);
        packPairs<Store>(qRows, op.ld, queries, D, q, D);
        packPairs<Store>(doutRows, op.lddo, queries, D, dout, D);
        float shifts[kQueries] = {};
        float deltas[kQueries] = {};
        for (std::int64_t i = 0; i < queries; ++i) {
          shifts[i] = -kLog2E * op.lse[(start + first + i) * op.heads + h];
          deltas[i] = dot(outRows + i * op.ldo, doutRows + i * op.lddo, D);
        }
        for (std::int64_t key = firstTile(kind, first); key < first + queries; key += kKeys) {
          const Tile tile(kind, first, S, key);
          tile.products(k + key * depth, qT, depth, p);
          tile.products(v + key * depth, doutT, depth, ds);
          if (capped) {
            gradientTile<Store, true>(tile, p, ds, dsRows, exponent, shifts, deltas);
          } else {
            gradientTile<Store, false>(tile, p, ds, dsRows, exponent, shifts, deltas);
          }
          addOverKeys<Store>(tile, ds, kPairs + unitsOf<Store>(key) * D, D, dq, stride);
          addOverQueries<Store>(tile, dsRows, q, D, dk + key * stride, stride);
          addOverQueries<Store>(tile, p, dout, D, dv + key * stride, stride);
        }
        writeRows(dq, stride, queries, D, scaled, gradients + first * op.ldd + op.qColumn + h * D, op.ldd);
      }
    }
    writeRows(dk, stride, S, D, scaled, gradients + op.kColumn + kvHead * D, op.ldd);
    writeRows(
        dv, stride, S, D, [](std::int64_t) { return 1.0F; }, gradients + op.vColumn + kvHead * D, op.ldd);
  });
}

}  // namespace

void attention(ExecContext& context, const Attention& op) { forward(context, op); }
void attention(ExecContext& context, const AttentionBf16& op) { forward(context, op); }
void attention_backward(ExecContext& context, const AttentionBackward& op) { backward(context, op); }
void attention_backward(ExecContext& context, const AttentionBackwardBf16& op) { backward(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
