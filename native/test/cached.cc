// cached_attention, rope and temperature of sequences that are run in parts, and head_logits. Judges: the references on
// whole sequences, and a product by hand. Parts, neighbours and threads change no bit.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "operators.h"
#include "ops/attention.h"
#include "ops/cached_attention.h"
#include "ops/head_logits.h"
#include "ops/rope.h"
#include "ops/temperature.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::CachedRows;
using ops::DType;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

std::vector<float> drawn(std::mt19937& random, std::int64_t count, float spread) {
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> values(size(count));
  // Numbers that bfloat16 has.
  for (float& value : values) value = ops::toFloat(ops::toBf16(normal(random)));
  return values;
}

double distance(const std::vector<float>& got, const std::vector<double>& wanted) {
  double error = 0;
  double all = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - wanted[i], 2);
    all += wanted[i] * wanted[i];
  }
  return all == 0 ? error : error / all;
}

struct CachedCase {
  std::string name;
  std::vector<std::int32_t> lengths;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;
  ops::AttentionKind kind{};
  bool withSinks = false;

  std::int32_t rows() const {
    std::int32_t sum = 0;
    for (const std::int32_t length : lengths) sum += length;
    return sum;
  }
  std::int64_t q() const { return std::int64_t{heads} * headDim; }
  std::int64_t kv() const { return std::int64_t{kvHeads} * headDim; }
  std::int64_t ld() const { return q() + 2 * kv() + kPad; }
};

// Whole sequences one after another.
struct Given {
  std::vector<std::int32_t> offsets{0};
  std::vector<float> qkv;
  std::vector<float> sinks;

  Given(const CachedCase& c, std::mt19937& random) : qkv(drawn(random, c.rows() * c.ld(), 1.0F)) {
    for (const std::int32_t length : c.lengths) offsets.push_back(offsets.back() + length);
    if (c.withSinks) sinks = drawn(random, c.heads, 2.0F);
  }
};

// What a run has: of each sequence some next rows.
struct Part {
  std::int32_t sequence;
  std::int32_t past;
  std::int32_t rows;
};
using Run = std::vector<Part>;

// Every row by itself, each sequence whole, or a random cut in which sequences take turns.
std::vector<Run> wholeRuns(const CachedCase& c) {
  Run run;
  for (std::size_t i = 0; i < c.lengths.size(); ++i) run.push_back({static_cast<std::int32_t>(i), 0, c.lengths[i]});
  return {run};
}

std::vector<Run> cutRuns(const CachedCase& c, std::mt19937& random, std::int32_t most) {
  std::vector<std::int32_t> past(c.lengths.size());
  std::vector<Run> runs;
  while (true) {
    Run run;
    for (std::size_t i = 0; i < c.lengths.size(); ++i) {
      const std::int32_t left = c.lengths[i] - past[i];
      if (left == 0 || (most > 1 && random() % 4 == 0)) continue;
      const std::int32_t rows = std::min(left, 1 + static_cast<std::int32_t>(random() % size(most)));
      run.push_back({static_cast<std::int32_t>(i), past[i], rows});
      past[i] += rows;
    }
    if (!run.empty()) runs.push_back(run);
    if (std::ranges::equal(past, c.lengths)) return runs;
  }
}

// Runs one after another, over a cache in which sequences lie in reverse order, apart; rows of `width` values each.
// step(sequences, first row of x, rows, x of the run, out of the run)
template <class Store, class Step>
std::vector<float> inRuns(const CachedCase& c, const Given& given, const std::vector<Run>& runs, std::int64_t width,
                          Step step) {
  std::vector<float> out(size(c.rows() * width));
  const std::vector<Store> whole = stored<Store>(given.qkv);
  for (const Run& run : runs) {
    std::vector<std::int32_t> offsets{0};
    std::vector<CachedRows> cached;
    std::vector<Store> x;
    for (const Part& part : run) {
      offsets.push_back(offsets.back() + part.rows);
      std::int32_t first = 5;
      for (std::size_t i = size(part.sequence) + 1; i < c.lengths.size(); ++i) first += c.lengths[i] + 3;
      cached.push_back({first, part.past, c.lengths[size(part.sequence)]});
      const std::int64_t from = given.offsets[size(part.sequence)] + part.past;
      x.insert(x.end(), whole.begin() + from * c.ld(), whole.begin() + (from + part.rows) * c.ld());
    }
    std::vector<Store> got(size(offsets.back() * width));
    step(ops::Sequences{offsets.data(), static_cast<std::int32_t>(run.size()), cached.data()}, x, got);
    const std::vector<float> floats = toFloats(got);
    for (std::size_t i = 0; i < run.size(); ++i) {
      const std::int64_t to = given.offsets[size(run[i].sequence)] + run[i].past;
      std::copy(floats.begin() + offsets[i] * width, floats.begin() + offsets[i + 1] * width, out.begin() + to * width);
    }
  }
  return out;
}

template <class Store>
std::vector<float> attended(ops::ExecContext& context, const CachedCase& c, const Given& given,
                            const std::vector<Run>& runs) {
  const std::int64_t ldc = 2 * c.kv() + 5;
  std::vector<Store> cache(size((c.rows() + 3 * std::ssize(c.lengths) + 5) * ldc));
  std::vector<float> scratch(
      ops::cachedAttentionScratchBytes(size(context.threads()), size(c.heads), size(c.kvHeads), size(c.headDim)) /
      sizeof(float));
  return inRuns<Store>(c, given, runs, c.q(), [&](ops::Sequences sequences, auto& x, auto& out) {
    ops::cached_attention(
        context, ops::CachedAttentionT<Store>{sequences, x.data(), c.ld(), 0, static_cast<std::int32_t>(c.q()),
                                              static_cast<std::int32_t>(c.q() + c.kv()), cache.data(), ldc, out.data(),
                                              c.q(), c.heads, c.kvHeads, c.headDim, scratch.data(), c.kind,
                                              given.sinks.empty() ? nullptr : given.sinks.data()});
  });
}

std::vector<double> attendedWhole(const CachedCase& c, const Given& given) {
  const std::vector<double> qkv(given.qkv.begin(), given.qkv.end());
  const std::vector<double> sinks(given.sinks.begin(), given.sinks.end());
  std::vector<double> out(size(c.rows() * c.q()));
  std::vector<double> lse(size(c.rows() * c.heads));
  ops::ref::attention(ops::AttentionT<double>{{given.offsets.data(), static_cast<std::int32_t>(std::ssize(c.lengths))},
                                              qkv.data(),
                                              c.ld(),
                                              0,
                                              static_cast<std::int32_t>(c.q()),
                                              static_cast<std::int32_t>(c.q() + c.kv()),
                                              out.data(),
                                              c.q(),
                                              lse.data(),
                                              c.heads,
                                              c.kvHeads,
                                              c.headDim,
                                              nullptr,
                                              c.kind,
                                              sinks.empty() ? nullptr : sinks.data()});
  return out;
}

double differs(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0 ? 0 : 1;
}

template <class Store>
void checkAttention(ops::ExecContext& one, ops::ExecContext& two, const CachedCase& c, const Report& report) {
  std::mt19937 random(29);
  const Given given(c, random);
  const std::string op = std::is_same_v<Store, float> ? "cachedAttention" : "cachedAttention bf16";
  const std::vector<float> whole = attended<Store>(two, c, given, wholeRuns(c));
  const double tolerance = std::is_same_v<Store, float> ? 1e-10 : 6e-6;
  report(op, "forward", c.name, distance(whole, attendedWhole(c, given)), tolerance);
  report(op, "threads", c.name, differs(whole, attended<Store>(one, c, given, wholeRuns(c))), 0);
  report(op, "row by row", c.name, differs(whole, attended<Store>(two, c, given, cutRuns(c, random, 1))), 0);
  double different = 0;
  for (const std::int32_t most : {3, 40, 300}) {
    different += differs(whole, attended<Store>(two, c, given, cutRuns(c, random, most)));
  }
  report(op, "parts", c.name, different, 0);
}

// rope and temperature: the bits of rows in parts are those of whole sequences.
template <class Store>
void checkPositions(ops::ExecContext& one, ops::ExecContext& two, const CachedCase& c, const Report& report) {
  std::mt19937 random(31);
  const Given given(c, random);
  const std::vector<float> frequencies = {1.0F, 0.31F, 0.07F, 0.002F};
  const std::vector<float> longer = {0.9F, 0.2F, 0.05F, 0.001F};
  const auto turned = [&](ops::ExecContext& context, const std::vector<Run>& runs, bool isCached) {
    return inRuns<Store>(c, given, runs, c.ld(), [&](ops::Sequences sequences, auto& x, auto& out) {
      if (!isCached) sequences.cached = nullptr;
      const std::int64_t rows = sequences.offsets[sequences.count];
      const std::int32_t turns = std::min(4, c.headDim / 2);
      ops::rope(context, ops::RopeT<Store>{sequences, x.data(), c.ld(), 0, c.heads + c.kvHeads, c.headDim,
                                           frequencies.data(), turns, false, 0, rows, false, 1.1F, longer.data(), 20});
      ops::temperature(context, ops::TemperatureT<Store>{sequences, x.data(), c.ld(), 0,
                                                         static_cast<std::int32_t>(c.q()), 0.3F, 8.0F, 0, rows});
      out = x;
    });
  };
  const std::vector<float> whole = turned(two, wholeRuns(c), false);
  double different = differs(whole, turned(one, wholeRuns(c), true));
  for (const std::int32_t most : {1, 7, 100}) different += differs(whole, turned(two, cutRuns(c, random, most), true));
  report(std::is_same_v<Store, float> ? "rope" : "rope bf16", "parts", c.name, different, 0);
}

struct LogitsCase {
  std::string name;
  std::vector<std::int32_t> wanted;
  std::vector<std::int32_t> ranks;  // by row; 0: no adapter
  ops::LogitsKind kind;
};

constexpr std::int32_t kHidden = 21;
constexpr std::int32_t kVocabulary = 37;
constexpr std::int32_t kMostRows = 9;
constexpr std::int64_t kLds = 8;
constexpr float kScale = 1.5F;

template <class Store>
void checkLogits(ops::ExecContext& one, ops::ExecContext& two, const LogitsCase& c, const Report& report) {
  std::mt19937 random(37);
  const std::int32_t rows = static_cast<std::int32_t>(std::ssize(c.ranks));
  const std::vector<float> x = drawn(random, std::int64_t{rows} * kHidden, 1.0F);
  const std::vector<float> w = drawn(random, kVocabulary * kHidden, 0.3F);
  std::vector<std::vector<float>> a;
  std::vector<std::vector<float>> b;
  for (const std::int32_t rank : c.ranks) {
    a.push_back(drawn(random, std::int64_t{rank} * kHidden, 0.3F));
    b.push_back(drawn(random, std::int64_t{rank} * kVocabulary, 0.3F));
  }
  constexpr DType type = ops::dtypeOf<Store>();
  // Logits of some of the wanted rows, then the logs of their sums.
  const auto run = [&](ops::ExecContext& context, const std::vector<std::int32_t>& wanted) {
    ops::MatmulEngine engine(context.threads());
    const std::vector<Store> weight = stored<Store>(w);
    const ops::PackedMatrix packed(engine, weight.data(), kVocabulary, kHidden, false);
    std::vector<ops::LoraSegment> items;
    for (std::int32_t row = 0; row < rows; ++row) {
      ops::LoraSegment segment;
      segment.rowStart = row;
      segment.rowEnd = row + 1;
      segment.rank = c.ranks[size(row)];
      segment.scale = kScale;
      if (segment.rank > 0) {
        segment.a = a[size(row)].data();
        segment.b = b[size(row)].data();
      }
      items.push_back(segment);
    }
    const ops::LoraSegments adapters{items.data(), rows, nullptr, 3};
    std::vector<float> room(ops::headLogitsBytes(kMostRows, kHidden, kVocabulary, type, kLds) / sizeof(float));
    const std::vector<Store> rowsOfX = stored<Store>(x);
    std::vector<ops::LoraSegment> scratch;
    ops::head_logits(context, engine,
                     {wanted, rowsOfX.data(), &packed, room.data(), kMostRows, c.kind, &adapters, kLds}, scratch);
    const std::int64_t logSums = (kMostRows * kVocabulary * 4 + 63) / 64 * 16;
    std::vector<float> result(room.begin(), room.begin() + std::ssize(wanted) * kVocabulary);
    result.insert(result.end(), room.begin() + logSums, room.begin() + logSums + std::ssize(wanted));
    return result;
  };
  std::vector<double> expected;
  std::vector<double> sums;
  for (const std::int32_t row : c.wanted) {
    double sum = 0;
    const std::int32_t rank = c.ranks[size(row)];
    for (std::int32_t v = 0; v < kVocabulary; ++v) {
      const auto dot = [&](const float* left) {
        double total = 0;
        for (std::int32_t h = 0; h < kHidden; ++h) total += static_cast<double>(x[size(row * kHidden + h)]) * left[h];
        return total;
      };
      double z = dot(w.data() + std::int64_t{v} * kHidden);
      for (std::int32_t r = 0; r < rank; ++r) {
        z += kScale * static_cast<double>(b[size(row)][size(v * rank + r)]) *
             dot(a[size(row)].data() + std::int64_t{r} * kHidden);
      }
      z *= c.kind.scale;
      if (c.kind.softcap > 0) z = c.kind.softcap * std::tanh(z / c.kind.softcap);
      expected.push_back(z);
      sum += std::exp(z);
    }
    sums.push_back(std::log(sum));
  }
  expected.insert(expected.end(), sums.begin(), sums.end());
  const std::string op = type == DType::float32 ? "headLogits" : "headLogits bf16";
  const std::vector<float> all = run(two, c.wanted);
  report(op, "forward", c.name, distance(all, expected), type == DType::float32 ? 1e-10 : 3e-5);
  report(op, "threads", c.name, differs(all, run(one, c.wanted)), 0);
  double different = 0;
  for (std::size_t i = 0; i < c.wanted.size(); ++i) {
    const std::vector<float> alone = run(two, {c.wanted[i]});
    different += std::memcmp(alone.data(), all.data() + i * kVocabulary, kVocabulary * sizeof(float)) == 0 ? 0 : 1;
    different += alone.back() == all[c.wanted.size() * kVocabulary + i] ? 0 : 1;
  }
  report(op, "alone", c.name, different, 0);
}

}  // namespace

void checkCached(ops::ExecContext& one, ops::ExecContext& two, const Report& report) {
  const std::vector<CachedCase> cases = {
      {"one token", {1}, 4, 2, 8},
      {"short and long", {700, 3, 61, 1, 257}, 4, 2, 16},
      {"odd heads", {45, 130}, 6, 2, 20},
      {"wide group", {70, 33}, 80, 1, 12},
      {"wide heads", {300}, 2, 2, 256},
      {"window", {640, 40}, 4, 2, 16, {0.0F, 0.0F, 100, 0}},
      {"one key", {290}, 2, 1, 8, {0.0F, 0.0F, 1, 0}},
      {"chunk", {600, 129}, 4, 4, 24, {0.3F, 0.0F, 0, 130}},
      {"softcap, scale", {310, 9}, 4, 2, 16, {0.7F, 5.0F, 0, 0}},
      {"sinks, window", {520, 2}, 8, 2, 16, {0.0F, 0.0F, 70, 0}, true},
  };
  for (const CachedCase& c : cases) {
    checkAttention<float>(one, two, c, report);
    checkAttention<Bf16>(one, two, c, report);
    checkPositions<float>(one, two, c, report);
    checkPositions<Bf16>(one, two, c, report);
  }
  const std::vector<LogitsCase> logits = {
      {"one row", {2}, {0, 0, 0}, {}},
      {"no adapter", {0, 1, 4}, {0, 0, 0, 0, 0}, {}},
      {"adapters", {0, 2, 3, 5, 6}, {4, 8, 0, 1, 3, 8, 5}, {}},
      {"scale", {1, 2}, {0, 3, 0}, {0.25F, 0.0F}},
      {"softcap", {0, 1, 2}, {0, 3, 2}, {0.5F, 3.0F}},
  };
  for (const LogitsCase& c : logits) {
    checkLogits<float>(one, two, c, report);
    checkLogits<Bf16>(one, two, c, report);
  }
}

}  // namespace loratwin::test
