// The kernels without tensor cores: strides that nothing aligns, float32 and bfloat16.
#include <algorithm>
#include <memory>

#include "cuda/attention_plain.h"
#include "cuda/fill_rows.h"
#include "cuda/select_rows.h"
#include "cuda/lora_plain.h"
#include "ops/attention.h"
#include "ops/dropout.h"
#include "ops/lora.h"
#include "table.h"

namespace loratwin::test {

namespace {

template <class Store>
constexpr bool kIsFloat = sizeof(Store) == sizeof(float);

template <class Store>
std::vector<Store> stored(const std::vector<double>& values) {
  std::vector<Store> result;
  for (const double value : values) {
    if constexpr (kIsFloat<Store>) {
      result.push_back(static_cast<float>(value));
    } else {
      result.push_back(ops::toBf16(static_cast<float>(value)));
    }
  }
  return result;
}

struct AttentionShape {
  std::vector<int> sequences;
  int heads;
  int kvHeads;
  int headDim;
  std::string name;
  ops::AttentionKind kind{};
  bool sinks = false;
};

template <class Store>
std::vector<Output> attentionOutputs(const AttentionShape& shape) {
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> positionList;
  std::vector<std::int32_t> endList;
  for (const int length : shape.sequences) {
    for (int i = 0; i < length; ++i) positionList.push_back(i);
    offsets.push_back(offsets.back() + length);
    endList.insert(endList.end(), static_cast<std::size_t>(length), offsets.back());
  }
  const std::int32_t rows = offsets.back();
  const ops::Sequences sequences{offsets.data(), static_cast<std::int32_t>(shape.sequences.size())};
  const int D = shape.headDim;
  const int width = shape.heads * D;
  const int kvWidth = shape.kvHeads * D;
  const int ld = width + 2 * kvWidth + 3;
  const int ldd = ld + 2;
  const int ldo = width + 1;
  const int lddo = width + 5;
  const cuda::AttentionHeads heads{ld, 1, 1 + width, 1 + width + kvWidth, ldo, shape.heads, shape.kvHeads, D};
  const auto size = [rows](int columns) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); };
  const std::vector<Store> qkvs = randomStored<Store>(size(ld), 41);
  const std::vector<Store> outs = randomStored<Store>(size(ldo), 42);
  const std::vector<Store> douts = randomStored<Store>(size(lddo), 43);
  const std::vector<Store> dqkvs = randomStored<Store>(size(ldd), 44);
  const std::vector<double> wideQkv = widened(qkvs);
  std::vector<double> expectedOut = widened(outs);
  std::vector<double> expectedLse(size(shape.heads));
  const std::vector<float> sinkList = randomFloats(static_cast<std::size_t>(shape.heads), 45, 3.0F);
  const std::vector<double> wideSinks = widened(sinkList);
  ops::AttentionT<double> reference{sequences,
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
  const DeviceBuffer<std::int32_t> positions(positionList, "positions");
  const DeviceBuffer<std::int32_t> ends(endList, "ends");
  const DeviceBuffer<Store> qkv(qkvs, "qkv");
  const DeviceBuffer<Store> out(outs, "out");
  const DeviceBuffer<float> lse(size(shape.heads), "lse");
  const DeviceBuffer<float> sinks(sinkList, "sinks");
  cuda::attention_plain(cuda::AttentionPlainT<Store>{positions.data(), heads, rows, qkv.data(), out.data(), lse.data(),
                                                     shape.kind, shape.sinks ? sinks.data() : nullptr},
                        nullptr);

  const std::vector<Store> givenOut = stored<Store>(expectedOut);
  const std::vector<float> givenLse = stored<float>(expectedLse);
  const DeviceBuffer<Store> backOut(givenOut, "out");
  const DeviceBuffer<float> backLse(givenLse, "lse");
  const DeviceBuffer<Store> dout(douts, "dout");
  const DeviceBuffer<Store> dqkv(dqkvs, "dqkv");
  const DeviceBuffer<float> delta(size(shape.heads), "delta");
  cuda::attention_plain_backward(
      cuda::AttentionPlainBackwardT<Store>{positions.data(), ends.data(), heads, lddo, ldd, rows, qkv.data(),
                                           backOut.data(), dout.data(), backLse.data(), delta.data(), dqkv.data(),
                                           shape.kind},
      nullptr);
  const std::vector<double> wideOut = widened(givenOut);
  const std::vector<double> wideLse = widened(givenLse);
  const std::vector<double> wideDout = widened(douts);
  std::vector<double> expectedBack = widened(dqkvs);
  ops::AttentionBackwardT<double> backReference{sequences,
                                                wideQkv.data(),
                                                ld,
                                                heads.qColumn,
                                                heads.kColumn,
                                                heads.vColumn,
                                                wideOut.data(),
                                                ldo,
                                                wideDout.data(),
                                                lddo,
                                                wideLse.data(),
                                                expectedBack.data(),
                                                ldd,
                                                shape.heads,
                                                shape.kvHeads,
                                                D,
                                                nullptr};
  backReference.kind = shape.kind;
  ops::ref::attention_backward(backReference);
  const double tolerance = kIsFloat<Store> ? 1e-11 : 2e-5;
  return {{"attention_plain", widened(out.download()), expectedOut, tolerance},
          {"attention_plain", widened(lse.download()), expectedLse, 1e-10},
          {"attention_plain_backward", widened(dqkv.download()), expectedBack, tolerance}};
}

struct Segment {
  int rows;
  int rank;  // 0: the adapter has no such target
  float dropout = 0.0F;
};

// Two projections of one input.
template <class Store, class Out>
std::vector<Output> loraOutputs(int in, const std::vector<int>& outFeatures, const std::vector<Segment>& segments) {
  const auto perProjection = static_cast<std::int32_t>(segments.size());
  const auto projections = static_cast<std::int32_t>(outFeatures.size());
  cuda::PlainLoraT<Store> op{{}, projections, perProjection, 0, 0, 0};
  int rows = 0;
  for (const Segment& segment : segments) {
    rows += segment.rows;
    op.maxRows = std::max(op.maxRows, segment.rows);
    op.maxRank = std::max(op.maxRank, segment.rank);
  }
  const int lda = roundUp8(in);
  const int ldx = in + 3;
  const int lds = op.maxRank + 1;
  std::vector<int> columns;
  int ldy = 1;
  for (const int out : outFeatures) {
    columns.push_back(ldy);
    ldy += out + 1;
    op.maxFeatures = std::max(op.maxFeatures, out);
  }
  const auto size = [rows](int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); };
  const std::vector<Store> xs = randomStored<Store>(size(ldx), 21);
  const std::vector<Store> dys = randomStored<Store>(size(ldy), 22);
  const std::vector<Out> ys = randomStored<Out>(size(ldy), 23, 0.2F);
  const std::vector<Out> dxs = randomStored<Out>(size(ldx), 24, 0.2F);
  std::vector<std::int32_t> keys;
  for (int t = 0; t < rows; ++t) keys.push_back(t * 31 + 5);
  const DeviceBuffer<Store> x(xs, "x");
  const DeviceBuffer<Store> dy(dys, "dy");
  const DeviceBuffer<Out> y(ys, "y");
  const DeviceBuffer<Out> dx(dxs, "dx");
  const DeviceBuffer<std::int32_t> rowKeys(keys, "rowKeys");

  // One buffer of A and B, and one of their gradients, for each segment of each projection, as rows of the padded form.
  struct Pair {
    std::unique_ptr<DeviceBuffer<Store>> a, b;
    std::unique_ptr<DeviceBuffer<float>> da, db;
    std::vector<double> wideA, wideB, wideDa, wideDb;
  };
  std::vector<Pair> pairs(segments.size() * outFeatures.size());
  std::vector<std::unique_ptr<DeviceBuffer<Store>>> ss, dss;
  std::vector<std::vector<double>> wideS(outFeatures.size(), std::vector<double>(size(lds)));
  std::vector<cuda::LoraSegmentT<Store>> items;
  std::vector<ops::LoraSegmentT<double>> references(pairs.size());
  std::vector<ops::LoraProjectionT<double>> referenceProjections;
  const auto dense = [](const auto& padded, int count, int width, int stride) {
    std::vector<double> result;
    for (int i = 0; i < count; ++i) {
      for (int j = 0; j < width; ++j) result.push_back(widened(padded[static_cast<std::size_t>(i * stride + j)]));
    }
    return result;
  };
  for (std::size_t p = 0; p < outFeatures.size(); ++p) {
    ss.push_back(std::make_unique<DeviceBuffer<Store>>(std::vector<Store>(size(lds)), "s"));
    dss.push_back(std::make_unique<DeviceBuffer<Store>>(std::vector<Store>(size(lds)), "ds"));
    int row = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Segment& segment = segments[i];
      Pair& pair = pairs[p * segments.size() + i];
      const int out = outFeatures[p];
      const int ldb = cuda::ldb(segment.rank);
      const auto seed = static_cast<std::uint32_t>(100 * p + 10 * i);
      const auto as = randomStored<Store>(static_cast<std::size_t>(segment.rank * lda), seed, 0.3F);
      const auto bs = randomStored<Store>(static_cast<std::size_t>(out * ldb), seed + 1, 0.3F);
      const auto das = randomFloats(as.size(), seed + 2);
      const auto dbs = randomFloats(bs.size(), seed + 3);
      pair.a = std::make_unique<DeviceBuffer<Store>>(as, "a");
      pair.b = std::make_unique<DeviceBuffer<Store>>(bs, "b");
      pair.da = std::make_unique<DeviceBuffer<float>>(das, "da");
      pair.db = std::make_unique<DeviceBuffer<float>>(dbs, "db");
      pair.wideA = dense(as, segment.rank, in, lda);
      pair.wideB = dense(bs, out, segment.rank, ldb);
      pair.wideDa = dense(das, segment.rank, in, lda);
      pair.wideDb = dense(dbs, out, segment.rank, ldb);
      const float scale = segment.rank == 0 ? 0.0F : 16.0F / static_cast<float>(segment.rank);
      const std::uint32_t target = static_cast<std::uint32_t>(7 + p);
      items.push_back({row,
                       row + segment.rows,
                       segment.rank,
                       out,
                       columns[p],
                       lds,
                       pair.a->data(),
                       pair.b->data(),
                       ss.back()->data(),
                       dss.back()->data(),
                       pair.da->data(),
                       pair.db->data(),
                       scale,
                       1.0F / (1.0F - segment.dropout),
                       ops::dropoutThreshold(segment.dropout),
                       {static_cast<std::uint32_t>(i), 99},
                       target});
      const bool has = segment.rank > 0;
      references[p * segments.size() + i] = {row,
                                             row + segment.rows,
                                             has ? pair.wideA.data() : nullptr,
                                             has ? pair.wideB.data() : nullptr,
                                             has ? pair.wideDa.data() : nullptr,
                                             has ? pair.wideDb.data() : nullptr,
                                             segment.rank,
                                             scale,
                                             segment.dropout,
                                             {static_cast<std::uint32_t>(i), 99}};
      row += segment.rows;
    }
    referenceProjections.push_back(
        {{references.data() + p * segments.size(), perProjection, keys.data(), static_cast<std::uint32_t>(7 + p)},
         columns[p],
         outFeatures[p],
         wideS[p].data(),
         lds});
  }
  const DeviceBuffer<cuda::LoraSegmentT<Store>> table(items, "segments");
  op.run = {table.data(), in, lda, rowKeys.data()};
  cuda::lora_plain_xa(op, x.data(), ldx, nullptr);
  cuda::lora_plain_sb(op, y.data(), ldy, nullptr);
  cuda::lora_plain_dyb(op, dy.data(), ldy, nullptr);
  cuda::lora_plain_dsa(op, dx.data(), ldx, nullptr);
  cuda::lora_plain_dsx_dys(op, x.data(), ldx, dy.data(), ldy, nullptr);

  const std::vector<double> wideX = widened(xs);
  const std::vector<double> wideDy = widened(dys);
  std::vector<double> expectedY = widened(ys);
  std::vector<double> expectedDx = widened(dxs);
  ops::ref::lora(
      ops::LoraT<double>{referenceProjections.data(), projections, wideX.data(), ldx, in, expectedY.data(), ldy});
  ops::ref::lora_backward(ops::LoraBackwardT<double>{referenceProjections.data(), projections, wideDy.data(), ldy,
                                                     wideX.data(), ldx, in, expectedDx.data(), ldx, nullptr});
  const double tolerance = kIsFloat<Store> ? 1e-11 : 1e-5;
  std::vector<Output> outputs = {{"lora_plain_sb", widened(y.download()), expectedY, tolerance},
                                 {"lora_plain_dsa", widened(dx.download()), expectedDx, tolerance}};
  for (std::size_t p = 0; p < outFeatures.size(); ++p) {
    outputs.push_back({"lora_plain_xa", widened(ss[p]->download()), wideS[p], tolerance});
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const int rank = items[i].rank;
    if (rank == 0) continue;
    outputs.push_back(
        {"lora_plain_dsx_dys", dense(pairs[i].da->download(), rank, in, lda), pairs[i].wideDa, tolerance});
    outputs.push_back({"lora_plain_dsx_dys",
                       dense(pairs[i].db->download(), items[i].outFeatures, rank, cuda::ldb(rank)), pairs[i].wideDb,
                       tolerance});
  }
  return outputs;
}

template <class Store>
std::vector<Output> fillOutputs(int rows, int columns, int ld) {
  const std::vector<float> vs = randomFloats(static_cast<std::size_t>(columns), 31);
  const std::vector<Store> before = randomStored<Store>(static_cast<std::size_t>(rows * ld), 32);
  const DeviceBuffer<float> v(vs, "v");
  const DeviceBuffer<Store> y(before, "y");
  cuda::fill_rows(v.data(), columns, y.data(), ld, rows, nullptr);
  std::vector<double> expected = widened(before);
  const std::vector<double> rounded = widened(stored<Store>(widened(vs)));
  for (int t = 0; t < rows; ++t) {
    std::copy(rounded.begin(), rounded.end(), expected.begin() + t * ld);
  }
  return {{"fill_rows", widened(y.download()), expected, 0}};
}

// Every third row of `rows` from the second on, in a buffer whose other rows stay.
template <class Store>
std::vector<Output> selectOutputs(int rows, int columns) {
  std::vector<std::int32_t> places;
  for (int row = 1; row < rows; row += 3) places.push_back(row);
  const auto count = static_cast<std::int32_t>(places.size());
  const std::size_t all = static_cast<std::size_t>(rows * columns);
  const std::size_t chosen = places.size() * static_cast<std::size_t>(columns);
  const DeviceBuffer<std::int32_t> index(places, "index");
  const std::vector<Store> from = randomStored<Store>(all, 33);
  const DeviceBuffer<Store> x(from, "x");
  const DeviceBuffer<Store> gathered(chosen, "gathered");
  cuda::gather_rows(x.data(), index.data(), count, columns, gathered.data(), nullptr);
  const std::vector<float> before = randomFloats(all, 34);
  const std::vector<float> values = randomFloats(chosen, 35);
  const DeviceBuffer<float> scatteredFrom(values, "scatteredFrom");
  const DeviceBuffer<float> scattered(before, "scattered");
  const DeviceBuffer<float> cleared(before, "cleared");
  cuda::scatter_rows(scatteredFrom.data(), index.data(), count, columns, scattered.data(), nullptr);
  cuda::scatter_rows(nullptr, index.data(), count, columns, cleared.data(), nullptr);
  std::vector<double> expectedGathered;
  std::vector<double> expectedScattered = widened(before);
  std::vector<double> expectedCleared = widened(before);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (int column = 0; column < columns; ++column) {
      const auto place = static_cast<std::size_t>(places[i] * columns + column);
      expectedGathered.push_back(widened(from[place]));
      expectedScattered[place] =
          widened(values[i * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column)]);
      expectedCleared[place] = 0;
    }
  }
  return {{"gather_rows", widened(gathered.download()), expectedGathered, 0},
          {"scatter_rows", widened(scattered.download()), expectedScattered, 0},
          {"scatter_rows", widened(cleared.download()), expectedCleared, 0}};
}

}  // namespace

void plainCases() {
  const std::vector<AttentionShape> shapes = {
      {{1}, 1, 1, 2, "heads of 2"},
      {{5, 0, 17, 2}, 4, 2, 20, "heads of 20"},
      {{70, 33}, 3, 1, 130, "heads of 130"},
      {{9, 31}, 2, 1, 256, "heads of 256, all but chunks", {.scale = 0.5F, .softcap = 3.0F, .window = 7}, true},
      {{33, 2}, 2, 2, 16, "a scale and a softcap", {.scale = 2.0F, .softcap = 4.0F}},
      {{130, 7}, 2, 1, 8, "a window", {.window = 50}},
      {{19}, 2, 1, 12, "a window of one", {.window = 1}},
      {{19, 40}, 2, 1, 12, "a window longer than the sequences", {.window = 41}},
      {{33, 140}, 4, 2, 10, "chunks and sinks", {.chunk = 24}, true},
      {{21}, 4, 2, 80, "sinks", {}, true},
  };
  for (const AttentionShape& shape : shapes) {
    judge(shape.name + ", float32", [&] { return attentionOutputs<float>(shape); });
    judge(shape.name + ", bfloat16", [&] { return attentionOutputs<Bf16>(shape); });
  }
  const std::vector<Segment> several = {{40, 8, 0.2F}, {1, 3}, {0, 4}, {17, 0}, {90, 33, 0.5F}};
  judge("several segments, float32", [&] { return loraOutputs<float, float>(101, {75, 20}, several); });
  judge("several segments, bfloat16 to float32", [&] { return loraOutputs<Bf16, float>(101, {75}, several); });
  judge("one row, bfloat16", [&] { return loraOutputs<Bf16, Bf16>(7, {5, 1}, {{1, 1}}); });
  judge("rows of 13, float32", [] { return fillOutputs<float>(9, 13, 16); });
  judge("rows of 300, bfloat16", [] { return fillOutputs<Bf16>(5, 300, 301); });
  judge("one row of 13, float32", [] { return selectOutputs<float>(2, 13); });
  judge("rows of 520, bfloat16", [] { return selectOutputs<Bf16>(23, 520); });
}

}  // namespace loratwin::test
