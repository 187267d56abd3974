// Attention over a cache, and the logits of rows. Each sequence comes in several runs, cut at random beside other
// sequences: a row has the bits of the run that has them whole, which is compared with the reference.
#include <algorithm>
#include <cmath>

#include "cuda/cached_attention.h"
#include "cuda/cross_entropy.h"
#include "ops/attention.h"
#include "table.h"

namespace loratwin::test {

namespace {

struct Shape {
  std::string name;
  std::vector<int> sequences;
  int heads;
  int kvHeads;
  int headDim;
  float spread = 1.0F;
  ops::AttentionKind kind{};
  bool sinks = false;
};

// Rows `from` .. `to` of a sequence.
struct Part {
  std::size_t sequence;
  int from;
  int to;
};
using Run = std::vector<Part>;

// All at once.
std::vector<Run> whole(const std::vector<int>& lengths) {
  Run run;
  for (std::size_t i = 0; i < lengths.size(); ++i) run.push_back({i, 0, lengths[i]});
  return {run};
}

// Some sequences in each run, the last of them first, and of each one row or many.
std::vector<Run> cut(const std::vector<int>& lengths, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int> done(lengths.size());
  std::vector<Run> runs;
  for (bool isOver = false; !isOver;) {
    Run run;
    isOver = true;
    for (std::size_t i = lengths.size(); i-- > 0;) {
      const int left = lengths[i] - done[i];
      if (left == 0) continue;
      isOver = false;
      if (random() % 3 == 0) continue;
      const int most = random() % 2 == 0 ? 3 : 200;
      const int count = std::min(left, 1 + static_cast<int>(random() % static_cast<std::uint32_t>(most)));
      run.push_back({i, done[i], done[i] + count});
      done[i] += count;
    }
    if (!run.empty()) runs.push_back(run);
  }
  return runs;
}

constexpr int kBefore = 1;  // columns before q, k and v, and rows of the cache between two sequences

template <class Store>
struct Case {
  const Shape& shape;
  int width = shape.heads * shape.headDim;
  int kvWidth = shape.kvHeads * shape.headDim;
  int ld = width + 2 * kvWidth + 3;
  int ldo = width + 1;
  int ldc = 2 * kvWidth + 2;
  std::vector<std::int32_t> offsets{0};  // of whole sequences
  std::vector<Store> qkvs;
  std::vector<Store> outs;
  std::vector<float> sinkList;

  explicit Case(const Shape& given) : shape(given) {
    for (const int length : shape.sequences) offsets.push_back(offsets.back() + length);
    const auto rows = static_cast<std::size_t>(offsets.back());
    qkvs = randomStored<Store>(rows * static_cast<std::size_t>(ld), 71, shape.spread);
    outs = randomStored<Store>(rows * static_cast<std::size_t>(ldo), 72);
    sinkList = randomFloats(static_cast<std::size_t>(shape.heads), 73, 3.0F);
  }

  std::int32_t startOf(std::size_t sequence) const {
    return offsets[sequence] + kBefore * (static_cast<std::int32_t>(sequence) + 1);
  }

  // The output rows of all sequences, and the cache, that some runs leave.
  struct Left {
    std::vector<Store> out;
    std::vector<Store> cache;
  };
  Left after(const std::vector<Run>& runs) const {
    const std::int32_t cacheRows = startOf(shape.sequences.size());
    const auto cells = static_cast<std::size_t>(cacheRows) * static_cast<std::size_t>(ldc);
    const DeviceBuffer<Store> cache(randomStored<Store>(cells, 74), "cache");
    const DeviceBuffer<float> sinks(sinkList, "sinks");
    Left left{outs, {}};
    for (const Run& run : runs) {
      std::vector<cuda::CachedRow> placeList;
      std::vector<Store> qkvList;
      std::vector<Store> outList;
      for (const Part& part : run) {
        for (int position = part.from; position < part.to; ++position) {
          placeList.push_back({startOf(part.sequence), position});
          const std::int64_t row = offsets[part.sequence] + position;
          qkvList.insert(qkvList.end(), qkvs.begin() + row * ld, qkvs.begin() + (row + 1) * ld);
          outList.insert(outList.end(), outs.begin() + row * ldo, outs.begin() + (row + 1) * ldo);
        }
      }
      const DeviceBuffer<cuda::CachedRow> places(placeList, "places");
      const DeviceBuffer<Store> qkv(qkvList, "qkv");
      const DeviceBuffer<Store> out(outList, "out");
      const cuda::AttentionHeads heads{ld,  kBefore,     kBefore + width, kBefore + width + kvWidth,
                                       ldo, shape.heads, shape.kvHeads,   shape.headDim};
      const auto rows = static_cast<std::int32_t>(placeList.size());
      cuda::cached_attention(
          cuda::CachedAttentionT<Store>{places.data(), heads, rows, qkv.data(), cache.data(), ldc, out.data(),
                                        shape.kind, shape.sinks ? sinks.data() : nullptr},
          nullptr);
      const std::vector<Store> given = out.download();
      std::int64_t next = 0;
      for (const Part& part : run) {
        const std::int64_t count = std::int64_t{part.to - part.from} * ldo;
        std::copy_n(given.begin() + next, count, left.out.begin() + (offsets[part.sequence] + part.from) * ldo);
        next += count;
      }
    }
    left.cache = cache.download();
    return left;
  }

  std::vector<double> reference() const {
    const std::vector<double> wideQkv = widened(qkvs);
    const std::vector<double> wideSinks = widened(sinkList);
    std::vector<double> expected = widened(outs);
    std::vector<double> lse(static_cast<std::size_t>(offsets.back()) * static_cast<std::size_t>(shape.heads));
    ops::AttentionT<double> op{{offsets.data(), static_cast<std::int32_t>(shape.sequences.size())},
                               wideQkv.data(),
                               ld,
                               kBefore,
                               kBefore + width,
                               kBefore + width + kvWidth,
                               expected.data(),
                               ldo,
                               lse.data(),
                               shape.heads,
                               shape.kvHeads,
                               shape.headDim,
                               nullptr};
    op.kind = shape.kind;
    if (shape.sinks) op.sinks = wideSinks.data();
    ops::ref::attention(op);
    return expected;
  }

  // The cache as it was, with the keys and values of all rows in their places.
  std::vector<double> expectedCache() const {
    const auto cells = static_cast<std::size_t>(startOf(shape.sequences.size())) * static_cast<std::size_t>(ldc);
    std::vector<Store> cache = randomStored<Store>(cells, 74);
    for (std::size_t i = 0; i < shape.sequences.size(); ++i) {
      for (int position = 0; position < shape.sequences[i]; ++position) {
        const auto from = qkvs.begin() + (offsets[i] + position) * std::int64_t{ld} + kBefore + width;
        std::copy_n(from, 2 * kvWidth, cache.begin() + (startOf(i) + position) * std::int64_t{ldc});
      }
    }
    return widened(cache);
  }
};

template <class Store>
std::vector<Output> cachedOutputs(const Shape& shape) {
  const Case<Store> own(shape);
  const auto atOnce = own.after(whole(shape.sequences));
  const auto inParts = own.after(cut(shape.sequences, sizeof(Store)));
  const double tolerance = sizeof(Store) == sizeof(float) ? 1e-11 : 2e-5;
  return {{"cached_attention", widened(atOnce.out), own.reference(), tolerance},
          {"cached_attention", widened(atOnce.cache), own.expectedCache(), 0},
          {"cached_attention", widened(inParts.out), widened(atOnce.out), 0},
          {"cached_attention", widened(inParts.cache), own.expectedCache(), 0}};
}

std::vector<Output> logitsOutputs(int rows, int vocabulary, float spread, const ops::LogitsKind& kind) {
  const std::vector<float> z =
      randomFloats(static_cast<std::size_t>(rows) * static_cast<std::size_t>(vocabulary), 75, spread);
  std::vector<double> logits;
  std::vector<double> logSums;
  for (int row = 0; row < rows; ++row) {
    double sum = 0;
    for (int v = 0; v < vocabulary; ++v) {
      const double scaled = widened(kind.scale) * widened(z[logits.size()]);
      const double cap = widened(kind.softcap);
      logits.push_back(cap == 0 ? scaled : cap * std::tanh(scaled / cap));
      sum += std::exp(logits.back());
    }
    logSums.push_back(std::log(sum));
  }
  const DeviceBuffer<float> given(z, "logits");
  const DeviceBuffer<float> sums(static_cast<std::size_t>(rows), "logSums");
  cuda::head_logits(given.data(), rows, vocabulary, kind, sums.data(), nullptr);
  return {{"head_logits", widened(given.download()), logits, kind.isPlain() ? 0 : 1e-12},
          {"head_logits", widened(sums.download()), logSums, 1e-12}};
}

}  // namespace

void cachedCases() {
  const std::vector<Shape> shapes = {
      {"one token, heads of 2", {1}, 1, 1, 2},
      {"short sequences and an empty one", {5, 0, 17, 2}, 4, 2, 20},
      {"three tiles", {260}, 2, 1, 24},
      {"heads of 64 in groups of three", {19}, 3, 1, 64, 2.0F},
      {"heads of 130, a group of nine", {20, 3}, 9, 1, 130},
      {"heads of 2050, in two parts", {3}, 2, 1, 2050, 0.3F},
      {"large scores", {33}, 2, 2, 32, 6.0F},
      {"a scale and a softcap", {35, 2}, 5, 1, 16, 2.0F, {.scale = 2.0F, .softcap = 4.0F}},
      {"a window", {150, 7}, 2, 1, 8, 1.0F, {.window = 20}},
      {"a window of one", {19}, 2, 1, 12, 1.0F, {.window = 1}},
      {"a window longer than the sequences", {19, 40}, 2, 1, 12, 1.0F, {.window = 141}},
      {"chunks and sinks", {33, 70}, 4, 2, 10, 1.0F, {.chunk = 24}, true},
      {"sinks", {21}, 4, 2, 80, 1.0F, {}, true},
      {"a window, sinks and a softcap", {145}, 8, 1, 16, 3.0F, {.softcap = 5.0F, .window = 129}, true},
  };
  for (const Shape& shape : shapes) {
    judge(shape.name + ", float32", [&] { return cachedOutputs<float>(shape); });
    judge(shape.name + ", bfloat16", [&] { return cachedOutputs<Bf16>(shape); });
  }
  judge("logits of one row of five", [] { return logitsOutputs(1, 5, 1.0F, {}); });
  judge("large logits of rows wider than a block's stride", [] { return logitsOutputs(3, 2301, 60.0F, {}); });
  judge("logits of scale 16", [] { return logitsOutputs(4, 600, 2.0F, {.scale = 16.0F}); });
  judge("logits of cap 30", [] { return logitsOutputs(2, 601, 60.0F, {.scale = 0.5F, .softcap = 30.0F}); });
}

}  // namespace loratwin::test
