// sum_squares and adamw over the vectors of several adapters at once.
#include <cmath>

#include "cuda/adamw.h"
#include "cuda/flat_tables.h"
#include "cuda/sum_squares.h"
#include "ops/adamw.h"
#include "ops/sum_squares.h"
#include "table.h"

namespace loratwin::test {

namespace {

constexpr std::int64_t kStep = 3;
constexpr double kRate = 1e-2;
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEps = 1e-8;
constexpr double kDecay = 0.1;
constexpr double kMaxNorm = 1.0;

// All vectors of a run one behind the other, each from a multiple of 8 on.
struct Layout {
  std::vector<std::size_t> starts;
  std::size_t total = 0;

  explicit Layout(const std::vector<std::int64_t>& counts) {
    for (const std::int64_t count : counts) {
      starts.push_back(total);
      total += (static_cast<std::size_t>(count) + 7) / 8 * 8;
    }
  }
};

void stepCase(const std::string& name, const std::vector<std::int64_t>& counts, bool clipped) {
  judge(name, [=] {
    const Layout layout(counts);
    const std::int32_t vectors = static_cast<std::int32_t>(counts.size());
    const std::vector<float> p0 = randomFloats(layout.total, 1);
    const std::vector<float> m0 = randomFloats(layout.total, 2);
    std::vector<float> v0 = randomFloats(layout.total, 3);
    for (float& v : v0) v = std::fabs(v);
    const std::vector<float> g0 = randomFloats(layout.total, 4, 0.5F);
    const DeviceBuffer<float> p(p0, "parameters");
    const DeviceBuffer<float> m(m0, "firstMoment");
    const DeviceBuffer<float> v(v0, "secondMoment");
    const DeviceBuffer<float> g(g0, "gradients");
    const DeviceBuffer<Bf16> compute(std::vector<Bf16>(layout.total), "compute");
    const std::vector<std::int32_t> first = cuda::firstChunks(counts);
    const DeviceBuffer<std::int32_t> firstChunk(first, "firstChunk");
    const DeviceBuffer<double> partials(static_cast<std::size_t>(first.back()), "partials");
    const DeviceBuffer<double> sums(counts.size(), "sums");
    const DeviceBuffer<double> kept(counts.size(), "kept sums");
    std::vector<cuda::FlatVector> flat;
    std::vector<cuda::AdamwVector> updated;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const std::size_t at = layout.starts[i];
      flat.push_back({g.data() + at, counts[i], clipped ? kept.data() + i : nullptr});
      updated.push_back({p.data() + at, m.data() + at, v.data() + at, g.data() + at, compute.data() + at, counts[i],
                         cuda::adamwCoefficients(kStep, kRate, kBeta1, kBeta2, kEps, kDecay),
                         clipped ? kept.data() + i : nullptr, kMaxNorm});
    }
    const DeviceBuffer<cuda::FlatVector> flatVectors(flat, "flat vectors");
    const DeviceBuffer<cuda::AdamwVector> updatedVectors(updated, "adamw vectors");
    cuda::sum_squares({flatVectors.data(), firstChunk.data(), vectors, first.back(), partials.data(), sums.data()},
                      nullptr);
    cuda::adamw({updatedVectors.data(), firstChunk.data(), vectors, first.back()}, nullptr);

    std::vector<double> ep = widened(p0);
    std::vector<double> em = widened(m0);
    std::vector<double> ev = widened(v0);
    std::vector<double> eg = widened(g0);
    std::vector<double> esums;
    std::vector<double> ecompute(layout.total);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const std::size_t at = layout.starts[i];
      esums.push_back(ops::ref::sum_squares(eg.data() + at, static_cast<std::size_t>(counts[i])));
      const double scale = clipped ? std::fmin(1.0, kMaxNorm / (std::sqrt(esums.back()) + 1e-6)) : 1.0;
      ops::ref::adamw(ops::AdamwT<double>{ep.data() + at, em.data() + at, ev.data() + at, eg.data() + at,
                                          static_cast<std::size_t>(counts[i]), kStep, kRate, kBeta1, kBeta2, kEps,
                                          kDecay, scale});
      for (std::size_t j = at; j < at + static_cast<std::size_t>(counts[i]); ++j) ecompute[j] = ep[j];
    }
    return std::vector<Output>{{"sum_squares", widened(sums.download()), esums, 1e-26},
                               {"adamw", widened(p.download()), ep, 1e-12},
                               {"adamw", widened(m.download()), em, 1e-12},
                               {"adamw", widened(v.download()), ev, 1e-12},
                               {"adamw", widened(g.download()), eg, 0},
                               {"adamw", widened(compute.download()), ecompute, 6e-6}};
  });
}

}  // namespace

void optimizerCases() {
  stepCase("one number", {1}, true);
  stepCase("one chunk", {2048}, false);
  stepCase("vectors around a chunk", {2047, 0, 2049, 9, 5003}, true);
  stepCase("two small and one large", {100, 16, 12000}, false);
}

}  // namespace loratwin::test
