// copy, embed, swiglu, rmsnorm, head_norm, rope and temperature: shapes of one chunk and less, of several blocks, and
// of odd sizes and strides.
#include "cuda/copy.h"
#include "cuda/embed.h"
#include "cuda/head_norm.h"
#include "cuda/rmsnorm.h"
#include "cuda/rope.h"
#include "cuda/swiglu.h"
#include "cuda/temperature.h"
#include "ops/embed.h"
#include "ops/head_norm.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "ops/temperature.h"
#include "table.h"

namespace loratwin::test {

namespace {

constexpr double kF32 = 1e-12;
constexpr double kBf16 = 6e-6;

template <class Store>
double toleranceOf(double f32 = kF32) {
  return sizeof(Store) == sizeof(float) ? f32 : kBf16;
}

template <class From, class To>
void copyCase(std::size_t count) {
  judge("copy of " + std::to_string(count), [=] {
    const std::vector<From> values = randomStored<From>(count, 3);
    const DeviceBuffer<From> x(values, "x");
    const DeviceBuffer<To> y(count, "y");
    cuda::copy(x.data(), y.data(), static_cast<std::int64_t>(count), nullptr);
    std::vector<double> expected;
    for (const From& value : values) {
      const float exact = static_cast<float>(widened(value));
      expected.push_back(sizeof(To) == sizeof(float) ? widened(exact) : widened(ops::toBf16(exact)));
    }
    return std::vector<Output>{{"copy", widened(y.download()), expected, 0}};
  });
}

// With a residual: y itself, in float32.
template <class From, class To>
void scaledCopyCase(std::size_t count, bool residual) {
  const std::string name = residual ? "scaled copy with residual of " : "scaled copy of ";
  judge(name + std::to_string(count), [=] {
    constexpr float kScale = 0.22F;
    const std::vector<From> values = randomStored<From>(count, 3);
    const std::vector<To> added = randomStored<To>(count, 30);
    const DeviceBuffer<From> x(values, "x");
    const DeviceBuffer<To> y(added, "y");
    const float* from = nullptr;
    if constexpr (sizeof(To) == sizeof(float)) from = residual ? y.data() : nullptr;
    cuda::scaled_copy(cuda::ScaledCopyT<From, To>{x.data(), y.data(), static_cast<std::int64_t>(count), kScale, from},
                      nullptr);
    std::vector<double> expected = widened(values);
    for (std::size_t i = 0; i < count; ++i) expected[i] = kScale * expected[i] + (residual ? widened(added[i]) : 0.0);
    return std::vector<Output>{{"copy", widened(y.download()), expected, toleranceOf<To>(1e-13)}};
  });
}

template <class Store>
void embedCase(int rows, int hidden, float scale) {
  constexpr int kVocabulary = 37;
  const std::string name = scale == 1.0F ? "embed " : "scaled embed ";
  judge(name + std::to_string(rows) + " x " + std::to_string(hidden), [=] {
    const std::vector<Store> values = randomStored<Store>(static_cast<std::size_t>(kVocabulary * hidden), 4);
    std::vector<std::int32_t> places;
    for (int t = 0; t < rows; ++t) places.push_back(t * 7 % kVocabulary);
    const DeviceBuffer<Store> table(values, "table");
    const DeviceBuffer<std::int32_t> ids(places, "ids");
    const DeviceBuffer<float> out(static_cast<std::size_t>(rows * hidden), "out");
    cuda::embed(cuda::EmbedT<Store>{table.data(), ids.data(), out.data(), rows, hidden, scale}, nullptr);
    const std::vector<double> wide = widened(values);
    std::vector<double> expected(out.size());
    ops::ref::embed(ops::EmbedT<double>{wide.data(), places.data(), expected.data(), rows, hidden, kVocabulary, scale});
    return std::vector<Output>{{"embed", widened(out.download()), expected, scale == 1.0F ? 0 : 1e-13}};
  });
}

template <class Store>
void swigluCase(int rows, int intermediate, int pad, ops::Activation act, float spread) {
  judge("swiglu " + std::to_string(rows) + " x " + std::to_string(intermediate), [=] {
    const int ld = 2 * intermediate + pad;
    const int ldo = intermediate + pad;
    const std::vector<Store> in = randomStored<Store>(static_cast<std::size_t>(rows * ld), 5, spread);
    const std::vector<Store> gradient = randomStored<Store>(static_cast<std::size_t>(rows * ldo), 6);
    const DeviceBuffer<Store> gateUp(in, "gateUp");
    const DeviceBuffer<Store> dout(gradient, "dout");
    const DeviceBuffer<Store> out(gradient, "out");
    cuda::swiglu(cuda::SwigluT<Store>{gateUp.data(), ld, out.data(), ldo, rows, intermediate, act, 1.7F, 2.0F},
                 nullptr);
    const std::vector<double> wideIn = widened(in);
    const std::vector<double> wideGradient = widened(gradient);
    std::vector<double> expected = wideGradient;
    ops::ref::swiglu(
        ops::SwigluT<double>{wideIn.data(), ld, expected.data(), ldo, rows, intermediate, act, 1.7F, 2.0F});
    cuda::swiglu_backward(cuda::SwigluBackwardT<Store>{gateUp.data(), ld, dout.data(), ldo, gateUp.data(), ld, rows,
                                                       intermediate, act, 1.7F, 2.0F},
                          nullptr);
    std::vector<double> expectedBack = wideIn;
    ops::ref::swiglu_backward(ops::SwigluBackwardT<double>{
        wideIn.data(), ld, wideGradient.data(), ldo, expectedBack.data(), ld, rows, intermediate, act, 1.7F, 2.0F});
    return std::vector<Output>{
        {"swiglu", widened(out.download()), expected, toleranceOf<Store>(1e-11)},
        {"swiglu_backward", widened(gateUp.download()), expectedBack, toleranceOf<Store>(1e-11)}};
  });
}

template <class Store>
void rmsnormCase(int rows, int hidden) {
  judge("rmsnorm " + std::to_string(rows) + " x " + std::to_string(hidden), [=] {
    const std::size_t count = static_cast<std::size_t>(rows * hidden);
    const std::vector<float> xs = randomFloats(count, 7);
    const std::vector<float> ws = randomFloats(static_cast<std::size_t>(hidden), 8);
    const std::vector<float> dys = randomFloats(count, 9);
    const std::vector<float> residuals = randomFloats(count, 10);
    const DeviceBuffer<float> x(xs, "x");
    const DeviceBuffer<float> w(ws, "w");
    const DeviceBuffer<float> dy(dys, "dy");
    const DeviceBuffer<float> dx(residuals, "dx");
    const DeviceBuffer<Store> y(count, "y");
    const DeviceBuffer<float> rstd(static_cast<std::size_t>(rows), "rstd");
    const DeviceBuffer<Bf16> compute(count, "dxCompute");
    cuda::rmsnorm(cuda::RmsnormT<Store>{x.data(), w.data(), y.data(), rstd.data(), rows, hidden, 1e-5F}, nullptr);
    cuda::rmsnorm_backward(
        {dy.data(), x.data(), rstd.data(), w.data(), dx.data(), dx.data(), rows, hidden, compute.data()}, nullptr);
    const std::vector<double> wideX = widened(xs);
    const std::vector<double> wideW = widened(ws);
    const std::vector<double> wideDy = widened(dys);
    std::vector<double> expectedY(count);
    std::vector<double> expectedRstd(static_cast<std::size_t>(rows));
    ops::ref::rmsnorm(
        ops::RmsnormT<double>{wideX.data(), wideW.data(), expectedY.data(), expectedRstd.data(), rows, hidden, 1e-5F});
    std::vector<double> expectedDx = widened(residuals);
    ops::ref::rmsnorm_backward(ops::RmsnormBackwardT<double>{wideDy.data(), wideX.data(), expectedRstd.data(),
                                                             wideW.data(), expectedDx.data(), expectedDx.data(), rows,
                                                             hidden, nullptr});
    return std::vector<Output>{{"rmsnorm", widened(y.download()), expectedY, toleranceOf<Store>()},
                               {"rmsnorm", widened(rstd.download()), expectedRstd, kF32},
                               {"rmsnorm_backward", widened(dx.download()), expectedDx, kF32},
                               {"rmsnorm_backward", widened(compute.download()), expectedDx, kBf16}};
  });
}

// x as bfloat16; y joins a residual in place.
template <class To>
void rmsnormOfBf16Case(int rows, int hidden, bool residual) {
  const std::string name = residual ? "rmsnorm of bfloat16 with residual " : "rmsnorm of bfloat16 ";
  judge(name + std::to_string(rows) + " x " + std::to_string(hidden), [=] {
    const std::size_t count = static_cast<std::size_t>(rows * hidden);
    const std::vector<Bf16> xs = randomBf16(count, 7);
    const std::vector<float> ws = randomFloats(static_cast<std::size_t>(hidden), 8);
    const std::vector<float> dys = randomFloats(count, 9);
    const std::vector<To> added = randomStored<To>(count, 10);
    const DeviceBuffer<Bf16> x(xs, "x");
    const DeviceBuffer<float> w(ws, "w");
    const DeviceBuffer<float> dy(dys, "dy");
    const DeviceBuffer<float> dx(count, "dx");
    const DeviceBuffer<To> y(added, "y");
    const DeviceBuffer<float> rstd(static_cast<std::size_t>(rows), "rstd");
    const float* from = nullptr;
    if constexpr (sizeof(To) == sizeof(float)) from = residual ? y.data() : nullptr;
    cuda::rmsnorm(cuda::RmsnormT<To, Bf16>{x.data(), w.data(), y.data(), rstd.data(), rows, hidden, 1e-5F, from},
                  nullptr);
    cuda::rmsnorm_backward(cuda::RmsnormBackwardOfBf16{dy.data(), x.data(), rstd.data(), w.data(), nullptr, dx.data(),
                                                       rows, hidden, nullptr},
                           nullptr);
    const std::vector<double> wideX = widened(xs);
    const std::vector<double> wideW = widened(ws);
    const std::vector<double> wideDy = widened(dys);
    std::vector<double> expectedY = widened(added);
    std::vector<double> expectedRstd(static_cast<std::size_t>(rows));
    ops::ref::rmsnorm(ops::RmsnormT<double>{wideX.data(), wideW.data(), expectedY.data(), expectedRstd.data(), rows,
                                            hidden, 1e-5F, residual ? expectedY.data() : nullptr});
    std::vector<double> expectedDx(count);
    ops::ref::rmsnorm_backward(ops::RmsnormBackwardT<double>{wideDy.data(), wideX.data(), expectedRstd.data(),
                                                             wideW.data(), nullptr, expectedDx.data(), rows, hidden,
                                                             nullptr});
    return std::vector<Output>{{"rmsnorm", widened(y.download()), expectedY, toleranceOf<To>()},
                               {"rmsnorm", widened(rstd.download()), expectedRstd, kF32},
                               {"rmsnorm_backward", widened(dx.download()), expectedDx, kF32}};
  });
}

enum class HeadNorms { ofHeads, whole, unweighted };

// v before k, and columns of nobody's before, between and behind them; dx is dy unless with `whole`.
template <class Store>
void headNormCase(int rows, int heads, int kvHeads, int headDim, int column, HeadNorms norms) {
  const std::string name = norms == HeadNorms::whole        ? "whole norms of "
                           : norms == HeadNorms::unweighted ? "norms without weights of "
                                                            : "norms of ";
  judge(name + std::to_string(heads) + " heads of " + std::to_string(headDim), [=] {
    const bool whole = norms == HeadNorms::whole;
    const int q = heads * headDim;
    const int kv = kvHeads * headDim;
    const ops::NormedHeads columns{column, column + q + kv + column, column + q, heads, kvHeads, headDim};
    const std::int64_t ld = columns.k + kv + column;
    const std::size_t count = static_cast<std::size_t>(rows * ld);
    const std::vector<Store> xs = randomStored<Store>(count, 13);
    const std::vector<Store> ys = randomStored<Store>(count, 14);
    const std::vector<Store> dys = randomStored<Store>(count, 15);
    const std::vector<float> qs = randomFloats(static_cast<std::size_t>(whole ? q : headDim), 16);
    const std::vector<float> ks = randomFloats(static_cast<std::size_t>(whole ? kv : headDim), 17);
    const DeviceBuffer<Store> x(xs, "x");
    const DeviceBuffer<Store> y(ys, "y");
    const DeviceBuffer<Store> dy(dys, "dy");
    const DeviceBuffer<Store> dx(ys, "dx");
    const DeviceBuffer<float> qWeight(qs, "qWeight");
    const DeviceBuffer<float> kWeight(ks, "kWeight");
    const bool weighted = norms != HeadNorms::unweighted;
    const ops::HeadNormWeights<float> weights{weighted ? qWeight.data() : nullptr, weighted ? kWeight.data() : nullptr,
                                              whole, 1e-5F};
    cuda::head_norm(cuda::HeadNormT<Store>{x.data(), y.data(), ld, rows, columns, weights}, nullptr);
    const DeviceBuffer<Store>& to = whole ? dx : dy;
    cuda::head_norm_backward(cuda::HeadNormBackwardT<Store>{dy.data(), x.data(), to.data(), ld, rows, columns, weights},
                             nullptr);
    const std::vector<double> wideX = widened(xs);
    const std::vector<double> wideDy = widened(dys);
    const std::vector<double> wideQ = widened(qs);
    const std::vector<double> wideK = widened(ks);
    const ops::HeadNormWeights<double> wideWeights{weighted ? wideQ.data() : nullptr, weighted ? wideK.data() : nullptr,
                                                   whole, 1e-5F};
    std::vector<double> expectedY = widened(ys);
    ops::ref::head_norm(ops::HeadNormT<double>{wideX.data(), expectedY.data(), ld, rows, columns, wideWeights});
    std::vector<double> expectedDx = whole ? widened(ys) : wideDy;
    ops::ref::head_norm_backward(
        ops::HeadNormBackwardT<double>{wideDy.data(), wideX.data(), expectedDx.data(), ld, rows, columns, wideWeights});
    return std::vector<Output>{{"head_norm", widened(y.download()), expectedY, toleranceOf<Store>()},
                               {"head_norm_backward", widened(to.download()), expectedDx, toleranceOf<Store>()}};
  });
}

struct Turns {
  int turned;
  bool pairs = false;
  float factor = 1.0F;
  std::int32_t longFrom = -1;  // below 0: all sequences have the same frequencies
};

// The rows of sequences of so many: their positions, and one past each one's last row.
struct Places {
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> ends;

  explicit Places(const std::vector<int>& lengths) {
    for (const int length : lengths) {
      for (int t = 0; t < length; ++t) positions.push_back(t);
      offsets.push_back(offsets.back() + length);
      ends.insert(ends.end(), static_cast<std::size_t>(length), offsets.back());
    }
  }
  ops::Sequences sequences() const { return {offsets.data(), static_cast<std::int32_t>(offsets.size()) - 1}; }
  std::int32_t rows() const { return offsets.back(); }
};

template <class Store>
void ropeCase(const std::vector<int>& lengths, int heads, int headDim, int column, const Turns& turns) {
  const std::string name =
      std::string(turns.pairs ? "rope in pairs of " : "rope of ") + std::to_string(2 * turns.turned);
  judge(name + " columns of " + std::to_string(heads) + " heads of " + std::to_string(headDim), [=] {
    const Places places(lengths);
    std::vector<float> frequencies;
    std::vector<float> longFrequencies;
    for (int i = 0; i < turns.turned; ++i) {
      frequencies.push_back(1.0F / static_cast<float>(1 + 3 * i));
      longFrequencies.push_back(0.3F / static_cast<float>(1 + i));
    }
    const bool isLong = turns.longFrom >= 0;
    const int ld = column + heads * headDim + 3;
    const std::vector<Store> values = randomStored<Store>(places.positions.size() * static_cast<std::size_t>(ld), 11);
    const DeviceBuffer<std::int32_t> positions(places.positions, "positions");
    const DeviceBuffer<std::int32_t> ends(places.ends, "ends");
    const DeviceBuffer<cuda::Rotation> rotations(cuda::rotations(frequencies, 200), "rotations");
    const DeviceBuffer<cuda::Rotation> longRotations(cuda::rotations(longFrequencies, 200), "longRotations");
    std::vector<Output> outputs;
    for (const bool inverse : {false, true}) {
      const DeviceBuffer<Store> x(values, "x");
      cuda::rope(cuda::RopeT<Store>{.positions = positions.data(),
                                    .rotations = rotations.data(),
                                    .x = x.data(),
                                    .ld = ld,
                                    .rows = places.rows(),
                                    .column = column,
                                    .heads = heads,
                                    .headDim = headDim,
                                    .turned = turns.turned,
                                    .inverse = inverse,
                                    .pairs = turns.pairs,
                                    .factor = turns.factor,
                                    .longRotations = isLong ? longRotations.data() : nullptr,
                                    .ends = isLong ? ends.data() : nullptr,
                                    .longFrom = turns.longFrom},
                 nullptr);
      std::vector<double> expected = widened(values);
      ops::ref::rope(ops::RopeT<double>{.sequences = places.sequences(),
                                        .x = expected.data(),
                                        .ld = ld,
                                        .column = column,
                                        .heads = heads,
                                        .headDim = headDim,
                                        .frequencies = frequencies.data(),
                                        .turned = turns.turned,
                                        .inverse = inverse,
                                        .first = 0,
                                        .last = places.rows(),
                                        .pairs = turns.pairs,
                                        .factor = turns.factor,
                                        .longFrequencies = isLong ? longFrequencies.data() : nullptr,
                                        .longFrom = turns.longFrom});
      outputs.push_back({"rope", widened(x.download()), expected, toleranceOf<Store>()});
    }
    return outputs;
  });
}

template <class Store>
void temperatureCase(const std::vector<int>& lengths, int columns, int column, float step) {
  judge("temperature of " + std::to_string(columns) + " columns", [=] {
    const Places places(lengths);
    const int ld = column + columns + 3;
    const std::vector<Store> values = randomStored<Store>(places.positions.size() * static_cast<std::size_t>(ld), 12);
    const DeviceBuffer<std::int32_t> positions(places.positions, "positions");
    const DeviceBuffer<Store> x(values, "x");
    cuda::temperature(
        cuda::TemperatureT<Store>{positions.data(), x.data(), ld, places.rows(), column, columns, 0.375F, step},
        nullptr);
    std::vector<double> expected = widened(values);
    ops::ref::temperature(ops::TemperatureT<double>{places.sequences(), expected.data(), ld, column, columns, 0.375F,
                                                    step, 0, places.rows()});
    return std::vector<Output>{{"temperature", widened(x.download()), expected, toleranceOf<Store>(1e-13)}};
  });
}

template <class Store>
void allCases() {
  for (const std::size_t count : {1, 9, 4103}) {
    copyCase<float, Store>(count);
    copyCase<Store, float>(count);
    scaledCopyCase<float, Store>(count, false);
    scaledCopyCase<Store, float>(count, true);
  }
  for (const float scale : {1.0F, 39.25F}) {
    embedCase<Store>(1, 3, scale);
    embedCase<Store>(41, 72, scale);
  }
  for (const ops::Activation act : {ops::Activation::silu, ops::Activation::gelu, ops::Activation::clamped}) {
    swigluCase<Store>(1, 5, 0, act, 4.0F);
    swigluCase<Store>(13, 203, 3, act, 4.0F);
    swigluCase<Store>(20, 256, 0, act, 4.0F);
  }
  swigluCase<Store>(13, 203, 3, ops::Activation::gelu, 1e-3F);
  rmsnormCase<Store>(1, 2);
  rmsnormCase<Store>(9, 101);
  rmsnormCase<Store>(6, 768);
  rmsnormOfBf16Case<Store>(1, 3, false);
  rmsnormOfBf16Case<Store>(6, 768, false);
  for (const HeadNorms norms : {HeadNorms::ofHeads, HeadNorms::whole, HeadNorms::unweighted}) {
    headNormCase<Store>(1, 1, 1, 3, 0, norms);
    headNormCase<Store>(7, 4, 2, 20, 1, norms);
    headNormCase<Store>(5, 6, 3, 64, 8, norms);
    headNormCase<Store>(3, 2, 1, 256, 0, norms);
    headNormCase<Store>(2, 3, 1, 300, 0, norms);
  }
  ropeCase<Store>({3, 1}, 1, 2, 0, {1});
  ropeCase<Store>({70, 0, 20}, 3, 20, 5, {10});
  ropeCase<Store>({33, 130}, 2, 64, 8, {32});
  ropeCase<Store>({33, 130}, 2, 64, 8, {.turned = 16, .factor = 1.25F, .longFrom = 33});
  ropeCase<Store>({70, 0, 20}, 3, 20, 5, {.turned = 3, .factor = 0.75F});
  ropeCase<Store>({33, 130}, 2, 64, 8, {.turned = 32, .pairs = true, .longFrom = 32});
  ropeCase<Store>({70, 0, 20}, 3, 20, 5, {.turned = 7, .pairs = true, .factor = 1.25F});
  temperatureCase<Store>({3, 1}, 5, 0, 1.0F);
  temperatureCase<Store>({70, 0, 20}, 203, 3, 17.0F);
  temperatureCase<Store>({33, 130}, 256, 8, 12.5F);
}

}  // namespace

void elementwiseCases() {
  allCases<float>();
  allCases<Bf16>();
  rmsnormOfBf16Case<float>(1, 3, true);
  rmsnormOfBf16Case<float>(9, 101, true);
}

}  // namespace loratwin::test
