// magnitude and its backward over segments with and without magnitudes, and the norms of rows of base and adapter.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "operators.h"
#include "ops/adapter_norms.h"
#include "ops/magnitude.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::DType;

std::vector<float> drawn(std::mt19937& random, std::size_t count, float spread) {
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> values(count);
  // Numbers that bfloat16 has.
  for (float& value : values) value = ops::toFloat(ops::toBf16(normal(random)));
  return values;
}

template <class Got>
double distance(const std::vector<Got>& got, const std::vector<double>& wanted) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - wanted[i], 2);
    size += wanted[i] * wanted[i];
  }
  return size == 0 ? error : error / size;
}

template <class Value>
double differs(const std::vector<Value>& left, const std::vector<Value>& right) {
  return std::memcmp(left.data(), right.data(), left.size() * sizeof(Value)) == 0 ? 0 : 1;
}

struct Scaled {
  std::int32_t rows;
  bool has;  // magnitudes
};

struct MagnitudeCase {
  std::string name;
  std::vector<Scaled> segments;
  std::int32_t outFeatures;
  bool bias;
  bool residual;
  bool scaled = false;  // only y is kept
};

// All that a run is given.
struct MagnitudeRun {
  std::int64_t rows = 0;
  std::int64_t ldy;
  std::int64_t ldu;
  std::vector<float> y;
  std::vector<float> dy;
  std::vector<float> residual;
  std::vector<float> bias;
  std::vector<std::vector<float>> magnitude;
  std::vector<std::vector<float>> norm;
  std::vector<std::vector<float>> start;  // of dMagnitude

  MagnitudeRun(const MagnitudeCase& c, std::mt19937& random)
      : ldy(kYColumn + c.outFeatures + kPad), ldu(c.outFeatures + kPad), bias(drawn(random, size(ldy), 1.0F)) {
    const std::size_t N = size(c.outFeatures);
    for (const Scaled& segment : c.segments) {
      rows += segment.rows;
      magnitude.push_back(drawn(random, N, 1.0F));
      norm.push_back(drawn(random, N, 0.3F));
      for (float& value : norm.back()) value = std::fabs(value) + 0.5F;
      start.push_back(drawn(random, N, 1.0F));
    }
    y = drawn(random, size(rows * ldy), 2.0F);
    dy = drawn(random, size(rows * ldy), 1.0F);
    residual = drawn(random, size(rows * ldy), 1.0F);
  }
  static std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }
};

template <class Real, class Store, class Out>
struct MagnitudeResult {
  std::vector<Out> y;
  std::vector<Store> u;
  std::vector<Store> dy;
  std::vector<std::vector<Real>> dMagnitude;
};

// Segments from .. to alone. forward(op), backward(op)
template <class Real, class Store, class Out>
MagnitudeResult<Real, Store, Out> computed(const MagnitudeCase& c, const MagnitudeRun& run, std::size_t from,
                                           std::size_t to, auto forward, auto backward) {
  const auto of = [](const std::vector<float>& values) { return std::vector<Real>(values.begin(), values.end()); };
  std::vector<std::vector<Real>> magnitude;
  std::vector<std::vector<Real>> norm;
  MagnitudeResult<Real, Store, Out> result;
  for (std::size_t g = 0; g < run.start.size(); ++g) {
    magnitude.push_back(of(run.magnitude[g]));
    norm.push_back(of(run.norm[g]));
    result.dMagnitude.push_back(of(run.start[g]));
  }
  std::vector<ops::MagnitudeSegmentT<Real>> items;
  std::int32_t row = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
  for (std::size_t g = 0; g < to; ++g) {
    if (g == from) first = row;
    const std::int32_t end = row + c.segments[g].rows;
    if (g >= from && c.segments[g].has) {
      items.push_back({static_cast<std::int32_t>(row - first), static_cast<std::int32_t>(end - first),
                       magnitude[g].data(), norm[g].data(), result.dMagnitude[g].data()});
    }
    row = end;
    last = end;
  }
  const auto part = [&](const std::vector<float>& values) {
    return std::vector<Real>(values.begin() + first * run.ldy, values.begin() + last * run.ldy);
  };
  const std::vector<Real> bias = of(run.bias);
  const std::vector<Real> residual = part(run.residual);
  if constexpr (std::is_same_v<Out, Real>) {
    result.y = part(run.y);
  } else {
    result.y = stored<Out>(part(run.y));
  }
  result.u = stored<Store>(std::vector<Real>(MagnitudeRun::size((last - first) * run.ldu), Real{3}));
  result.dy = stored<Store>(part(run.dy));
  const auto count = static_cast<std::int32_t>(items.size());
  forward(ops::MagnitudeT<Real, Store, Out>{
      items.data(), count, c.outFeatures, kYColumn, result.y.data(), run.ldy, c.scaled ? nullptr : result.u.data(),
      run.ldu, c.bias ? bias.data() : nullptr, c.residual ? residual.data() : nullptr, run.ldy});
  const Store* kept = result.u.data();
  if constexpr (std::is_same_v<Out, Store>) {
    if (c.scaled) kept = result.y.data() + kYColumn;
  }
  backward(ops::MagnitudeBackwardT<Real, Store>{items.data(), count, c.outFeatures, kYColumn, result.dy.data(), run.ldy,
                                                kept, c.scaled ? run.ldy : run.ldu, c.scaled});
  return result;
}

template <class Store, class Out>
void checkMagnitude(const std::string& name, const MagnitudeCase& c, const MagnitudeRun& run, ops::ExecContext& one,
                    ops::ExecContext& two, double tolerance, const Report& report) {
  const std::size_t count = c.segments.size();
  const auto on = [&](ops::ExecContext& context, std::size_t from, std::size_t to) {
    return computed<float, Store, Out>(
        c, run, from, to, [&](const auto& op) { ops::magnitude(context, op); },
        [&](const auto& op) { ops::magnitude_backward(context, op); });
  };
  const auto expected = computed<double, double, double>(
      c, run, 0, count, [](const auto& op) { ops::ref::magnitude(op); },
      [](const auto& op) { ops::ref::magnitude_backward(op); });
  const auto result = on(one, 0, count);
  const auto threads = on(two, 0, count);
  report(name, "y", c.name, distance(reals<float>(result.y), expected.y), tolerance);
  report(name, "u", c.name, distance(reals<float>(result.u), expected.u), tolerance);
  report(name, "dy", c.name, distance(reals<float>(result.dy), expected.dy), tolerance);
  report(name, "threads", c.name,
         differs(result.y, threads.y) + differs(result.u, threads.u) + differs(result.dy, threads.dy), 0);
  for (std::size_t g = 0; g < count; ++g) {
    report(name, "dMagnitude", c.name, distance(result.dMagnitude[g], expected.dMagnitude[g]), tolerance);
    const auto alone = on(one, g, g + 1);
    report(name, "alone", c.name, differs(alone.dMagnitude[g], result.dMagnitude[g]), 0);
    report(name, "threads", c.name, differs(threads.dMagnitude[g], result.dMagnitude[g]), 0);
  }
}

struct NormCase {
  std::string name;
  std::int32_t outs;  // of the matrix
  std::int32_t column;
  std::int32_t outFeatures;
  std::int32_t inFeatures;
  std::int32_t rank;
};

// What products multiply, and the matrix.
struct Base {
  std::vector<double> values;
  ops::PackedMatrix packed;
  std::vector<float> squares;
};

Base baseOf(ops::MatmulEngine& engine, const std::string& format, const std::vector<float>& w, const NormCase& c) {
  const std::vector<Bf16> narrow = toBf16(w);
  if (format == "float32") {
    ops::PackedMatrix packed(engine, w.data(), c.outs, c.inFeatures, true);
    std::vector<float> squares = ops::rowSquares(packed, w.data());
    return {std::vector<double>(w.begin(), w.end()), std::move(packed), std::move(squares)};
  }
  if (format == "bf16") {
    ops::PackedMatrix packed(engine, narrow.data(), c.outs, c.inFeatures, true);
    std::vector<float> squares = ops::rowSquares(packed, narrow.data());
    return {std::vector<double>(w.begin(), w.end()), std::move(packed), std::move(squares)};
  }
  const ops::Quantization quantization = format == "int8" ? ops::Quantization::int8 : ops::Quantization::nf4;
  const ops::QuantizedMatrix matrix(w.data(), ops::QuantizedLayout{quantization, c.outs, c.inFeatures});
  std::vector<Bf16> values(w.size());
  ops::ref::dequantize(matrix.view(), values.data());
  const std::vector<float> wide = toFloats(values);
  ops::PackedMatrix packed(engine, w.data(), c.outs, c.inFeatures, quantization);
  std::vector<float> squares = ops::rowSquares(packed, w.data());
  return {std::vector<double>(wide.begin(), wide.end()), std::move(packed), std::move(squares)};
}

std::vector<float> normsOf(ops::ExecContext& context, const std::string& format, const NormCase& c,
                           const std::vector<float>& w, const std::vector<float>& a, const std::vector<float>& b,
                           std::vector<double>* expected) {
  constexpr float kScale = 1.5F;
  ops::MatmulEngine engine(context.threads());
  const Base base = baseOf(engine, format, w, c);
  std::vector<float> norms(static_cast<std::size_t>(c.outFeatures));
  ops::AdapterNormsScratch scratch;
  ops::adapter_norms(
      context, engine,
      {&base.packed, base.squares.data(), c.column, c.outFeatures, a.data(), b.data(), c.rank, kScale, norms.data()},
      scratch);
  if (expected == nullptr) return norms;
  const std::vector<double> wideA(a.begin(), a.end());
  const std::vector<double> wideB(b.begin(), b.end());
  expected->resize(norms.size());
  const double* const rows = base.values.data() + std::int64_t{c.column} * c.inFeatures;
  ops::ref::adapter_norms(rows, wideA.data(), wideB.data(), c.outFeatures, c.inFeatures, c.rank, double{kScale},
                          expected->data());
  return norms;
}

}  // namespace

void checkMagnitudes(ops::ExecContext& one, ops::ExecContext& two, const Report& report) {
  std::mt19937 random(11);
  const std::vector<MagnitudeCase> cases{
      {"one row", {{1, true}}, 1, false, false},
      {"beside none", {{30, true}, {7, false}, {0, true}, {300, true}, {5, false}}, 37, true, false},
      {"on the stream", {{129, true}, {3, false}, {128, true}}, 300, true, true},
      {"wide", {{9, true}, {17, true}}, 1031, false, true},
      {"from what is scaled", {{150, true}, {4, false}, {31, true}}, 270, false, false, true},
  };
  for (const MagnitudeCase& c : cases) {
    const MagnitudeRun run(c, random);
    checkMagnitude<float, float>("magnitude", c, run, one, two, 1e-12, report);
    if (!c.scaled) checkMagnitude<Bf16, float>("magnitude bf16 f32", c, run, one, two, 2e-5, report);
    if (!c.residual) checkMagnitude<Bf16, Bf16>("magnitude bf16", c, run, one, two, 2e-5, report);
  }
  const std::vector<NormCase> norms{
      {"one row", 1, 0, 1, 1, 1},
      {"one of three", 96, 64, 16, 48, 4},
      {"odd sizes", 131, 3, 77, 90, 13},
      {"rank above rows", 70, 0, 70, 65, 100},
  };
  for (const NormCase& c : norms) {
    const auto size = [](std::int32_t rows, std::int32_t columns) { return static_cast<std::size_t>(rows * columns); };
    std::vector<float> w = drawn(random, size(c.outs, c.inFeatures), 0.3F);
    const std::vector<float> a = drawn(random, size(c.rank, c.inFeatures), 0.3F);
    std::vector<float> b = drawn(random, size(c.outFeatures, c.rank), 0.3F);
    if (c.outFeatures > 70) {
      // A row of zeros.
      std::fill_n(w.begin() + std::int64_t{c.column + 70} * c.inFeatures, c.inFeatures, 0.0F);
      std::fill_n(b.begin() + std::int64_t{70} * c.rank, c.rank, 0.0F);
    }
    for (const char* const format : {"float32", "bf16", "int8", "nf4"}) {
      const std::string name = std::string("adapter_norms ") + format;
      std::vector<double> expected;
      const std::vector<float> result = normsOf(one, format, c, w, a, b, &expected);
      report(name, "norm", c.name, distance(result, expected), 1e-11);
      report(name, "threads", c.name, differs(result, normsOf(two, format, c, w, a, b, nullptr)), 0);
    }
  }
}

}  // namespace loratwin::test
