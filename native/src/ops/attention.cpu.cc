#include "attention.h"

#include <atomic>
#include <utility>

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kQueries = static_cast<std::int64_t>(kAttentionTileQueries);
constexpr std::int64_t kKeys = static_cast<std::int64_t>(kAttentionTileKeys);
constexpr float kLn2 = 0.69314718F;

// Keys or queries that a product takes at a time where it sums over them. Above the diagonal blocks of 16 x 16 are
// filled with zeros up to there: tiles have 16 units along K, and to configure others takes longer than to multiply
// zeros.
template <class Store>
constexpr std::int64_t kSumStep =
#if defined(LORATWIN_TILES)
    kTileUnits * kUnitElements<Store>;
#else
    kLanes;
#endif

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

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

// A tile of scores, transposed: row u holds key start + u against queries first .. first + queries, a query a lane, so
// that softmax needs no sums across lanes. Row u counts for the queries from `start + u` on: beyond `whole` rows only
// the blocks of 16 x 16 on or below the diagonal are touched.
struct Tile {
  std::int64_t first;
  std::int64_t queries;
  std::int64_t start;  // a multiple of kKeys up to `first`
  std::int64_t keys;
  std::int64_t whole;  // rows that count for all queries

  Tile(std::int64_t firstQuery, std::int64_t sequence, std::int64_t firstKey)
      : first(firstQuery),
        queries(smaller(kQueries, sequence - firstQuery)),
        start(firstKey),
        keys(smaller(kKeys, firstQuery + queries - firstKey)),
        whole(smaller(keys, firstQuery - firstKey)) {}
  // Rows that count for some of the 16 queries from `query` on, and for all of these.
  std::int64_t rowsOf(std::int64_t query) const { return smaller(keys, first + query + kLanes - start); }
  std::int64_t wholeRowsOf(std::int64_t query) const { return smaller(keys, first + query - start); }
  // Rows that sums over keys take for these 16 queries: the ones that count and, up to a whole step, zeros.
  template <class Store>
  std::int64_t summedRowsOf(std::int64_t query) const {
    constexpr std::int64_t kStep = kSumStep<Store>;
    return smaller(keys, (first + query + kLanes - start + kStep - 1) / kStep * kStep);
  }

  // body(row, rows, query): the rectangles of rows against the queries from `query` on
  template <class Body>
  void forEachRectangle(Body body) const {
    if (whole > 0) body(std::int64_t{0}, whole, std::int64_t{0});
    for (std::int64_t row = whole; row < keys; row += kLanes) body(row, smaller(kLanes, keys - row), row - whole);
  }

  // destination[row, query] = x[row,:] . y[query,:] for x [keys, depth units] and y^T [depth units, 64]
  template <class U>
  void products(const U* x, const U* yT, std::int64_t depth, float* destination) const {
    const std::int64_t lanes = (queries + kLanes - 1) / kLanes * kLanes;
    forEachRectangle([&](std::int64_t row, std::int64_t rows, std::int64_t query) {
      tileGemm(rows, lanes - query, depth, x + row * depth, depth, 1, yT + query, kQueries,
               destination + row * kQueries + query, kQueries, false);
    });
  }
};

// sums [queries, D] (stride lds) (+)= tile^T x, tile as pairs of rows, x [keys, D] packed by packPairs
template <class Store>
void addOverKeys(const Tile& tile, const float* pairs, const Unit<Store>* x, std::int64_t D, float* sums,
                 std::int64_t lds) {
  for (std::int64_t query = 0; query < tile.queries; query += kLanes) {
    tileGemm(smaller(kLanes, tile.queries - query), D, unitsOf<Store>(tile.summedRowsOf<Store>(query)),
             reinterpret_cast<const Unit<Store>*>(pairs) + query, 1, kUnitElements<Store> * kQueries, x, D,
             sums + query * lds, lds, tile.start > 0);
  }
}

// sums [keys, D] (stride lds) += tile x, tile as rows, x [queries, D] packed by packPairs
template <class Store>
void addOverQueries(const Tile& tile, const float* rows, const Unit<Store>* x, std::int64_t D, float* sums,
                    std::int64_t lds) {
  tile.forEachRectangle([&](std::int64_t row, std::int64_t count, std::int64_t query) {
    const std::int64_t from = query / kSumStep<Store> * kSumStep<Store>;
    const std::int64_t skipped = from / kUnitElements<Store>;
    tileGemm(count, D, unitsOf<Store>(tile.queries - from),
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

// v for the lanes (queries) that see a row `below` rows under the first one that not all of them see, else `other`.
template <bool kDiagonal>
inline Vec seen(Vec v, std::int64_t below, Vec other) {
  return kDiagonal ? elseLanes(firstLanes(below), other, v) : v;
}

// Softmax of a tile's queries over the keys so far: scores are exponents of 2, sums those of 2^(score - highest).
struct Softmax {
  float highest[kQueries];
  float sums[kQueries];
  float shrink[kQueries];  // what earlier tiles' results are to be multiplied by

  void finish(std::int64_t queries, float* inverse, float* lse) const {
    for (std::int64_t query = 0; query < queries; query += kLanes) {
      const Vec sum = load(sums + query);
      store(inverse + query, set1(1.0F) / sum);
      store(lse + query, fma(load(highest + query), set1(kLn2), log(sum)));
    }
  }
};

// Rows first .. last of 16 queries' scores become 2^(scale score + shift) as pairs of rows; returns sum + theirs.
template <class Store, bool kDiagonal>
inline Vec exponentials(float* column, std::int64_t first, std::int64_t last, Vec scale, Vec shift, Vec sum) {
  for (std::int64_t u = first; u < last; u += 2) {
    float* at = column + u * kQueries;
    const Vec even = seen<kDiagonal>(exp2(fma(load(at), scale, shift)), u - first, Vec{});
    Vec odd{};
    if (!kDiagonal || u + 1 < last) {
      odd = seen<kDiagonal>(exp2(fma(load(at + kQueries), scale, shift)), u + 1 - first, Vec{});
    }
    sum = sum + (even + odd);
    storePairs<Store>(at, even, odd);
  }
  return sum;
}

// The tile's scores become numerators of the softmax, as pairs of rows.
template <class Store>
void softmaxTile(const Tile& tile, float* scores, float factor, Softmax& state) {
  const Vec low = set1(-1.0e30F);
  const Vec scale = set1(factor);
  for (std::int64_t query = 0; query < tile.queries; query += kLanes) {
    const std::int64_t whole = tile.wholeRowsOf(query);
    const std::int64_t rows = tile.rowsOf(query);
    float* column = scores + query;
    Vec most = low;
    for (std::int64_t u = 0; u < whole; ++u) most = max(most, load(column + u * kQueries));
    for (std::int64_t u = whole; u < rows; ++u) {
      most = max(most, seen<true>(load(column + u * kQueries), u - whole, low));
    }
    const Vec before = tile.start > 0 ? load(state.highest + query) : low;
    const Vec now = max(before, most * scale);
    const Vec shrink = exp2(before - now);
    const Vec shift = Vec{} - now;
    Vec sum = tile.start > 0 ? load(state.sums + query) * shrink : Vec{};
    sum = exponentials<Store, false>(column, 0, whole, scale, shift, sum);
    sum = exponentials<Store, true>(column, whole, rows, scale, shift, sum);
    for (std::int64_t u = rows; u < tile.summedRowsOf<Store>(query); u += 2) {
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

// Rows first .. last of the 16 queries from `query` on, see gradientTile.
template <class Store, bool kDiagonal>
inline void gradients(std::int64_t first, std::int64_t last, std::int64_t query, float* scores, float* dp,
                      float* dsRows, Vec scale, Vec shift, Vec delta) {
  for (std::int64_t u = first; u < last; u += 2) {
    const float* score = scores + u * kQueries;
    const float* at = dp + u * kQueries + query;
    const Vec evenP = seen<kDiagonal>(exp2(fma(load(score + query), scale, shift)), u - first, Vec{});
    const Vec even = evenP * (load(at) - delta);
    Vec oddP{};
    Vec odd{};
    if (!kDiagonal || u + 1 < last) {
      oddP = seen<kDiagonal>(exp2(fma(load(score + kQueries + query), scale, shift)), u + 1 - first, Vec{});
      odd = oddP * (load(at + kQueries) - delta);
    }
    storeGradients<Store>(u, query, evenP, oddP, even, odd, scores, dp, dsRows);
  }
}

// P and dS of a tile from its scores and dP: P as rows in the place of the scores, dS as pairs of rows in the place of
// dP, and as rows.
template <class Store>
void gradientTile(const Tile& tile, float* scores, float* dp, float* dsRows, float factor, const float* shifts,
                  const float* deltas) {
  const Vec scale = set1(factor);
  for (std::int64_t query = 0; query < tile.queries; query += kLanes) {
    const std::int64_t whole = tile.wholeRowsOf(query);
    const Vec shift = load(shifts + query);
    const Vec delta = load(deltas + query);
    gradients<Store, false>(0, whole, query, scores, dp, dsRows, scale, shift, delta);
    gradients<Store, true>(whole, tile.rowsOf(query), query, scores, dp, dsRows, scale, shift, delta);
    for (std::int64_t u = tile.rowsOf(query); u < tile.summedRowsOf<Store>(query); u += 2) {
      storeGradients<Store>(u, query, Vec{}, Vec{}, Vec{}, Vec{}, scores, dp, dsRows);
    }
  }
}

template <class Store>
void forward(ExecContext& context, const AttentionT<float, Store>& op) {
  const std::int64_t D = op.headDim;
  const std::int64_t depth = unitsOf<Store>(D);
  const std::int64_t stride = static_cast<std::int64_t>(attentionStride(static_cast<std::size_t>(D)));
  const std::size_t maxSequence = longest(op.sequences);
  const std::size_t perThread = attentionScratchBytes(1, maxSequence, static_cast<std::size_t>(D)) / sizeof(float);
  const float factor = kLog2E / __builtin_sqrtf(static_cast<float>(D));
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
        Softmax softmax;
        const std::int64_t queries = smaller(kQueries, S - first);
        packQueries(rows + first * op.ld + op.qColumn + h * D, op.ld, queries, D, qT);
        for (std::int64_t key = 0; key < first + queries; key += kKeys) {
          const Tile tile(first, S, key);
          tile.products(k + key * depth, qT, depth, scores);
          softmaxTile<Store>(tile, scores, factor, softmax);
          if (key > 0) {
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
  const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(D));
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
        for (std::int64_t key = 0; key < first + queries; key += kKeys) {
          const Tile tile(first, S, key);
          tile.products(k + key * depth, qT, depth, p);
          tile.products(v + key * depth, doutT, depth, ds);
          gradientTile<Store>(tile, p, ds, dsRows, scale * kLog2E, shifts, deltas);
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
