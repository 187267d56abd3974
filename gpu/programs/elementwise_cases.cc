#include <numeric>
#include <string>
#include <vector>

#include "cuda/copy.h"
#include "cuda/embed.h"
#include "cuda/head_norm.h"
#include "cuda/rmsnorm.h"
#include "cuda/rope.h"
#include "cuda/select_rows.h"
#include "cuda/swiglu.h"
#include "cuda/temperature.h"
#include "kernel_cases.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

using ops::Bf16;

void elementwiseCases(const Shape& shape) {
  const std::int32_t T = shape.tokens();
  const std::int32_t H = shape.hidden;
  const std::int32_t I = shape.intermediate;
  const std::int32_t D = shape.headDim;
  const std::int32_t V = shape.vocabulary;
  const std::int32_t turned = shape.heads + shape.kvHeads;
  const RandomBuffer<float> x(elements(T, H), "x");
  const RandomBuffer<float> dy(elements(T, H), "dy");
  const RandomBuffer<float> dx(elements(T, H), "dx");
  const RandomBuffer<float> w(static_cast<std::size_t>(H), "w");
  const DeviceBuffer<float> rstd(static_cast<std::size_t>(T), "rstd");
  const RandomBuffer<Bf16> y(elements(T, H), "y");
  const double TH = product(T, H);
  const double TI = product(T, I);
  measure("rmsnorm", 6 * TH, 0, [&] {
    cuda::rmsnorm(cuda::RmsnormBf16{x.data(), w.data(), y.data(), rstd.data(), T, H, 1e-5F}, nullptr);
  });
  measure("rmsnorm_backward", 18 * TH, 0, [&] {
    cuda::rmsnorm_backward({dy.data(), x.data(), rstd.data(), w.data(), dx.data(), dx.data(), T, H, y.data()}, nullptr);
  });
  // Of what joins the residual stream.
  const RandomBuffer<Bf16> branch(elements(T, H), "branch");
  measure(
      "rmsnorm", 10 * TH, 0,
      [&] {
        cuda::rmsnorm(cuda::RmsnormOfBf16F32{branch.data(), w.data(), dx.data(), rstd.data(), T, H, 1e-5F, x.data()},
                      nullptr);
      },
      "\"into\":\"stream\"");
  measure(
      "rmsnorm_backward", 12 * TH, 0,
      [&] {
        cuda::rmsnorm_backward(cuda::RmsnormBackwardOfBf16{dy.data(), branch.data(), rstd.data(), w.data(), nullptr,
                                                           dx.data(), T, H, y.data()},
                               nullptr);
      },
      "\"into\":\"stream\"");
  measure("copy", 6 * TH, 0, [&] { cuda::copy(x.data(), y.data(), std::int64_t{T} * H, nullptr); });

  const RandomBuffer<Bf16> gateUp(elements(T, 2 * I), "gateUp");
  const RandomBuffer<Bf16> dgateUp(elements(T, 2 * I), "dgateUp");
  const RandomBuffer<Bf16> hidden(elements(T, I), "hidden");
  measure("swiglu", 6 * TI, 0, [&] {
    cuda::swiglu(cuda::SwigluBf16{gateUp.data(), 2 * I, hidden.data(), I, T, I}, nullptr);
  });
  measure("swiglu_backward", 10 * TI, 0, [&] {
    cuda::swiglu_backward(cuda::SwigluBackwardBf16{gateUp.data(), 2 * I, hidden.data(), I, dgateUp.data(), 2 * I, T, I},
                          nullptr);
  });

  std::vector<float> frequencies;
  for (int i = 0; i < D / 2; ++i) frequencies.push_back(1.0F / static_cast<float>(1 + i));
  std::vector<std::int32_t> places;
  for (std::int32_t t = 0; t < T; ++t) places.push_back(t % shape.length);
  const DeviceBuffer<std::int32_t> positions(places, "positions");
  const DeviceBuffer<cuda::Rotation> turns(cuda::rotations(frequencies, shape.length), "rotations");
  const std::int64_t ld = shape.qkv();
  measure("rope", product(4, T, turned, D), 0, [&] {
    cuda::rope(cuda::RopeBf16{positions.data(), turns.data(), gateUp.data(), ld, T, 0, turned, D, D / 2, false},
               nullptr);
  });

  const std::int32_t queries = shape.heads * D;
  const std::int32_t keys = shape.kvHeads * D;
  const ops::NormedHeads heads{0, queries, queries + keys, shape.heads, shape.kvHeads, D};
  const RandomBuffer<float> headWeight(static_cast<std::size_t>(queries), "head weight");
  const RandomBuffer<Bf16> qkv(elements(T, ld), "qkv");
  for (const bool whole : {false, true}) {
    const ops::HeadNormWeights<float> weights{headWeight.data(), headWeight.data(), whole, 1e-5F};
    const std::string fields = std::string("\"over\":\"") + (whole ? "row" : "head") + "\"";
    measure(
        "head_norm", product(4, T, ld), 0,
        [&] {
          cuda::head_norm(cuda::HeadNormBf16{qkv.data(), gateUp.data(), ld, T, heads, weights}, nullptr);
        },
        fields);
    // dx is dy, whose v stays as it is.
    measure(
        "head_norm_backward", product(6, T, turned, D), 0,
        [&] {
          cuda::head_norm_backward(
              cuda::HeadNormBackwardBf16{gateUp.data(), qkv.data(), gateUp.data(), ld, T, heads, weights}, nullptr);
        },
        fields);
  }
  measure("temperature", product(4, T, queries), 0, [&] {
    cuda::temperature(cuda::TemperatureBf16{positions.data(), gateUp.data(), ld, T, 0, queries, 0.1F, 16.0F}, nullptr);
  });

  const RandomBuffer<Bf16> table(elements(V, H), "table");
  std::vector<std::int32_t> tokens;
  for (std::int32_t t = 0; t < T; ++t) tokens.push_back(static_cast<std::int32_t>(t * 40503LL % V));
  const DeviceBuffer<std::int32_t> ids(tokens, "ids");
  measure("embed", 6 * TH, 0, [&] {
    cuda::embed(cuda::EmbedBf16{table.data(), ids.data(), dx.data(), T, H}, nullptr);
  });
  std::vector<std::int32_t> each(static_cast<std::size_t>(T));
  std::iota(each.begin(), each.end(), 0);
  const DeviceBuffer<std::int32_t> all(each, "rows");
  measure("gather_rows", 4 * TH, 0, [&] { cuda::gather_rows(y.data(), all.data(), T, H, hidden.data(), nullptr); });
  measure("scatter_rows", 8 * TH, 0, [&] { cuda::scatter_rows(x.data(), all.data(), T, H, dx.data(), nullptr); });
}

}  // namespace loratwin::gpu
