// The kernels at Llama-3-8B's shape, as docs/kernels.md counts their bytes and operations.
#include "kernel_cases.h"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/adamw.h"
#include "cuda/attention.h"
#include "cuda/copy.h"
#include "cuda/cross_entropy.h"
#include "cuda/embed.h"
#include "cuda/flat_tables.h"
#include "cuda/lora.h"
#include "cuda/rmsnorm.h"
#include "cuda/rope.h"
#include "cuda/select_rows.h"
#include "cuda/sum_squares.h"
#include "cuda/swiglu.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

namespace {

using ops::Bf16;
using test::DeviceBuffer;

constexpr std::int32_t kSequences = 8;
constexpr std::int32_t kLength = 512;
constexpr std::int32_t T = kSequences * kLength;
constexpr std::int32_t H = 4096;
constexpr std::int32_t I = 14336;
constexpr std::int32_t kHeads = 32;
constexpr std::int32_t kKvHeads = 8;
constexpr std::int32_t D = 128;
constexpr std::int32_t V = 128256;
constexpr std::int32_t R = 16;
constexpr std::int32_t kAdapters = 4;
constexpr std::int32_t kTileColumns = 8192;
constexpr std::int64_t P = 41943040;  // an adapter of rank 16 on all seven projections of 32 layers
constexpr int kRepetitions = 20;

double product(std::initializer_list<double> factors) {
  double result = 1;
  for (const double factor : factors) result *= factor;
  return result;
}

std::size_t elements(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
}

void measure(const char* name, double bytes, double operations, const std::function<void()>& work) {
  char fields[96];
  std::snprintf(fields, sizeof fields, "\"bytes\":%.0f,\"operations\":%.0f", bytes, operations);
  printLine("kernel", name, fields, timeOnGpu(work, kRepetitions));
}

void bandwidth() {
  const std::size_t bytes = std::size_t{1} << 30;
  const DeviceBuffer<std::uint8_t> from(bytes, "from");
  const DeviceBuffer<std::uint8_t> to(bytes, "to");
  const auto copy = [&] { cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, nullptr); };
  printLine("bandwidth", "copy inside the memory", "\"bytes\":" + std::to_string(2 * bytes),
            timeOnGpu(copy, kRepetitions));
}

void elementwise() {
  const RandomBuffer<float> x(elements(T, H), "x");
  const RandomBuffer<float> dy(elements(T, H), "dy");
  const RandomBuffer<float> dx(elements(T, H), "dx");
  const RandomBuffer<float> w(H, "w");
  const DeviceBuffer<float> rstd(T, "rstd");
  const RandomBuffer<Bf16> y(elements(T, H), "y");
  const double TH = product({T, H});
  const double TI = product({T, I});
  measure("rmsnorm", 6 * TH, 0, [&] {
    cuda::rmsnorm(cuda::RmsnormBf16{x.data(), w.data(), y.data(), rstd.data(), T, H, 1e-5F}, nullptr);
  });
  measure("rmsnorm_backward", 18 * TH, 0, [&] {
    cuda::rmsnorm_backward({dy.data(), x.data(), rstd.data(), w.data(), dx.data(), dx.data(), T, H, y.data()}, nullptr);
  });
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
  for (std::int32_t t = 0; t < T; ++t) places.push_back(t % kLength);
  const DeviceBuffer<std::int32_t> positions(places, "positions");
  const DeviceBuffer<cuda::Rotation> turns(cuda::rotations(frequencies, kLength), "rotations");
  const std::int64_t ld = (kHeads + 2 * kKvHeads) * D;
  measure("rope", product({4, T, kHeads + kKvHeads, D}), 0, [&] {
    cuda::rope(cuda::RopeBf16{positions.data(), turns.data(), gateUp.data(), ld, T, 0, kHeads + kKvHeads, D, false},
               nullptr);
  });

  const RandomBuffer<Bf16> table(elements(V, H), "table");
  std::vector<std::int32_t> tokens;
  for (std::int32_t t = 0; t < T; ++t) tokens.push_back(static_cast<std::int32_t>(t * 40503LL % V));
  const DeviceBuffer<std::int32_t> ids(tokens, "ids");
  measure("embed", 6 * TH, 0, [&] {
    cuda::embed(cuda::EmbedBf16{table.data(), ids.data(), dx.data(), T, H}, nullptr);
  });
  std::vector<std::int32_t> each(T);
  std::iota(each.begin(), each.end(), 0);
  const DeviceBuffer<std::int32_t> all(each, "rows");
  measure("gather_rows", 4 * TH, 0, [&] { cuda::gather_rows(y.data(), all.data(), T, H, hidden.data(), nullptr); });
  measure("scatter_rows", 8 * TH, 0, [&] { cuda::scatter_rows(x.data(), all.data(), T, H, dx.data(), nullptr); });
}

void optimizer() {
  const RandomBuffer<float> p(P, "parameters");
  const RandomBuffer<float> m(P, "firstMoment");
  const DeviceBuffer<float> v(std::vector<float>(P, 0.01F), "secondMoment");
  const RandomBuffer<float> g(P, "gradients");
  const DeviceBuffer<Bf16> compute(P, "compute");
  const std::vector<std::int32_t> first = cuda::firstChunks({P});
  const DeviceBuffer<std::int32_t> firstChunk(first, "firstChunk");
  const DeviceBuffer<double> partials(static_cast<std::size_t>(first.back()), "partials");
  const DeviceBuffer<double> sums(1, "sums");
  const DeviceBuffer<cuda::FlatVector> flat(std::vector<cuda::FlatVector>{{g.data(), P}}, "flat vectors");
  const cuda::AdamwVector vector{p.data(),
                                 m.data(),
                                 v.data(),
                                 g.data(),
                                 compute.data(),
                                 P,
                                 cuda::adamwCoefficients(3, 1e-4, 0.9, 0.999, 1e-8, 0),
                                 sums.data(),
                                 1.0};
  const DeviceBuffer<cuda::AdamwVector> updated(std::vector<cuda::AdamwVector>{vector}, "adamw vectors");
  measure("sum_squares", 4.0 * P, 0, [&] {
    cuda::sum_squares({flat.data(), firstChunk.data(), 1, first.back(), partials.data(), sums.data()}, nullptr);
  });
  measure("adamw", 34.0 * P, 0, [&] { cuda::adamw({updated.data(), firstChunk.data(), 1, first.back()}, nullptr); });
}

void lora() {
  const RandomBuffer<Bf16> x(elements(T, H), "x");
  const RandomBuffer<Bf16> dy(elements(T, H), "dy");
  const RandomBuffer<Bf16> y(elements(T, H), "y");
  const RandomBuffer<float> dx(elements(T, H), "dx");
  const RandomBuffer<Bf16> s(elements(T, R), "s");
  const RandomBuffer<Bf16> ds(elements(T, R), "ds");
  const RandomBuffer<Bf16> weights(elements(2 * kAdapters * R, H), "A and B");
  const RandomBuffer<float> gradients(elements(2 * kAdapters * R, H), "dA and dB");
  std::vector<cuda::LoraSegment> segments;
  for (std::int32_t g = 0; g < kAdapters; ++g) {
    const std::size_t a = elements(2 * g * R, H);
    const std::size_t b = elements((2 * g + 1) * R, H);
    segments.push_back({g * T / kAdapters,
                        (g + 1) * T / kAdapters,
                        R,
                        H,
                        0,
                        R,
                        weights.data() + a,
                        weights.data() + b,
                        s.data(),
                        ds.data(),
                        gradients.data() + a,
                        gradients.data() + b,
                        2.0F,
                        1.0F,
                        0,
                        {0, 0},
                        0});
  }
  const DeviceBuffer<cuda::LoraSegment> table(segments, "segments");
  const std::vector<cuda::LoraTile> tileList = cuda::loraTiles(segments.data(), kAdapters);
  const cuda::LoraGradientPlan plan = cuda::loraGradientPlan(segments.data(), kAdapters, H, H);
  const DeviceBuffer<cuda::LoraTile> tiles(tileList, "tiles");
  const DeviceBuffer<cuda::LoraTile> rowTiles(cuda::loraRowTiles(segments.data(), kAdapters), "row tiles");
  const DeviceBuffer<cuda::LoraGradientTile> gradientTiles(plan.tiles, "gradient tiles");
  const DeviceBuffer<cuda::LoraGradientSum> sums(plan.sums, "gradient sums");
  const DeviceBuffer<float> scratch(static_cast<std::size_t>(plan.scratchFloats), "scratch");
  const std::int32_t count = static_cast<std::int32_t>(tileList.size());
  const cuda::LoraRun run{table.data(), H, H, nullptr};
  const double TH = product({T, H});
  const double operations = 2 * TH * R;
  measure("lora_xa", 2 * TH, operations, [&] { cuda::lora_xa(run, tiles.data(), count, x.data(), H, nullptr); });
  measure("lora_sb", 4 * TH, operations, [&] { cuda::lora_sb(run, tiles.data(), count, H, y.data(), H, nullptr); });
  measure("lora_dyb", 2 * TH, operations, [&] { cuda::lora_dyb(run, tiles.data(), count, dy.data(), H, nullptr); });
  measure("lora_dsa", 8 * TH, operations, [&] {
    cuda::lora_dsa(run, rowTiles.data(), static_cast<std::int32_t>(rowTiles.size()), 1, kAdapters, dx.data(), H,
                   nullptr);
  });
  const double parts = 4.0 * static_cast<double>(plan.scratchFloats);
  const double sumsBytes = product({8, 2 * kAdapters * R, H});  // gradients read and written
  measure("lora_dsx_dys", 4 * TH + 2 * parts + sumsBytes, 2 * operations, [&] {
    cuda::lora_dsx_dys(run,
                       {gradientTiles.data(), static_cast<std::int32_t>(plan.tiles.size()), sums.data(),
                        static_cast<std::int32_t>(plan.sums.size()), plan.maxFeatures, plan.maxElements,
                        scratch.data(), x.data(), H, dy.data(), H},
                       nullptr);
  });
}

void attentions() {
  std::vector<std::int32_t> offsets;
  for (std::int32_t i = 0; i <= kSequences; ++i) offsets.push_back(i * kLength);
  const std::vector<cuda::AttentionTile> queries = cuda::attentionQueryTiles(offsets.data(), kSequences);
  const std::vector<cuda::AttentionTile> keys = cuda::attentionKeyTiles(offsets.data(), kSequences);
  const DeviceBuffer<cuda::AttentionTile> queryTiles(queries, "query tiles");
  const DeviceBuffer<cuda::AttentionTile> keyTiles(keys, "key tiles");
  const std::int32_t width = kHeads * D;
  const std::int32_t ld = width + 2 * kKvHeads * D;
  const cuda::AttentionHeads heads{ld, 0, width, width + kKvHeads * D, width, kHeads, kKvHeads, D};
  const RandomBuffer<Bf16> qkv(elements(T, ld), "qkv");
  const RandomBuffer<Bf16> dqkv(elements(T, ld), "dqkv");
  const RandomBuffer<Bf16> out(elements(T, width), "out");
  const RandomBuffer<Bf16> dout(elements(T, width), "dout");
  const DeviceBuffer<float> lse(elements(T, kHeads), "lse");
  const DeviceBuffer<float> delta(elements(T, kHeads), "delta");
  const std::int32_t queryCount = static_cast<std::int32_t>(queries.size());
  const std::int32_t keyCount = static_cast<std::int32_t>(keys.size());
  const double qkvBytes = product({2, T, ld});
  const double outBytes = product({2, T, width});
  const double pairs = product({T, kLength, width});
  measure("attention", qkvBytes + outBytes, 2 * pairs, [&] {
    cuda::attention({queryTiles.data(), queryCount, heads, qkv.data(), out.data(), lse.data()}, nullptr);
  });
  // Inputs are read by the kernel of dQ and by that of dK and dV.
  measure("attention_backward", 3 * qkvBytes + 4 * outBytes, 7 * pairs, [&] {
    cuda::attention_backward({queryTiles.data(), queryCount, keyTiles.data(), keyCount, heads, T, qkv.data(),
                              out.data(), dout.data(), lse.data(), delta.data(), dqkv.data()},
                             nullptr);
  });
}

void crossEntropy() {
  const RandomBuffer<float> logits(elements(T, kTileColumns), "logits");
  const DeviceBuffer<Bf16> dz(elements(T, kTileColumns), "dz");
  std::vector<std::int32_t> places;
  for (std::int32_t t = 0; t < T; ++t) places.push_back(t * 31 % kTileColumns);
  const DeviceBuffer<std::int32_t> targets(places, "targets");
  const DeviceBuffer<cuda::CrossEntropyState> state(T, "state");
  const DeviceBuffer<float> scale(std::vector<float>(T, 1.0F / T), "lossScale");
  const cuda::LogitsTile tile{logits.data(), kTileColumns, T, 0, kTileColumns, targets.data()};
  const double cells = product({T, kTileColumns});
  measure("cross_entropy_tile", 4 * cells, 0, [&] { cuda::cross_entropy_tile(tile, state.data(), true, nullptr); });
  measure("cross_entropy_gradient", 6 * cells, 0,
          [&] { cuda::cross_entropy_gradient(tile, state.data(), scale.data(), dz.data(), kTileColumns, nullptr); });
}

}  // namespace

void timeKernels() {
  bandwidth();
  lora();
  attentions();
  elementwise();
  crossEntropy();
  optimizer();
}

}  // namespace loratwin::gpu
