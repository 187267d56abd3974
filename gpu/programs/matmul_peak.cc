#include "matmul_peak.h"

#include <string>

#include "cuda/blas.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

namespace {

using ops::Bf16;

constexpr int kTimes = 10;
constexpr int kRepetitions = 5;

struct Shape {
  const char* name;
  std::int32_t rows;
  std::int32_t in;
  std::int32_t out;
  bool backward;
};

void time(cuda::Blas& blas, const Shape& shape) {
  const auto elements = [](std::int32_t rows, std::int32_t columns) {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  };
  const RandomBuffer<Bf16> weight(elements(shape.out, shape.in), "W");
  const RandomBuffer<Bf16> in(elements(shape.rows, shape.in), "x");
  const RandomBuffer<Bf16> out(elements(shape.rows, shape.out), "y");
  const bool back = shape.backward;
  const cuda::Product product{.x = back ? out.data() : in.data(),
                              .ldx = back ? shape.out : shape.in,
                              .weight = weight.data(),
                              .type = ops::DType::bfloat16,
                              .out = shape.out,
                              .in = shape.in,
                              .backward = back,
                              .y = back ? in.data() : out.data(),
                              .yType = ops::DType::bfloat16,
                              .ldy = back ? shape.in : shape.out,
                              .accumulate = false,
                              .residual = nullptr,
                              .ldr = 0,
                              .rows = shape.rows};
  const Timing timing = timeWarm([&] { blas.multiply(product, nullptr); }, kTimes, kRepetitions);
  const double operations = 2.0 * shape.rows * shape.in * shape.out;
  printLine("matmul", std::string(shape.name) + (back ? ", backward" : ""),
            "\"operations\":" + std::to_string(operations), timing);
}

}  // namespace

void timeProducts() {
  const test::DeviceBuffer<std::uint8_t> workspace(cuda::kBlasWorkspaceBytes, "workspace");
  const std::unique_ptr<cuda::Blas> blas = cuda::makeBlas({workspace.data()});
  constexpr Shape kShapes[] = {{"8192 x 8192 x 8192", 8192, 8192, 8192, false},
                               {"qkv", 4096, 4096, 6144, false},
                               {"qkv", 4096, 4096, 6144, true},
                               {"o", 4096, 4096, 4096, false},
                               {"gate and up", 4096, 4096, 28672, false},
                               {"gate and up", 4096, 4096, 28672, true},
                               {"down", 4096, 14336, 4096, false},
                               {"down", 4096, 14336, 4096, true}};
  for (const Shape& shape : kShapes) time(*blas, shape);
}

}  // namespace loratwin::gpu
