// head_loss with adapters on the head. The judge is the reference with merged weights W + scale B A; gradients of A and
// B follow from the logits' by hand.
#include <cmath>
#include <cstring>
#include <random>

#include "operators.h"
#include "ops/head_loss.h"

namespace loratwin::test {

namespace {

constexpr std::int32_t kHidden = 21;
constexpr std::int32_t kVocabulary = 37;
constexpr std::int32_t kTileRows = 24;
constexpr std::int64_t kLds = 8;
constexpr float kScale = 1.5F;

struct Adapted {
  std::int32_t rows;
  std::int32_t rank;  // 0: no adapter on the head
};

struct HeadCase {
  std::string name;
  std::vector<Adapted> segments;
  ops::LogitsKind kind;
};

std::vector<float> drawn(std::mt19937& random, std::size_t count, float spread) {
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> values(count);
  // Numbers that bfloat16 has.
  for (float& value : values) value = ops::toFloat(ops::toBf16(normal(random)));
  return values;
}

// All that a run is given, and what it gives.
struct HeadRun {
  std::vector<ops::LossSegment> losses;
  std::vector<std::int32_t> targets;
  std::vector<float> x;
  std::vector<float> w;
  std::vector<std::vector<float>> a;
  std::vector<std::vector<float>> b;

  HeadRun(const HeadCase& c, std::mt19937& random) : w(drawn(random, kVocabulary * kHidden, 0.3F)) {
    std::int32_t next = 0;
    for (const Adapted& segment : c.segments) {
      losses.push_back({next, next + segment.rows, 0.25F * static_cast<float>(1 + losses.size())});
      next += segment.rows;
      const auto rank = static_cast<std::size_t>(segment.rank);
      a.push_back(drawn(random, rank * kHidden, 0.3F));
      b.push_back(drawn(random, rank * kVocabulary, 0.3F));
    }
    x = drawn(random, static_cast<std::size_t>(next) * kHidden, 1.0F);
    for (std::int32_t row = 0; row < next; ++row) targets.push_back(row % 5 == 3 ? -1 : (row * 11 + 4) % kVocabulary);
  }
  std::int32_t rows() const { return static_cast<std::int32_t>(targets.size()); }
};

struct HeadResult {
  std::vector<double> losses;
  std::vector<float> dx;
  std::vector<std::vector<float>> da;
  std::vector<std::vector<float>> db;
};

// Rows from .. to of the run alone, with their segments.
HeadResult computed(ops::ExecContext& context, const HeadCase& c, const HeadRun& run, ops::DType type, std::size_t from,
                    std::size_t to) {
  HeadResult result;
  const std::int32_t start = run.losses[from].rowStart;
  const std::int32_t rows = run.losses[to - 1].rowEnd - start;
  std::vector<ops::LossSegment> losses;
  std::vector<ops::LoraSegment> items;
  for (std::size_t g = 0; g < run.a.size(); ++g) {
    result.da.emplace_back(run.a[g].size());
    result.db.emplace_back(run.b[g].size());
  }
  for (std::size_t g = from; g < to; ++g) {
    ops::LossSegment loss = run.losses[g];
    loss.rowStart -= start;
    loss.rowEnd -= start;
    losses.push_back(loss);
    ops::LoraSegment item;
    item.rowStart = loss.rowStart;
    item.rowEnd = loss.rowEnd;
    item.rank = c.segments[g].rank;
    item.scale = kScale;
    if (item.rank > 0) {
      item.a = run.a[g].data();
      item.b = run.b[g].data();
      item.da = result.da[g].data();
      item.db = result.db[g].data();
    }
    items.push_back(item);
  }
  const ops::LoraSegments adapters{items.data(), static_cast<std::int32_t>(items.size()), nullptr, 7};
  ops::MatmulEngine engine(context.threads());
  const bool narrow = type == ops::DType::bfloat16;
  const std::vector<ops::Bf16> narrowX = toBf16(run.x);
  const std::vector<ops::Bf16> narrowW = toBf16(run.w);
  const std::size_t first = static_cast<std::size_t>(start) * kHidden;
  const void* const x = narrow ? static_cast<const void*>(narrowX.data() + first) : run.x.data() + first;
  const ops::PackedMatrix packed = narrow ? ops::PackedMatrix(engine, narrowW.data(), kVocabulary, kHidden, true)
                                          : ops::PackedMatrix(engine, run.w.data(), kVocabulary, kHidden, true);
  std::vector<float> scratch(ops::headLossScratchBytes(kTileRows, kHidden, kVocabulary, type, kLds) / sizeof(float));
  result.losses.resize(losses.size());
  result.dx.assign(static_cast<std::size_t>(rows) * kHidden, -1.0F);
  ops::HeadLoss op{losses.data(),
                   static_cast<std::int32_t>(losses.size()),
                   run.targets.data() + start,
                   x,
                   &packed,
                   result.dx.data(),
                   scratch.data(),
                   kTileRows,
                   rows,
                   result.losses.data(),
                   c.kind};
  op.adapters = &adapters;
  op.lds = kLds;
  ops::head_loss(context, engine, op);
  return result;
}

// The same in double, with W + scale B A for weights.
struct Expected {
  std::vector<double> losses;
  std::vector<double> dx;
  std::vector<std::vector<double>> da;
  std::vector<std::vector<double>> db;
};

Expected expectedOf(const HeadCase& c, const HeadRun& run) {
  Expected all;
  const auto V = static_cast<std::size_t>(kVocabulary);
  const auto H = static_cast<std::size_t>(kHidden);
  std::vector<double> identity(V * V);
  for (std::size_t v = 0; v < V; ++v) identity[v * V + v] = 1;
  for (std::size_t g = 0; g < c.segments.size(); ++g) {
    const auto R = static_cast<std::size_t>(c.segments[g].rank);
    const std::vector<float>& a = run.a[g];
    const std::vector<float>& b = run.b[g];
    std::vector<double> merged(run.w.begin(), run.w.end());
    for (std::size_t v = 0; v < V; ++v)
      for (std::size_t h = 0; h < H; ++h)
        for (std::size_t r = 0; r < R; ++r) merged[v * H + h] += double{kScale} * b[v * R + r] * a[r * H + h];
    const ops::LossSegment segment{0, run.losses[g].rowEnd - run.losses[g].rowStart, run.losses[g].lossScale};
    const auto rows = static_cast<std::size_t>(segment.rowEnd);
    const auto first = static_cast<std::size_t>(run.losses[g].rowStart);
    const std::vector<double> x(run.x.begin() + static_cast<std::ptrdiff_t>(first * H),
                                run.x.begin() + static_cast<std::ptrdiff_t>((first + rows) * H));
    const std::int32_t* const targets = run.targets.data() + first;
    std::vector<double> dx(rows * H);
    std::vector<double> dz(rows * V);
    std::vector<double> z(rows * V);
    double loss = 0;
    ops::ref::head_loss<double>({&segment, 1, targets, x.data(), merged.data(), dx.data(), segment.rowEnd, kHidden,
                                 kVocabulary, &loss, c.kind});
    for (std::size_t t = 0; t < rows; ++t)
      for (std::size_t v = 0; v < V; ++v)
        for (std::size_t h = 0; h < H; ++h) z[t * V + v] += x[t * H + h] * merged[v * H + h];
    double same = 0;
    ops::ref::head_loss<double>({&segment, 1, targets, z.data(), identity.data(), dz.data(), segment.rowEnd,
                                 kVocabulary, kVocabulary, &same, c.kind});
    all.losses.push_back(loss);
    all.dx.insert(all.dx.end(), dx.begin(), dx.end());
    std::vector<double>& da = all.da.emplace_back(R * H);
    std::vector<double>& db = all.db.emplace_back(V * R);
    for (std::size_t t = 0; t < rows; ++t)
      for (std::size_t r = 0; r < R; ++r) {
        double s = 0;
        double ds = 0;
        for (std::size_t h = 0; h < H; ++h) s += x[t * H + h] * a[r * H + h];
        for (std::size_t v = 0; v < V; ++v) ds += double{kScale} * dz[t * V + v] * b[v * R + r];
        for (std::size_t h = 0; h < H; ++h) da[r * H + h] += ds * x[t * H + h];
        for (std::size_t v = 0; v < V; ++v) db[v * R + r] += double{kScale} * dz[t * V + v] * s;
      }
  }
  return all;
}

template <class Got, class Wanted>
double distance(const std::vector<Got>& got, const std::vector<Wanted>& wanted) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - static_cast<double>(wanted[i]), 2);
    size += std::pow(static_cast<double>(wanted[i]), 2);
  }
  return size == 0 ? error : error / size;
}

template <class Value>
double differs(const std::vector<Value>& left, const std::vector<Value>& right) {
  return std::memcmp(left.data(), right.data(), left.size() * sizeof(Value)) == 0 ? 0 : 1;
}

}  // namespace

void checkHeadAdapters(ops::ExecContext& one, ops::ExecContext& two, const Report& report) {
  const std::vector<HeadCase> cases{
      {"one adapter, one row", {{1, 3}}, {}},
      {"adapters beside none", {{30, 3}, {7, 0}, {0, 2}, {61, 8}, {5, 0}}, {}},
      {"scaled and capped", {{40, 5}, {26, 2}}, {.scale = 0.5F, .softcap = 3.0F}},
  };
  std::mt19937 random(5);
  for (const HeadCase& c : cases) {
    const HeadRun run(c, random);
    const Expected expected = expectedOf(c, run);
    const std::size_t count = c.segments.size();
    for (const ops::DType type : {ops::DType::float32, ops::DType::bfloat16}) {
      const bool narrow = type == ops::DType::bfloat16;
      const std::string name = std::string("head_loss with adapters") + (narrow ? " bf16" : "");
      const HeadResult result = computed(one, c, run, type, 0, count);
      report(name, "losses", c.name, distance(result.losses, expected.losses), narrow ? 1e-6 : 1e-12);
      report(name, "dx", c.name, distance(result.dx, expected.dx), narrow ? 2e-5 : 1e-10);
      const HeadResult threads = computed(two, c, run, type, 0, count);
      report(name, "threads", c.name, differs(result.dx, threads.dx), 0);
      for (std::size_t g = 0; g < count; ++g) {
        report(name, "da", c.name, distance(result.da[g], expected.da[g]), narrow ? 1e-4 : 1e-10);
        report(name, "db", c.name, distance(result.db[g], expected.db[g]), narrow ? 1e-4 : 1e-10);
        if (c.segments[g].rows == 0) continue;
        const HeadResult alone = computed(one, c, run, type, g, g + 1);
        report(name, "alone", c.name, differs(alone.da[g], result.da[g]) + differs(alone.db[g], result.db[g]), 0);
        report(name, "threads", c.name, differs(threads.da[g], result.da[g]) + differs(threads.db[g], result.db[g]), 0);
      }
    }
  }
}

}  // namespace loratwin::test
