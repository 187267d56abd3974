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
  ops::AttentionKind kind{};
  bool sinks = false;
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
  const std::vector<float> sinkList = randomFloats(static_cast<std::size_t>(shape.heads), 45, 3.0F);
  const std::vector<double> wideSinks = widened(sinkList);
  ops::AttentionT<double> reference{{offsets.data(), count},
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
                                    nullptr};
  reference.kind = shape.kind;
  if (shape.sinks) reference.sinks = wideSinks.data();
  ops::ref::attention(reference);

  const std::vector<cuda::AttentionTile> queryTileList = cuda::attentionQueryTiles(offsets.data(), count);
  const std::vector<cuda::AttentionTile> keyTileList = cuda::attentionKeyTiles(offsets.data(), count);
  const std::int32_t tiles = static_cast<std::int32_t>(queryTileList.size());
  const DeviceBuffer<cuda::AttentionTile> queryTiles(queryTileList, "query tiles");
  const DeviceBuffer<cuda::AttentionTile> keyTiles(keyTileList, "key tiles");
  const DeviceBuffer<Bf16> qkv(qkvs, "qkv");
  const DeviceBuffer<Bf16> out(outs, "out");
  const DeviceBuffer<float> lse(size(shape.heads), "lse");
  const DeviceBuffer<float> sinks(sinkList, "sinks");
  cuda::attention({queryTiles.data(), tiles, heads, qkv.data(), out.data(), lse.data(), shape.kind,
                   shape.sinks ? sinks.data() : nullptr},
                  nullptr);

  const std::vector<Bf16> givenOut = rounded<Bf16>(expectedOut);
  const std::vector<float> givenLse = rounded<float>(expectedLse);
  const DeviceBuffer<Bf16> backOut(givenOut, "out");
  const DeviceBuffer<float> backLse(givenLse, "lse");
  const DeviceBuffer<Bf16> dout(douts, "dout");
  const DeviceBuffer<Bf16> dqkv(dqkvs, "dqkv");
  const DeviceBuffer<float> delta(size(shape.heads), "delta");
  cuda::attention_backward({queryTiles.data(), tiles, keyTiles.data(), tiles, heads, rows, qkv.data(), backOut.data(),
                            dout.data(), backLse.data(), delta.data(), dqkv.data(), shape.kind},
                           nullptr);
  const std::vector<double> wideOut = widened(givenOut);
  const std::vector<double> wideLse = widened(givenLse);
  const std::vector<double> wideDout = widened(douts);
  std::vector<double> expectedBack = widened(dqkvs);
  ops::AttentionBackwardT<double> backReference{{offsets.data(), count},
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
                                                nullptr};
  backReference.kind = shape.kind;
  ops::ref::attention_backward(backReference);
  return {{"attention", widened(out.download()), expectedOut, 2e-5},
          {"attention", widened(lse.download()), expectedLse, 1e-10},
          {"attention_backward", widened(dqkv.download()), expectedBack, 4e-5}};
}

#if !defined(LORATWIN_GPU)
// Each of three sequences has one part more than the one before. A window's work grows as much each time.
std::vector<Output> workOfWindow(int headDim) {
  constexpr int kPart = 64;
  std::vector<double> forward;
  std::vector<double> backward;
  for (int parts = 1; parts <= 3; ++parts) {
    const std::int32_t offsets[] = {0, parts * kPart};
    const std::int32_t rows = offsets[1];
    const cuda::AttentionHeads heads{3 * headDim, 0, headDim, 2 * headDim, headDim, 1, 1, headDim};
    const std::vector<cuda::AttentionTile> queryTileList = cuda::attentionQueryTiles(offsets, 1);
    const std::vector<cuda::AttentionTile> keyTileList = cuda::attentionKeyTiles(offsets, 1);
    const auto tiles = static_cast<std::int32_t>(queryTileList.size());
    const DeviceBuffer<cuda::AttentionTile> queryTiles(queryTileList, "query tiles");
    const DeviceBuffer<cuda::AttentionTile> keyTiles(keyTileList, "key tiles");
    const auto size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(headDim);
    const DeviceBuffer<Bf16> qkv(randomBf16(3 * size, 46), "qkv");
    const DeviceBuffer<Bf16> dqkv(3 * size, "dqkv");
    const DeviceBuffer<Bf16> out(size, "out");
    const DeviceBuffer<float> lse(static_cast<std::size_t>(rows), "lse");
    const DeviceBuffer<float> delta(static_cast<std::size_t>(rows), "delta");
    const ops::AttentionKind kind{.window = 20};
    const std::uint64_t before = emulation::counters.mma;
    cuda::attention({queryTiles.data(), tiles, heads, qkv.data(), out.data(), lse.data(), kind}, nullptr);
    const std::uint64_t between = emulation::counters.mma;
    cuda::attention_backward({queryTiles.data(), tiles, keyTiles.data(), tiles, heads, rows, qkv.data(), out.data(),
                              out.data(), lse.data(), delta.data(), dqkv.data(), kind},
                             nullptr);
    forward.push_back(static_cast<double>(between - before));
    backward.push_back(static_cast<double>(emulation::counters.mma - between));
  }
  const auto growth = [](const std::vector<double>& work, std::size_t i) {
    return std::vector<double>{work[i + 1] - work[i]};
  };
  return {{"attention", growth(forward, 1), growth(forward, 0), 0},
          {"attention_backward", growth(backward, 1), growth(backward, 0), 0}};
}
#endif

}  // namespace

void attentionCases() {
  const std::vector<Shape> shapes = {
      {"one token", {1}, 1, 1, 8},
      {"short sequences and an empty one", {5, 0, 17, 2}, 4, 2, 24},
      {"three tiles of queries, heads of 64", {150, 70}, 4, 2, 64},
      {"heads of 128", {129, 40}, 2, 1, 128},
      {"heads of 80 in groups of three", {70}, 3, 1, 80},
      {"large scores", {100}, 2, 2, 32, 6.0F},
      {"heads of 256", {129, 40}, 2, 1, 256},
      {"heads of 136, padded to 256", {33, 1}, 2, 2, 136},
      {"a scale", {70, 5}, 2, 1, 64, 1.0F, {.scale = 0.3F}},
      {"a softcap", {90, 33}, 2, 1, 64, 3.0F, {.softcap = 5.0F}},
      {"a scale and a softcap, large scores", {100, 3}, 2, 2, 32, 6.0F, {.scale = 0.5F, .softcap = 20.0F}},
      {"a softcap, heads of 128", {70, 31}, 2, 1, 128, 2.0F, {.softcap = 2.0F}},
      {"a window of one", {70, 9}, 2, 1, 16, 1.0F, {.window = 1}},
      {"a window longer than the sequences", {33, 0, 101}, 2, 1, 32, 1.0F, {.window = 1000}},
      {"a window of a tile", {257}, 1, 1, 32, 1.0F, {.window = 64}},
      {"a window beside tiles", {201, 65}, 2, 1, 64, 1.0F, {.window = 50}},
      {"a window of more than a tile, heads of 128", {171, 67}, 2, 1, 128, 1.0F, {.window = 83}},
      {"a window and a softcap", {150, 71}, 2, 1, 80, 3.0F, {.softcap = 5.0F, .window = 21}},
      {"chunks beside tiles", {201, 31}, 3, 1, 80, 1.0F, {.chunk = 48}},
      {"chunks of two tiles", {259}, 1, 1, 32, 1.0F, {.chunk = 128}},
      {"chunks of one key and a softcap", {67}, 2, 1, 16, 1.0F, {.softcap = 1.0F, .chunk = 1}},
      {"sinks", {91, 1}, 4, 2, 64, 1.0F, {}, true},
      {"sinks, a window and a scale", {150, 33}, 2, 1, 64, 2.0F, {.scale = 0.2F, .window = 17}, true},
      {"sinks and large scores", {40}, 2, 2, 16, 9.0F, {}, true},
      {"heads of 256, all but chunks",
       {141, 35},
       2,
       1,
       256,
       2.0F,
       {.scale = 0.1F, .softcap = 4.0F, .window = 37},
       true},
      {"heads of 200 in chunks", {131, 17}, 2, 1, 200, 1.0F, {.chunk = 50}, true},
  };
  for (const Shape& shape : shapes) {
    judge(shape.name, [&] { return runShape(shape); });
  }
#if !defined(LORATWIN_GPU)
  for (const int headDim : {32, 128, 256}) {
    judge("work within a window of heads of " + std::to_string(headDim), [&] { return workOfWindow(headDim); });
  }
#endif
}

}  // namespace loratwin::test
