#include <vector>

#include "cuda/adamw.h"
#include "cuda/flat_tables.h"
#include "cuda/sum_squares.h"
#include "kernel_cases.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

using ops::Bf16;

void optimizerCases(const Shape& shape) {
  const std::int64_t P = shape.adapterParameters;
  const auto count = static_cast<std::size_t>(P);
  const RandomBuffer<float> p(count, "parameters");
  const RandomBuffer<float> m(count, "firstMoment");
  const DeviceBuffer<float> v(std::vector<float>(count, 0.01F), "secondMoment");
  const RandomBuffer<float> g(count, "gradients");
  const DeviceBuffer<Bf16> compute(count, "compute");
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
  measure("sum_squares", 4.0 * static_cast<double>(P), 0, [&] {
    cuda::sum_squares({flat.data(), firstChunk.data(), 1, first.back(), partials.data(), sums.data()}, nullptr);
  });
  measure("adamw", 34.0 * static_cast<double>(P), 0, [&] {
    cuda::adamw({updated.data(), firstChunk.data(), 1, first.back()}, nullptr);
  });
}

}  // namespace loratwin::gpu
