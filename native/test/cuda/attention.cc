// Attention over packed sequences. The backward kernels get the reference's output and lse, rounded, so that they are
// judged by themselves.
#include "cuda/attention.h"
#include "ops/attention.h"
#include "table.h"

namespace loratwin::test {

namespace {

struct Shape {
  std::string name;
  std::vector<int> sequences;
  int heads;
  int kvHeads;
  int headDim;
  float spread = 1.0F;
};

template <class Store, class From>
std::vector<Store> rounded(const std::vector<From>& values) {
  std::vector<Store> result;
  for (const From& value : values) {
    if constexpr (sizeof(Store) == sizeof(Bf16)) {
      result.push_back(ops::toBf16(static_cast<float>(value)));
    } else {
      result.push_back(static_cast<Store>(value));
    }
  }
  return result;
}

std::vector<Output> runShape(const Shape& shape) {
  std::vector<std::int32_t> offsets{0};
  for (const int length : shape.sequences) offsets.push_back(offsets.back() + length);
  const std::int32_t count = static_cast<std::int32_t>(shape.sequences.size());
  const std::int32_t rows = offsets.back();
  const int D = shape.headDim;
  const int width = shape.heads * D;
  const int kvWidth = shape.kvHeads * D;
  const int ld = width + 2 * kvWidth + 16;  // 8 columns before and after, which stay as they are
  const int ldo = width + 8;
  const cuda::AttentionHeads heads{ld, 8, 8 + width, 8 + width + kvWidth, ldo, shape.heads, shape.kvHeads, D};
  const auto size = [rows](int columns) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); };

  const std::vector<Bf16> qkvs = randomBf16(size(ld), 41, shape.spread);
  const std::vector<Bf16> outs = randomBf16(size(ldo), 42);
  const std::vector<Bf16> douts = randomBf16(size(ldo), 43);
  const std::vector<Bf16> dqkvs = randomBf16(size(ld), 44);
  const std::vector<double> wideQkv = widened(qkvs);
  std::vector<double> expectedOut = widened(outs);
  std::vector<double> expectedLse(size(shape.heads));
  ops::ref::attention(ops::AttentionT<double>{{offsets.data(), count},
                                              wideQkv.data(),
                                              ld,
                                              heads.qColumn,
                                              heads.kColumn,
                                              heads.vColumn,
                                              expectedOut.data(),
                                              ldo,
                                              expectedLse.data(),
                                              shape.heads,
                                              shape.kvHeads,
                                              D,
                                              nullptr});

  const std::vector<cuda::AttentionTile> queryTileList = cuda::attentionQueryTiles(offsets.data(), count);
  const std::vector<cuda::AttentionTile> keyTileList = cuda::attentionKeyTiles(offsets.data(), count);
  const std::int32_t tiles = static_cast<std::int32_t>(queryTileList.size());
  const DeviceBuffer<cuda::AttentionTile> queryTiles(queryTileList, "query tiles");
  const DeviceBuffer<cuda::AttentionTile> keyTiles(keyTileList, "key tiles");
  const DeviceBuffer<Bf16> qkv(qkvs, "qkv");
  const DeviceBuffer<Bf16> out(outs, "out");
  const DeviceBuffer<float> lse(size(shape.heads), "lse");
  cuda::attention({queryTiles.data(), tiles, heads, qkv.data(), out.data(), lse.data()}, nullptr);

  const std::vector<Bf16> givenOut = rounded<Bf16>(expectedOut);
  const std::vector<float> givenLse = rounded<float>(expectedLse);
  const DeviceBuffer<Bf16> backOut(givenOut, "out");
  const DeviceBuffer<float> backLse(givenLse, "lse");
  const DeviceBuffer<Bf16> dout(douts, "dout");
  const DeviceBuffer<Bf16> dqkv(dqkvs, "dqkv");
  const DeviceBuffer<float> delta(size(shape.heads), "delta");
  cuda::attention_backward({queryTiles.data(), tiles, keyTiles.data(), tiles, heads, rows, qkv.data(), backOut.data(),
                            dout.data(), backLse.data(), delta.data(), dqkv.data()},
                           nullptr);
  const std::vector<double> wideOut = widened(givenOut);
  const std::vector<double> wideLse = widened(givenLse);
  const std::vector<double> wideDout = widened(douts);
  std::vector<double> expectedBack = widened(dqkvs);
  ops::ref::attention_backward(ops::AttentionBackwardT<double>{{offsets.data(), count},
                                                               wideQkv.data(),
                                                               ld,
                                                               heads.qColumn,
                                                               heads.kColumn,
                                                               heads.vColumn,
                                                               wideOut.data(),
                                                               ldo,
                                                               wideDout.data(),
                                                               ldo,
                                                               wideLse.data(),
                                                               expectedBack.data(),
                                                               ld,
                                                               shape.heads,
                                                               shape.kvHeads,
                                                               D,
                                                               nullptr});
  return {{"attention", widened(out.download()), expectedOut, 2e-5},
          {"attention", widened(lse.download()), expectedLse, 1e-10},
          {"attention_backward", widened(dqkv.download()), expectedBack, 4e-5}};
}

}  // namespace

void attentionCases() {
  const std::vector<Shape> shapes = {
      {"one token", {1}, 1, 1, 8},
      {"short sequences and an empty one", {5, 0, 17, 2}, 4, 2, 24},
      {"three tiles of queries, heads of 64", {150, 70}, 4, 2, 64},
      {"heads of 128", {129, 40}, 2, 1, 128},
      {"heads of 80 in groups of three", {70}, 3, 1, 80},
      {"large scores", {100}, 2, 2, 32, 6.0F},
  };
  for (const Shape& shape : shapes) {
    judge(shape.name, [&] { return runShape(shape); });
  }
}

}  // namespace loratwin::test
