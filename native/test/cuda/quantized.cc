// dequantize: whole weights and parts of them, odd sizes, several blocks, bit by bit.
#include "cuda/dequantize.h"
#include "table.h"

namespace loratwin::test {

namespace {

struct Part {
  int firstRow;
  int rows;
  int firstColumn;
  int columns;
  int pad;  // ldo - columns
};

template <class T>
std::vector<T> copied(const T* from, std::int64_t count) {
  return {from, from + count};
}

void dequantizeCase(ops::Quantization format, int out, int in, const Part& part) {
  const std::string op = format == ops::Quantization::int8 ? "dequantize_int8" : "dequantize_nf4";
  judge(op + " " + std::to_string(part.rows) + " x " + std::to_string(part.columns) + " of " + std::to_string(out) +
            " x " + std::to_string(in),
        [=] {
          const ops::QuantizedLayout layout{format, out, in};
          const std::vector<float> w = randomFloats(static_cast<std::size_t>(out * in), 21, 0.05F);
          const ops::QuantizedMatrix matrix(w.data(), layout);
          const ops::QuantizedView view = matrix.view();
          const bool nf4 = format == ops::Quantization::nf4;
          const DeviceBuffer<std::uint8_t> codes(copied(view.codes, out * layout.rowBytes()), "codes");
          const DeviceBuffer<std::int8_t> absmax(copied(view.absmax, nf4 ? layout.blocks() : 1), "absmax");
          const DeviceBuffer<float> scales(copied(view.scales, nf4 ? 1 + layout.superBlocks() : out), "scales");
          const int ldo = part.columns + part.pad;
          const std::vector<Bf16> before = randomBf16(static_cast<std::size_t>(part.rows * ldo), 22);
          const DeviceBuffer<Bf16> result(before, "out");
          cuda::dequantize({{layout, codes.data(), absmax.data(), scales.data()},
                            part.firstRow,
                            part.rows,
                            part.firstColumn,
                            part.columns,
                            result.data(),
                            ldo},
                           nullptr);
          std::vector<Bf16> whole(w.size());
          ops::ref::dequantize(view, whole.data());
          std::vector<double> expected = widened(before);
          for (int r = 0; r < part.rows; ++r) {
            for (int c = 0; c < part.columns; ++c) {
              expected[static_cast<std::size_t>(r * ldo + c)] =
                  widened(whole[static_cast<std::size_t>((part.firstRow + r) * in + part.firstColumn + c)]);
            }
          }
          return std::vector<Output>{{op, widened(result.download()), expected, 0}};
        });
}

}  // namespace

void quantizedCases() {
  for (const ops::Quantization format : {ops::Quantization::int8, ops::Quantization::nf4}) {
    dequantizeCase(format, 1, 1, {0, 1, 0, 1, 0});
    dequantizeCase(format, 5, 100, {0, 5, 0, 100, 3});
    dequantizeCase(format, 67, 320, {0, 67, 0, 320, 0});
    dequantizeCase(format, 140, 200, {33, 64, 64, 101, 11});
    dequantizeCase(format, 300, 64, {7, 290, 40, 24, 8});
  }
}

}  // namespace loratwin::test
