// copy, embed, swiglu, rmsnorm and rope: shapes of one chunk and less, of several blocks, and of odd sizes and strides.
#include "cuda/copy.h"
#include "cuda/embed.h"
#include "cuda/rmsnorm.h"
#include "cuda/rope.h"
#include "cuda/swiglu.h"
#include "ops/embed.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
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
    cuda::swiglu(cuda::SwigluT<Store>{gateUp.data(), ld, out.data(), ldo, rows, intermediate, act}, nullptr);
    const std::vector<double> wideIn = widened(in);
    const std::vector<double> wideGradient = widened(gradient);
    std::vector<double> expected = wideGradient;
    ops::ref::swiglu(ops::SwigluT<double>{wideIn.data(), ld, expected.data(), ldo, rows, intermediate, act});
    cuda::swiglu_backward(
        cuda::SwigluBackwardT<Store>{gateUp.data(), ld, dout.data(), ldo, gateUp.data(), ld, rows, intermediate, act},
        nullptr);
    std::vector<double> expectedBack = wideIn;
    ops::ref::swiglu_backward(ops::SwigluBackwardT<double>{wideIn.data(), ld, wideGradient.data(), ldo,
                                                           expectedBack.data(), ld, rows, intermediate, act});
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

template <class Store>
void ropeCase(const std::vector<int>& lengths, int heads, int headDim, int column) {
  judge("rope of " + std::to_string(heads) + " heads of " + std::to_string(headDim), [=] {
    std::vector<std::int32_t> offsets{0};
    std::vector<std::int32_t> places;
    for (const int length : lengths) {
      for (int t = 0; t < length; ++t) places.push_back(t);
      offsets.push_back(offsets.back() + length);
    }
    std::vector<float> frequencies;
    for (int i = 0; i < headDim / 2; ++i) frequencies.push_back(1.0F / static_cast<float>(1 + 3 * i));
    const int ld = column + heads * headDim + 3;
    const std::vector<Store> values = randomStored<Store>(places.size() * static_cast<std::size_t>(ld), 11);
    const DeviceBuffer<std::int32_t> positions(places, "positions");
    const DeviceBuffer<cuda::Rotation> turns(cuda::rotations(frequencies, 200), "rotations");
    std::vector<Output> outputs;
    for (const bool inverse : {false, true}) {
      const DeviceBuffer<Store> x(values, "x");
      const std::int32_t rows = offsets.back();
      cuda::rope(
          cuda::RopeT<Store>{positions.data(), turns.data(), x.data(), ld, rows, column, heads, headDim, inverse},
          nullptr);
      std::vector<double> expected = widened(values);
      ops::ref::rope(ops::RopeT<double>{{offsets.data(), static_cast<std::int32_t>(lengths.size())},
                                        expected.data(),
                                        ld,
                                        column,
                                        heads,
                                        headDim,
                                        frequencies.data(),
                                        inverse,
                                        0,
                                        rows});
      outputs.push_back({"rope", widened(x.download()), expected, toleranceOf<Store>()});
    }
    return outputs;
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
  for (const ops::Activation act : {ops::Activation::silu, ops::Activation::gelu}) {
    swigluCase<Store>(1, 5, 0, act, 4.0F);
    swigluCase<Store>(13, 203, 3, act, 4.0F);
    swigluCase<Store>(20, 256, 0, act, 4.0F);
  }
  swigluCase<Store>(13, 203, 3, ops::Activation::gelu, 1e-3F);
  rmsnormCase<Store>(1, 2);
  rmsnormCase<Store>(9, 101);
  rmsnormCase<Store>(6, 768);
  ropeCase<Store>({3, 1}, 1, 2, 0);
  ropeCase<Store>({70, 0, 20}, 3, 20, 5);
  ropeCase<Store>({33, 130}, 2, 64, 8);
}

}  // namespace

void elementwiseCases() {
  allCases<float>();
  allCases<Bf16>();
}

}  // namespace loratwin::test
