// The five LoRA kernels, one after the other as a training step runs them.
#include <memory>

#include "cuda/lora.h"
#include "ops/dropout.h"
#include "ops/lora.h"
#include "table.h"

namespace loratwin::test {

namespace {

constexpr double kBf16 = 1e-5;

struct Segment {
  int rows;
  int rank;  // the second segment of a second projection has none
  float dropout = 0.0F;
  int adapter = -1;  // of an earlier segment, whose adapter it shares
};

struct Shape {
  std::string name;
  int inFeatures;
  std::vector<int> outFeatures;  // of each projection
  std::vector<Segment> segments;
};

struct Adapter {
  std::vector<Bf16> a;
  std::vector<Bf16> b;
  std::vector<float> da;
  std::vector<float> db;
  // without padding, for the reference
  std::vector<double> denseA;
  std::vector<double> denseB;
  std::vector<double> denseDa;
  std::vector<double> denseDb;
};

template <class Store>
std::vector<double> dense(const std::vector<Store>& padded, int rows, int columns, int stride) {
  std::vector<double> result;
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) result.push_back(widened(padded[static_cast<std::size_t>(i * stride + j)]));
  }
  return result;
}

// `padded` with its rows replaced.
std::vector<double> spread(std::vector<double> padded, const std::vector<double>& rowsOnly, int rows, int columns,
                           int stride) {
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      padded[static_cast<std::size_t>(i * stride + j)] = rowsOnly[static_cast<std::size_t>(i * columns + j)];
    }
  }
  return padded;
}

Adapter makeAdapter(int rank, int in, int lda, int out, std::uint32_t seed) {
  Adapter adapter;
  const int stride = cuda::ldb(rank);
  adapter.a = randomBf16(static_cast<std::size_t>(rank * lda), seed, 0.3F);
  adapter.b = randomBf16(static_cast<std::size_t>(out * stride), seed + 1, 0.3F);
  adapter.da = randomFloats(static_cast<std::size_t>(rank * lda), seed + 2);
  adapter.db = randomFloats(static_cast<std::size_t>(out * stride), seed + 3);
  adapter.denseA = dense(adapter.a, rank, in, lda);
  adapter.denseB = dense(adapter.b, out, rank, stride);
  adapter.denseDa = dense(adapter.da, rank, in, lda);
  adapter.denseDb = dense(adapter.db, out, rank, stride);
  return adapter;
}

struct DeviceAdapter {
  DeviceBuffer<Bf16> a;
  DeviceBuffer<Bf16> b;
  DeviceBuffer<float> da;
  DeviceBuffer<float> db;
  explicit DeviceAdapter(const Adapter& adapter)
      : a(adapter.a, "a"), b(adapter.b, "b"), da(adapter.da, "da"), db(adapter.db, "db") {}
};

template <class Out>
std::vector<Output> runShape(const Shape& shape) {
  const int K = shape.inFeatures;
  const int lda = roundUp8(K);
  const int projections = static_cast<int>(shape.outFeatures.size());
  const int perProjection = static_cast<int>(shape.segments.size());
  int rows = 0;
  int maxRank = 0;
  for (const Segment& segment : shape.segments) {
    rows += segment.rows;
    maxRank = std::max(maxRank, segment.rank);
  }
  const int lds = cuda::ldb(maxRank);
  std::vector<int> columns;
  int ldy = 8;  // columns before the first projection's
  int maxOut = 0;
  for (const int out : shape.outFeatures) {
    columns.push_back(ldy);
    ldy += roundUp8(out);
    maxOut = std::max(maxOut, out);
  }
  const auto size = [rows](int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); };

  const std::vector<Bf16> xs = randomBf16(size(lda), 21);
  const std::vector<Bf16> dys = randomBf16(size(ldy), 22);
  const std::vector<Out> ys = randomStored<Out>(size(ldy), 23, 0.2F);
  const std::vector<Out> dxs = randomStored<Out>(size(lda), 24, 0.2F);
  std::vector<std::int32_t> keys;
  for (int t = 0; t < rows; ++t) keys.push_back(t * 31 + 5);

  const DeviceBuffer<Bf16> x(xs, "x");
  const DeviceBuffer<Bf16> dy(dys, "dy");
  const DeviceBuffer<Out> y(ys, "y");
  const DeviceBuffer<Out> dx(dxs, "dx");
  const DeviceBuffer<std::int32_t> rowKeys(keys, "rowKeys");

  std::vector<Adapter> adapters;
  std::vector<std::unique_ptr<DeviceAdapter>> onDevice;
  std::vector<std::unique_ptr<DeviceBuffer<Bf16>>> ss;
  std::vector<std::unique_ptr<DeviceBuffer<Bf16>>> dss;
  std::vector<cuda::LoraSegment> segments;
  std::vector<ops::LoraSegmentT<double>> refSegments;
  std::vector<std::vector<double>> refS(static_cast<std::size_t>(projections));
  const std::vector<Bf16> zeros(size(lds));
  std::vector<std::size_t> adapterOf;
  for (int p = 0; p < projections; ++p) {
    ss.push_back(std::make_unique<DeviceBuffer<Bf16>>(zeros, "s"));
    dss.push_back(std::make_unique<DeviceBuffer<Bf16>>(zeros, "ds"));
    refS[static_cast<std::size_t>(p)].resize(size(lds));
    int row = 0;
    for (int i = 0; i < perProjection; ++i) {
      const Segment& segment = shape.segments[static_cast<std::size_t>(i)];
      const int N = shape.outFeatures[static_cast<std::size_t>(p)];
      std::size_t place = adapters.size();
      if (segment.adapter >= 0) {
        place = adapterOf[static_cast<std::size_t>(p * perProjection + segment.adapter)];
      } else {
        adapters.push_back(makeAdapter(segment.rank, K, lda, N, static_cast<std::uint32_t>(100 * p + 10 * i)));
        onDevice.push_back(std::make_unique<DeviceAdapter>(adapters.back()));
      }
      adapterOf.push_back(place);
      const DeviceAdapter& device = *onDevice[place];
      const bool hasTarget = segment.rank > 0 && !(p == 1 && i == 1);
      const float scale = 16.0F / static_cast<float>(segment.rank);
      const std::uint32_t target = static_cast<std::uint32_t>(7 + p);
      segments.push_back({row,
                          row + segment.rows,
                          hasTarget ? segment.rank : 0,
                          N,
                          columns[static_cast<std::size_t>(p)],
                          lds,
                          device.a.data(),
                          device.b.data(),
                          ss.back()->data(),
                          dss.back()->data(),
                          device.da.data(),
                          device.db.data(),
                          scale,
                          1.0F / (1.0F - segment.dropout),
                          ops::dropoutThreshold(segment.dropout),
                          {static_cast<std::uint32_t>(i), 99},
                          target});
      refSegments.push_back({row,
                             row + segment.rows,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr,
                             segment.rank,
                             scale,
                             segment.dropout,
                             {static_cast<std::uint32_t>(i), 99}});
      row += segment.rows;
    }
  }
  std::vector<ops::LoraProjectionT<double>> refProjections;
  for (int p = 0; p < projections; ++p) {
    for (int i = 0; i < perProjection; ++i) {
      const std::size_t at = static_cast<std::size_t>(p * perProjection + i);
      if (segments[at].rank == 0) continue;
      Adapter& adapter = adapters[adapterOf[at]];
      ops::LoraSegmentT<double>& to = refSegments[at];
      to.a = adapter.denseA.data();
      to.b = adapter.denseB.data();
      to.da = adapter.denseDa.data();
      to.db = adapter.denseDb.data();
    }
    refProjections.push_back(
        {{refSegments.data() + p * perProjection, perProjection, keys.data(), static_cast<std::uint32_t>(7 + p)},
         columns[static_cast<std::size_t>(p)],
         shape.outFeatures[static_cast<std::size_t>(p)],
         refS[static_cast<std::size_t>(p)].data(),
         lds});
  }

  const std::int32_t segmentCount = static_cast<std::int32_t>(segments.size());
  const DeviceBuffer<cuda::LoraSegment> table(segments, "segments");
  const std::vector<cuda::LoraTile> tileList = cuda::loraTiles(segments.data(), segmentCount);
  const std::vector<cuda::LoraTile> rowTileList = cuda::loraRowTiles(segments.data(), perProjection);
  const cuda::LoraGradientPlan plan = cuda::loraGradientPlan(segments.data(), segmentCount, K, lda);
  const DeviceBuffer<cuda::LoraTile> tiles(tileList, "tiles");
  const DeviceBuffer<cuda::LoraTile> rowTiles(rowTileList, "row tiles");
  const DeviceBuffer<cuda::LoraGradientTile> gradientTiles(plan.tiles, "gradient tiles");
  const DeviceBuffer<cuda::LoraGradientSum> sums(plan.sums, "gradient sums");
  const DeviceBuffer<float> scratch(static_cast<std::size_t>(plan.scratchFloats), "scratch");
  const std::int32_t tileCount = static_cast<std::int32_t>(tileList.size());
  const cuda::LoraRun run{table.data(), K, lda, rowKeys.data()};
  cuda::lora_xa(run, tiles.data(), tileCount, x.data(), lda, nullptr);
  cuda::lora_sb(run, tiles.data(), tileCount, maxOut, y.data(), ldy, nullptr);
  cuda::lora_dyb(run, tiles.data(), tileCount, dy.data(), ldy, nullptr);
  cuda::lora_dsa(run, rowTiles.data(), static_cast<std::int32_t>(rowTileList.size()), projections, perProjection,
                 dx.data(), lda, nullptr);
  cuda::lora_dsx_dys(run,
                     {gradientTiles.data(), static_cast<std::int32_t>(plan.tiles.size()), sums.data(),
                      static_cast<std::int32_t>(plan.sums.size()), plan.maxFeatures, plan.maxElements, scratch.data(),
                      x.data(), lda, dy.data(), ldy},
                     nullptr);

  const std::vector<double> wideX = widened(xs);
  const std::vector<double> wideDy = widened(dys);
  std::vector<double> expectedY = widened(ys);
  std::vector<double> expectedDx = widened(dxs);
  ops::ref::lora(ops::LoraT<double>{refProjections.data(), projections, wideX.data(), lda, K, expectedY.data(), ldy});
  ops::ref::lora_backward(ops::LoraBackwardT<double>{refProjections.data(), projections, wideDy.data(), ldy,
                                                     wideX.data(), lda, K, expectedDx.data(), lda, nullptr});
  std::vector<Output> outputs;
  for (int p = 0; p < projections; ++p) {
    std::vector<double> expectedDs(size(lds));
    for (int i = 0; i < perProjection; ++i) {
      const cuda::LoraSegment& segment = segments[static_cast<std::size_t>(p * perProjection + i)];
      for (int t = segment.rowStart; t < segment.rowEnd; ++t) {
        for (int r = 0; r < segment.rank; ++r) {
          double sum = 0;
          for (int n = 0; n < segment.outFeatures; ++n) {
            sum += wideDy[static_cast<std::size_t>(t * ldy + segment.column + n)] *
                   adapters[adapterOf[static_cast<std::size_t>(p * perProjection + i)]]
                       .denseB[static_cast<std::size_t>(n * segment.rank + r)];
          }
          expectedDs[static_cast<std::size_t>(t * lds + r)] = static_cast<double>(segment.scale) * sum;
        }
      }
    }
    outputs.push_back(
        {"lora_xa", widened(ss[static_cast<std::size_t>(p)]->download()), refS[static_cast<std::size_t>(p)], kBf16});
    outputs.push_back({"lora_dyb", widened(dss[static_cast<std::size_t>(p)]->download()), expectedDs, kBf16});
  }
  outputs.push_back({"lora_sb", widened(y.download()), expectedY, kBf16});
  outputs.push_back({"lora_dsa", widened(dx.download()), expectedDx, kBf16});
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].rank == 0) continue;
    const Adapter& adapter = adapters[adapterOf[i]];
    const int rank = segments[i].rank;
    const int N = segments[i].outFeatures;
    outputs.push_back({"lora_dsx_dys", widened(onDevice[adapterOf[i]]->da.download()),
                       spread(widened(adapter.da), adapter.denseDa, rank, K, lda), kBf16});
    outputs.push_back({"lora_dsx_dys", widened(onDevice[adapterOf[i]]->db.download()),
                       spread(widened(adapter.db), adapter.denseDb, N, rank, cuda::ldb(rank)), kBf16});
  }
  return outputs;
}

}  // namespace

void loraCases() {
  const std::vector<Shape> shapes = {
      {"one tile", 64, {64}, {{40, 8}}},
      {"one row of one", 8, {8}, {{1, 1}}},
      {"several tiles on every axis", 200, {264, 72}, {{130, 16}, {70, 40}, {1, 4}, {0, 8}, {65, 72}}},
      {"odd sizes and dropout", 101, {75, 33, 20}, {{3, 1, 0.5F}, {66, 3}, {1, 7, 0.1F}, {9, 17, 0.2F}, {5, 33}}},
      {"parts of a gradient and a shared adapter", 72, {40}, {{1100, 8}, {20, 24, 0.1F}, {530, 8, 0.3F, 0}}},
  };
  for (const Shape& shape : shapes) {
    judge(shape.name, [&] { return runShape<Bf16>(shape); });
  }
  judge("several tiles, float32 sums", [&] { return runShape<float>(shapes[2]); });
}

}  // namespace loratwin::test
