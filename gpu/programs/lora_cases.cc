#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/lora.h"
#include "kernel_cases.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

using ops::Bf16;

namespace {

// What each launch gets: projections of one input x [T,K] whose outputs lie side by side in y.
struct Group {
  const char* projections;
  std::int32_t inFeatures;                // K
  std::vector<std::int32_t> outFeatures;  // N of each
};

void timeLora(const Shape& shape, const Group& group) {
  const std::int32_t T = shape.tokens();
  const std::int32_t K = group.inFeatures;
  const std::int32_t R = shape.rank;
  const std::int32_t adapters = shape.adapters;
  const auto projections = static_cast<std::int32_t>(group.outFeatures.size());
  const std::int32_t N = std::accumulate(group.outFeatures.begin(), group.outFeatures.end(), 0);  // of all
  const RandomBuffer<Bf16> x(elements(T, K), "x");
  const RandomBuffer<Bf16> dy(elements(T, N), "dy");
  const RandomBuffer<Bf16> y(elements(T, N), "y");
  const RandomBuffer<float> dx(elements(T, K), "dx");
  const RandomBuffer<Bf16> s(elements(projections * T, R), "s");
  const RandomBuffer<Bf16> ds(elements(projections * T, R), "ds");
  // A and B of every adapter, one projection after the other.
  const std::size_t parameters = elements(adapters * R, projections * K + N);
  const RandomBuffer<Bf16> weights(parameters, "A and B");
  const RandomBuffer<float> gradients(parameters, "dA and dB");
  std::vector<cuda::LoraSegment> segments;
  std::size_t next = 0;
  std::int32_t column = 0;
  for (std::int32_t p = 0; p < projections; ++p) {
    const std::int32_t out = group.outFeatures[static_cast<std::size_t>(p)];
    for (std::int32_t g = 0; g < adapters; ++g) {
      const std::size_t a = next;
      const std::size_t b = a + elements(R, K);
      next = b + elements(out, R);
      cuda::LoraSegment segment{};
      segment.rowStart = g * T / adapters;
      segment.rowEnd = (g + 1) * T / adapters;
      segment.rank = R;
      segment.outFeatures = out;
      segment.column = column;
      segment.lds = R;
      segment.a = weights.data() + a;
      segment.b = weights.data() + b;
      segment.s = s.data() + elements(p * T, R);
      segment.ds = ds.data() + elements(p * T, R);
      segment.da = gradients.data() + a;
      segment.db = gradients.data() + b;
      segment.scale = 2.0F;
      segment.keepScale = 1.0F;
      segment.target = static_cast<std::uint32_t>(p);
      segments.push_back(segment);
    }
    column += out;
  }
  const auto count = static_cast<std::int32_t>(segments.size());
  const DeviceBuffer<cuda::LoraSegment> table(segments, "segments");
  const std::vector<cuda::LoraTile> tileList = cuda::loraTiles(segments.data(), count);
  const cuda::LoraGradientPlan plan = cuda::loraGradientPlan(segments.data(), count, K, K);
  const DeviceBuffer<cuda::LoraTile> tiles(tileList, "tiles");
  const DeviceBuffer<cuda::LoraTile> rowTiles(cuda::loraRowTiles(segments.data(), adapters), "row tiles");
  const DeviceBuffer<cuda::LoraGradientTile> gradientTiles(plan.tiles, "gradient tiles");
  const DeviceBuffer<cuda::LoraGradientSum> sums(plan.sums, "gradient sums");
  const DeviceBuffer<float> scratch(static_cast<std::size_t>(plan.scratchFloats), "scratch");
  const auto tileCount = static_cast<std::int32_t>(tileList.size());
  const cuda::LoraRun run{table.data(), K, K, nullptr};
  const std::int32_t widest = *std::max_element(group.outFeatures.begin(), group.outFeatures.end());
  const double TK = product(T, K);
  const double TN = product(T, N);
  const double ofA = product(2, projections, R) * TK;  // operations
  const double ofB = product(2, R) * TN;
  const std::string fields = std::string("\"projections\":\"") + group.projections + "\"";
  measure(
      "lora_xa", 2 * TK, ofA, [&] { cuda::lora_xa(run, tiles.data(), tileCount, x.data(), K, nullptr); }, fields);
  measure(
      "lora_sb", 4 * TN, ofB, [&] { cuda::lora_sb(run, tiles.data(), tileCount, widest, y.data(), N, nullptr); },
      fields);
  measure(
      "lora_dyb", 2 * TN, ofB, [&] { cuda::lora_dyb(run, tiles.data(), tileCount, dy.data(), N, nullptr); }, fields);
  measure(
      "lora_dsa", 8 * TK, ofA,
      [&] {
        cuda::lora_dsa(run, rowTiles.data(), static_cast<std::int32_t>(rowTiles.size()), projections, adapters,
                       dx.data(), K, nullptr);
      },
      fields);
  const double parts = 4.0 * static_cast<double>(plan.scratchFloats);
  const double sumsBytes = 8.0 * static_cast<double>(parameters);  // gradients read and written
  measure(
      "lora_dsx_dys", 2 * TK + 2 * TN + 2 * parts + sumsBytes, ofA + ofB,
      [&] {
        cuda::lora_dsx_dys(run,
                           {gradientTiles.data(), static_cast<std::int32_t>(plan.tiles.size()), sums.data(),
                            static_cast<std::int32_t>(plan.sums.size()), plan.maxFeatures, plan.maxElements,
                            scratch.data(), x.data(), K, dy.data(), N},
                           nullptr);
      },
      fields);
}

}  // namespace

void loraCases(const Shape& shape) {
  const std::int32_t query = shape.heads * shape.headDim;
  const std::int32_t keys = shape.kvHeads * shape.headDim;
  timeLora(shape, {"o", query, {shape.hidden}});
  timeLora(shape, {"q, k, v", shape.hidden, {query, keys, keys}});
  timeLora(shape, {"gate, up", shape.hidden, {shape.intermediate, shape.intermediate}});
}

}  // namespace loratwin::gpu
