#include <vector>

#include "cuda/cross_entropy.h"
#include "kernel_cases.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

using ops::Bf16;

void crossEntropyCases(const Shape& shape) {
  const std::int32_t T = shape.tokens();
  const std::int32_t columns = shape.tileColumns;
  const RandomBuffer<float> logits(elements(T, columns), "logits");
  const DeviceBuffer<Bf16> dz(elements(T, columns), "dz");
  std::vector<std::int32_t> places;
  for (std::int32_t t = 0; t < T; ++t) places.push_back(t * 31 % columns);
  const DeviceBuffer<std::int32_t> targets(places, "targets");
  const DeviceBuffer<cuda::CrossEntropyState> state(static_cast<std::size_t>(T), "state");
  const std::vector<float> scales(static_cast<std::size_t>(T), 1.0F / static_cast<float>(T));
  const DeviceBuffer<float> scale(scales, "lossScale");
  const cuda::LogitsTile tile{logits.data(), columns, T, 0, columns, targets.data()};
  const double cells = product(T, columns);
  measure("cross_entropy_tile", 4 * cells, 0, [&] { cuda::cross_entropy_tile(tile, state.data(), true, nullptr); });
  measure("cross_entropy_gradient", 6 * cells, 0,
          [&] { cuda::cross_entropy_gradient(tile, state.data(), scale.data(), dz.data(), columns, nullptr); });
}

}  // namespace loratwin::gpu
