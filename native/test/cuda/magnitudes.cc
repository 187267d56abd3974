// magnitude and its backward over segments with and without magnitudes, and the norms of rows of base and adapter.
#include <algorithm>
#include <cmath>
#include <memory>

#include "cuda/adapter_norms.h"
#include "cuda/magnitude.h"
#include "ops/adapter_norms.h"
#include "ops/magnitude.h"
#include "table.h"

namespace loratwin::test {

namespace {

struct Scaled {
  int rows;
  bool has;  // magnitudes
};

struct Shape {
  std::vector<Scaled> segments;
  int outFeatures;
  int column;
  int pad;
  bool bias;
  bool residual;
  bool scaled;  // only y is kept
};

// Of one segment, on the device and for the reference.
struct Magnitudes {
  DeviceBuffer<float> magnitude;
  DeviceBuffer<float> norm;
  DeviceBuffer<float> gradient;
  std::vector<double> wideMagnitude;
  std::vector<double> wideNorm;
  std::vector<double> wideGradient;

  Magnitudes(const std::vector<float>& m, const std::vector<float>& n, const std::vector<float>& g)
      : magnitude(m, "magnitude"),
        norm(n, "norm"),
        gradient(g, "dMagnitude"),
        wideMagnitude(widened(m)),
        wideNorm(widened(n)),
        wideGradient(widened(g)) {}
};

template <class Store, class Out>
std::vector<Output> runShape(const Shape& shape) {
  const bool exact = sizeof(Store) == sizeof(float);
  const double tolerance = exact ? 1e-12 : 2e-5;
  const int N = shape.outFeatures;
  const int ldy = shape.column + N + shape.pad;
  const int ldu = N + shape.pad;
  int rows = 0;
  std::vector<std::unique_ptr<Magnitudes>> all;
  std::vector<cuda::MagnitudeSegment> items;
  std::vector<ops::MagnitudeSegmentT<double>> expected;
  int maxRows = 0;
  for (const Scaled& segment : shape.segments) {
    const int end = rows + segment.rows;
    const auto seed = static_cast<std::uint32_t>(40 + 3 * rows);
    if (segment.has) {
      const auto size = static_cast<std::size_t>(N);
      std::vector<float> norms = randomFloats(size, seed + 1);
      for (float& norm : norms) norm = std::fabs(norm) + 0.5F;
      all.push_back(std::make_unique<Magnitudes>(randomFloats(size, seed), norms, randomFloats(size, seed + 2)));
      Magnitudes& own = *all.back();
      items.push_back({rows, end, own.magnitude.data(), own.norm.data(), own.gradient.data()});
      expected.push_back({rows, end, own.wideMagnitude.data(), own.wideNorm.data(), own.wideGradient.data()});
      maxRows = std::max(maxRows, segment.rows);
    }
    rows = end;
  }
  const auto size = [rows](int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); };
  const std::vector<Out> ys = randomStored<Out>(size(ldy), 5, 2.0F);
  const std::vector<Store> us = randomStored<Store>(size(ldu), 6);
  const std::vector<Store> dys = randomStored<Store>(size(ldy), 7);
  const std::vector<float> residuals = randomFloats(size(ldy), 8);
  const std::vector<float> biases = randomFloats(static_cast<std::size_t>(ldy), 9);
  const DeviceBuffer<Out> y(ys, "y");
  const DeviceBuffer<Store> u(us, "u");
  const DeviceBuffer<Store> dy(dys, "dy");
  const DeviceBuffer<float> residual(residuals, "residual");
  const DeviceBuffer<float> bias(biases, "bias");
  const DeviceBuffer<cuda::MagnitudeSegment> table(items, "segments");
  const auto count = static_cast<std::int32_t>(items.size());
  const cuda::MagnitudeSegments segments{table.data(), count, maxRows};
  cuda::magnitude(
      cuda::MagnitudeT<Store, Out>{segments, N, shape.column, y.data(), ldy, shape.scaled ? nullptr : u.data(), ldu,
                                   shape.bias ? bias.data() : nullptr, shape.residual ? residual.data() : nullptr, ldy},
      nullptr);
  const Store* kept = u.data();
  if constexpr (std::is_same_v<Store, Out>) {
    if (shape.scaled) kept = y.data() + shape.column;
  }
  const int ldKept = shape.scaled ? ldy : ldu;
  cuda::magnitude_backward(
      cuda::MagnitudeBackwardT<Store>{segments, N, shape.column, dy.data(), ldy, kept, ldKept, shape.scaled}, nullptr);

  std::vector<double> wideY = widened(ys);
  std::vector<double> wideU = widened(us);
  std::vector<double> wideDy = widened(dys);
  const std::vector<double> wideBias = widened(biases);
  const std::vector<double> wideResidual = widened(residuals);
  ops::ref::magnitude(ops::MagnitudeT<double>{
      expected.data(), count, N, shape.column, wideY.data(), ldy, shape.scaled ? nullptr : wideU.data(), ldu,
      shape.bias ? wideBias.data() : nullptr, shape.residual ? wideResidual.data() : nullptr, ldy});
  // What a backward reads is what was kept.
  std::vector<double> wideKept = shape.scaled ? widened(y.download()) : widened(u.download());
  ops::ref::magnitude_backward(ops::MagnitudeBackwardT<double>{expected.data(), count, N, shape.column, wideDy.data(),
                                                               ldy, wideKept.data() + (shape.scaled ? shape.column : 0),
                                                               ldKept, shape.scaled});
  std::vector<Output> outputs{{"magnitude", widened(y.download()), wideY, tolerance},
                              {"magnitude", widened(u.download()), wideU, tolerance},
                              {"magnitude_backward", widened(dy.download()), wideDy, tolerance}};
  for (const std::unique_ptr<Magnitudes>& own : all) {
    outputs.push_back({"magnitude_backward", widened(own->gradient.download()), own->wideGradient, 1e-11});
  }
  return outputs;
}

template <class Store, class Out>
void magnitudeCase(const std::string& name, const Shape& shape) {
  judge("magnitude, " + name, [=] { return runShape<Store, Out>(shape); });
}

template <class Store>
void normsCase(int outs, int ins, int rank) {
  judge("adapter_norms " + std::to_string(outs) + " x " + std::to_string(ins), [=] {
    constexpr float kScale = 1.5F;
    const auto size = [](int rows, int columns) { return static_cast<std::size_t>(rows * columns); };
    const int lda = roundUp8(ins);
    const int ldb = roundUp8(rank);
    std::vector<Store> ws = randomStored<Store>(size(outs, ins), 3);
    const std::vector<float> as = randomFloats(size(rank, lda), 4);
    std::vector<float> bs = randomFloats(size(outs, ldb), 5);
    // A row of zeros.
    if (outs > 6) std::fill_n(ws.begin() + 6 * ins, ins, Store{});
    if (outs > 6) std::fill_n(bs.begin() + 6 * ldb, ldb, 0.0F);
    std::vector<float> ms = randomFloats(static_cast<std::size_t>(outs), 6);
    for (std::size_t n = 0; n < ms.size(); n += 3) ms[n] = std::nanf("");
    const DeviceBuffer<Store> w(ws, "w");
    const DeviceBuffer<float> a(as, "a");
    const DeviceBuffer<float> b(bs, "b");
    const DeviceBuffer<float> norm(static_cast<std::size_t>(outs), "norm");
    const DeviceBuffer<float> magnitude(ms, "magnitude");
    cuda::adapter_norms(cuda::AdapterNormsT<Store>{w.data(), outs, ins, a.data(), lda, b.data(), ldb, rank, kScale,
                                                   norm.data(), magnitude.data()},
                        nullptr);
    std::vector<double> denseA;
    std::vector<double> denseB;
    for (int r = 0; r < rank; ++r)
      for (int k = 0; k < ins; ++k) denseA.push_back(as[size(r, lda) + static_cast<std::size_t>(k)]);
    for (int n = 0; n < outs; ++n)
      for (int r = 0; r < rank; ++r) denseB.push_back(bs[size(n, ldb) + static_cast<std::size_t>(r)]);
    const std::vector<double> wide = widened(ws);
    std::vector<double> expected(static_cast<std::size_t>(outs));
    ops::ref::adapter_norms(wide.data(), denseA.data(), denseB.data(), outs, ins, rank, double{kScale},
                            expected.data());
    std::vector<double> magnitudes = widened(ms);
    for (std::size_t n = 0; n < ms.size(); n += 3) magnitudes[n] = expected[n];
    return std::vector<Output>{{"adapter_norms", widened(norm.download()), expected, 1e-11},
                               {"adapter_norms", widened(magnitude.download()), magnitudes, 1e-11}};
  });
}

}  // namespace

void magnitudeCases() {
  const std::vector<std::pair<std::string, Shape>> shapes{
      {"one row", {{{1, true}}, 1, 0, 0, false, false, false}},
      {"beside none", {{{30, true}, {7, false}, {0, true}, {100, true}, {5, false}}, 37, 3, 2, true, false, false}},
      {"whole chunks", {{{40, true}, {9, true}}, 64, 8, 8, true, false, false}},
      {"on the stream", {{{65, true}, {3, false}}, 72, 0, 0, true, true, false}},
      {"from what is scaled", {{{33, true}, {3, false}, {50, true}}, 40, 8, 0, false, false, true}},
      {"no magnitudes", {{{5, false}}, 16, 0, 0, false, false, false}},
  };
  for (const auto& [name, shape] : shapes) {
    magnitudeCase<float, float>(name, shape);
    if (!shape.scaled) magnitudeCase<Bf16, float>(name + ", bf16 to f32", shape);
    if (!shape.residual) magnitudeCase<Bf16, Bf16>(name + ", bf16", shape);
  }
  for (const auto& [outs, ins, rank] : {std::tuple{1, 1, 1}, {7, 300, 5}, {16, 64, 8}, {33, 257, 40}}) {
    normsCase<float>(outs, ins, rank);
    normsCase<Bf16>(outs, ins, rank);
  }
}

}  // namespace loratwin::test
