#include "matmul_peak.h"

#include <memory>
#include <string>

#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

namespace {

using ops::Bf16;
using ops::DType;

constexpr int kTimes = 10;
constexpr int kRepetitions = 5;

struct Case {
  std::string name;
  std::int32_t rows;
  std::int32_t in;
  std::int32_t out;
  bool backward;
  DType yType;
  bool residual;
};

void time(Libraries libraries, const Case& each) {
  const RandomBuffer<Bf16> weight(elements(each.out, each.in), "W");
  const bool back = each.backward;
  const std::int32_t depth = back ? each.out : each.in;
  const std::int32_t columns = back ? each.in : each.out;
  const RandomBuffer<Bf16> x(elements(each.rows, depth), "x");
  const std::size_t cells = elements(each.rows, columns);
  const DeviceBuffer<std::byte> y(cells * ops::sizeOf(each.yType), "y");
  const auto residual = each.residual ? std::make_unique<RandomBuffer<float>>(cells, "residual") : nullptr;
  const cuda::Product product{.x = x.data(),
                              .ldx = depth,
                              .weight = weight.data(),
                              .type = DType::bfloat16,
                              .out = each.out,
                              .in = each.in,
                              .backward = back,
                              .y = y.data(),
                              .yType = each.yType,
                              .ldy = columns,
                              .accumulate = false,
                              .residual = residual ? residual->data() : nullptr,
                              .ldr = columns,
                              .rows = each.rows};
  const auto timed = [&](cuda::Blas& blas) {
    return timeWarm([&] { blas.multiply(product, nullptr); }, kTimes, kRepetitions);
  };
  const Timing first = timed(libraries.first);
  const Timing fastest = timed(libraries.fastest);
  const double output = static_cast<double>(cells) * static_cast<double>(ops::sizeOf(each.yType));
  const double added = each.residual ? 4.0 * static_cast<double>(cells) : 0;
  const double bytes =
      2.0 * (static_cast<double>(each.rows) * depth + static_cast<double>(each.out) * each.in) + output + added;
  std::string name = each.name;
  if (each.yType == DType::float32) name += ", float32";
  if (each.residual) name += ", residual";
  if (back) name += ", backward";
  const std::string seconds = ",\"firstChoiceSeconds\":" + std::to_string(first.seconds);
  printLine("matmul", name, costs(bytes, 2.0 * each.rows * each.in * each.out) + seconds, fastest);
}

}  // namespace

void timePeak(Libraries libraries, const Shape& shape) {
  const std::int32_t n = shape.square;
  time(libraries, {"square", n, n, n, false, DType::bfloat16, false});
}

void timeProducts(Libraries libraries, const Shape& shape) {
  const std::int32_t T = shape.tokens();
  const std::int32_t H = shape.hidden;
  const std::int32_t I = shape.intermediate;
  const std::int32_t query = shape.heads * shape.headDim;
  const DType narrow = DType::bfloat16;
  const DType wide = DType::float32;
  const Case cases[] = {
      {"qkv", T, H, shape.qkv(), false, narrow, false},
      {"qkv", T, H, shape.qkv(), true, wide, false},
      {"o", T, query, H, false, wide, true},
      {"o", T, query, H, true, narrow, false},
      {"gate and up", T, H, 2 * I, false, narrow, false},
      {"gate and up", T, H, 2 * I, true, wide, false},
      {"down", T, I, H, false, wide, true},
      {"down", T, I, H, true, narrow, false},
      // The same without float32, to see what it costs.
      {"o", T, query, H, false, narrow, false},
      {"down", T, I, H, false, narrow, false},
      {"gate and up", T, H, 2 * I, true, narrow, false},
  };
  for (const Case& each : cases) time(libraries, each);
}

}  // namespace loratwin::gpu
