#include <algorithm>
#include <string>
#include <vector>

#include "cuda/dequantize.h"
#include "cuda/quantized_product.h"
#include "kernel_cases.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

using ops::Bf16;
using ops::Quantization;

namespace {

constexpr int kTimes = 10;
constexpr int kRepetitions = 5;

// Random codes of a weight [N,K] and scales that keep its values small.
class RandomWeight {
 public:
  RandomWeight(Quantization format, std::int32_t out, std::int32_t in)
      : layout_{format, out, in},
        codes_(layout_.codeBytes(), "codes"),
        absmax_(layout_.absmaxBytes(), "absmax"),
        scales_(std::vector<float>(layout_.scaleBytes() / sizeof(float), 1e-3F), "scales") {}
  ops::QuantizedView view() const {
    return {layout_, codes_.data(), reinterpret_cast<const std::int8_t*>(absmax_.data()), scales_.data()};
  }
  double bytes() const { return static_cast<double>(layout_.bytes()); }

 private:
  ops::QuantizedLayout layout_;
  RandomBuffer<std::uint8_t> codes_;
  RandomBuffer<std::uint8_t> absmax_;
  DeviceBuffer<float> scales_;
};

const char* nameOf(Quantization format) { return format == Quantization::nf4 ? "nf4" : "int8"; }

void timeProduct(cuda::Blas& blas, Quantization format, std::int32_t rows, std::int32_t out, std::int32_t in,
                 bool backward) {
  const RandomWeight weight(format, out, in);
  const RandomBuffer<Bf16> narrow(elements(rows, in), "x");
  const RandomBuffer<Bf16> wide(elements(rows, out), "y");
  const std::int32_t depth = backward ? out : in;
  const std::int32_t columns = backward ? in : out;
  const DeviceBuffer<Bf16> room(cuda::dequantizedBytes(depth, columns) / sizeof(Bf16), "room");
  cuda::Product product{};
  product.x = backward ? wide.data() : narrow.data();
  product.ldx = depth;
  product.type = ops::DType::bfloat16;
  product.out = out;
  product.in = in;
  product.backward = backward;
  product.y = backward ? narrow.data() : wide.data();
  product.yType = ops::DType::bfloat16;
  product.ldy = columns;
  product.rows = rows;
  const Timing timing = timeWarm([&] { cuda::multiplyQuantized(blas, product, weight.view(), room.data(), nullptr); },
                                 kTimes, kRepetitions);
  // What has to move: codes, x and y. What goes through the room and back is a matter of this design.
  const double bytes = weight.bytes() + 2.0 * rows * (static_cast<double>(in) + out);
  printLine("matmul", std::string("gate and up, ") + nameOf(format) + (backward ? ", backward" : ""),
            costs(bytes, 2.0 * rows * out * in), timing);
}

}  // namespace

void dequantizeCases(const Shape& shape) {
  const std::int32_t out = 2 * shape.intermediate;
  const std::int32_t in = shape.hidden;
  for (const Quantization format : {Quantization::nf4, Quantization::int8}) {
    const RandomWeight weight(format, out, in);
    const double share = weight.bytes() / (static_cast<double>(out) * in);
    const auto time = [&](const cuda::Dequantize& op, const char* direction) {
      const double weights = static_cast<double>(op.rows) * op.columns;
      measure(
          "dequantize", (share + 2) * weights, 0, [&] { cuda::dequantize(op, nullptr); },
          std::string("\"format\":\"") + nameOf(format) + "\",\"direction\":\"" + direction + "\"");
    };
    const DeviceBuffer<Bf16> room(
        std::max(cuda::dequantizedBytes(in, out), cuda::dequantizedBytes(out, in)) / sizeof(Bf16), "room");
    // The first part of each direction's product.
    const auto rows = std::min(out, static_cast<std::int32_t>(cuda::dequantizedColumns(in, out)));
    time({weight.view(), 0, rows, 0, in, room.data(), in}, "forward");
    const auto columns = std::min(in, static_cast<std::int32_t>(cuda::dequantizedColumns(out, in)));
    time({weight.view(), 0, out, 0, columns, room.data(), columns}, "backward");
  }
}

void quantizedProductCases(cuda::Blas& blas, const Shape& shape) {
  for (const Quantization format : {Quantization::nf4, Quantization::int8}) {
    for (const bool backward : {false, true}) {
      timeProduct(blas, format, shape.tokens(), 2 * shape.intermediate, shape.hidden, backward);
    }
  }
}

}  // namespace loratwin::gpu
