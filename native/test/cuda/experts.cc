// Mixtures of experts: routes, rows at places, products and plain LoRA of experts, with experts that have no rows, one
// or all of them.
#include <algorithm>
#include <cmath>
#include <memory>

#include "cuda/expert_matmul.h"
#include "cuda/expert_rows.h"
#include "cuda/lora_plain.h"
#include "cuda/route.h"
#include "ops/dropout.h"
#include "ops/expert_matmul.h"
#include "ops/lora.h"
#include "table.h"

namespace loratwin::test {

namespace {

template <class Store>
constexpr bool kIsFloat = sizeof(Store) == sizeof(float);

struct Form {
  int rows;
  int experts;
  int perRow;
  bool normalized = true;
  float skew = 0.0F;  // of expert 1's logits

  std::string name() const {
    return std::to_string(rows) + " rows at " + std::to_string(perRow) + " of " + std::to_string(experts) + " experts";
  }
  std::size_t pairs() const { return static_cast<std::size_t>(rows * perRow); }
  std::vector<float> logits() const {
    std::vector<float> values = randomFloats(static_cast<std::size_t>(rows * experts), 51, 2.0F);
    for (std::size_t i = 1; i < values.size(); i += static_cast<std::size_t>(experts)) values[i] += skew;
    return values;
  }
};

// As the reference has it.
struct Routed {
  std::vector<double> logits;
  std::vector<std::int32_t> chosen, order, places, starts;
  std::vector<double> weights;

  explicit Routed(const Form& form)
      : logits(widened(form.logits())),
        chosen(form.pairs()),
        order(form.pairs()),
        places(form.pairs()),
        starts(static_cast<std::size_t>(form.experts + 1)),
        weights(form.pairs()) {
    ops::ref::route(ops::RouteT<double>{logits.data(), form.rows, form.experts, form.perRow, form.normalized,
                                        chosen.data(), weights.data(), order.data(), places.data(), starts.data()});
  }
};

std::vector<double> numbers(const std::vector<std::int32_t>& values) { return {values.begin(), values.end()}; }

std::vector<float> narrowed(const std::vector<double>& values) { return {values.begin(), values.end()}; }

void routeCase(const Form& form) {
  judge("route of " + form.name(), [=] {
    const Routed expected(form);
    const std::vector<float> given = form.logits();
    const DeviceBuffer<float> logits(given, "logits");
    const DeviceBuffer<std::int32_t> chosen(form.pairs(), "chosen");
    const DeviceBuffer<float> weights(form.pairs(), "weights");
    const DeviceBuffer<std::int32_t> order(form.pairs(), "order");
    const DeviceBuffer<std::int32_t> places(form.pairs(), "places");
    const DeviceBuffer<std::int32_t> starts(expected.starts.size(), "starts");
    cuda::route({logits.data(), form.rows, form.experts, form.perRow, form.normalized, chosen.data(), weights.data(),
                 order.data(), places.data(), starts.data()},
                nullptr);
    const std::vector<float> gradients = randomFloats(form.pairs(), 52);
    const std::vector<float> givenWeights = narrowed(expected.weights);
    const DeviceBuffer<float> dweights(gradients, "dweights");
    const DeviceBuffer<float> keptWeights(givenWeights, "weights");
    const DeviceBuffer<float> dlogits(given.size(), "dlogits");
    cuda::route_backward({dweights.data(), logits.data(), chosen.data(), keptWeights.data(), form.rows, form.experts,
                          form.perRow, form.normalized, dlogits.data()},
                         nullptr);
    const std::vector<double> wideGradients = widened(gradients);
    std::vector<double> expectedBack(given.size());
    ops::ref::route_backward(ops::RouteBackwardT<double>{
        wideGradients.data(), expected.logits.data(), expected.chosen.data(), expected.weights.data(), form.rows,
        form.experts, form.perRow, form.normalized, expectedBack.data()});
    return std::vector<Output>{{"route", numbers(chosen.download()), numbers(expected.chosen), 0},
                               {"route", widened(weights.download()), expected.weights, 1e-12},
                               {"route_places", numbers(order.download()), numbers(expected.order), 0},
                               {"route_places", numbers(places.download()), numbers(expected.places), 0},
                               {"route_places", numbers(starts.download()), numbers(expected.starts), 0},
                               {"route_backward", widened(dlogits.download()), expectedBack, 1e-12}};
  });
}

// `y` of combine: what its x is stored as, or float32 with a residual in its place.
template <class Store, class Out>
void rowsCase(const Form& form, int columns) {
  judge(std::to_string(columns) + " columns of " + form.name(), [=] {
    const Routed routed(form);
    const auto count = [columns](std::size_t rows) { return rows * static_cast<std::size_t>(columns); };
    const auto rows = static_cast<std::size_t>(form.rows);
    const DeviceBuffer<std::int32_t> order(routed.order, "order");
    const DeviceBuffer<std::int32_t> places(routed.places, "places");
    const std::vector<float> givenWeights = narrowed(routed.weights);
    const std::vector<double> wideWeights = widened(givenWeights);
    const DeviceBuffer<float> weights(givenWeights, "weights");
    const std::vector<Store> ofRows = randomStored<Store>(count(rows), 53);
    const std::vector<Store> ofPlaces = randomStored<Store>(count(form.pairs()), 54);
    const std::vector<Out> before = randomStored<Out>(count(rows), 55);
    const DeviceBuffer<Store> x(ofRows, "x");
    const DeviceBuffer<Store> gathered(count(form.pairs()), "gathered");
    cuda::gather_rows(ops::GatherRowsT<Store>{x.data(), order.data(), gathered.data(), form.rows, form.perRow, columns},
                      nullptr);
    const DeviceBuffer<Store> placed(ofPlaces, "placed");
    const DeviceBuffer<Out> weighed(before, "weighed");
    const DeviceBuffer<Out> summed(count(rows), "summed");
    const float* residual = nullptr;
    if constexpr (kIsFloat<Out>) residual = weighed.data();
    cuda::combine(ops::CombineT<float, Store, Out>{placed.data(), places.data(), weights.data(), residual,
                                                   weighed.data(), form.rows, form.perRow, columns},
                  nullptr);
    cuda::combine(ops::CombineT<float, Store, Out>{placed.data(), places.data(), nullptr, nullptr, summed.data(),
                                                   form.rows, form.perRow, columns},
                  nullptr);
    // In the place of x.
    const DeviceBuffer<float> dweights(form.pairs(), "dweights");
    cuda::combine_backward(
        ops::CombineBackwardT<float, Store>{x.data(), placed.data(), places.data(), weights.data(), placed.data(),
                                            dweights.data(), form.rows, form.perRow, columns},
        nullptr);

    const std::vector<double> wideRows = widened(ofRows);
    const std::vector<double> widePlaces = widened(ofPlaces);
    std::vector<double> expectedGathered(count(form.pairs()));
    ops::ref::gather_rows(ops::GatherRowsT<double>{wideRows.data(), routed.order.data(), expectedGathered.data(),
                                                   form.rows, form.perRow, columns});
    std::vector<double> expectedWeighed = widened(before);
    std::vector<double> expectedSummed(count(rows));
    ops::ref::combine(ops::CombineT<double>{widePlaces.data(), routed.places.data(), wideWeights.data(),
                                            kIsFloat<Out> ? expectedWeighed.data() : nullptr, expectedWeighed.data(),
                                            form.rows, form.perRow, columns});
    ops::ref::combine(ops::CombineT<double>{widePlaces.data(), routed.places.data(), nullptr, nullptr,
                                            expectedSummed.data(), form.rows, form.perRow, columns});
    std::vector<double> expectedDx = widePlaces;
    std::vector<double> expectedDweights(form.pairs());
    ops::ref::combine_backward(ops::CombineBackwardT<double>{wideRows.data(), widePlaces.data(), routed.places.data(),
                                                             wideWeights.data(), expectedDx.data(),
                                                             expectedDweights.data(), form.rows, form.perRow, columns});
    const double ofOut = kIsFloat<Out> ? 1e-12 : 6e-6;
    return std::vector<Output>{
        {"gather_places", widened(gathered.download()), expectedGathered, 0},
        {"combine", widened(weighed.download()), expectedWeighed, ofOut},
        {"combine", widened(summed.download()), expectedSummed, ofOut},
        {"combine_backward", widened(placed.download()), expectedDx, kIsFloat<Store> ? 1e-12 : 6e-6},
        {"combine_backward", widened(dweights.download()), expectedDweights, 1e-12}};
  });
}

enum class Kept { plain, int8, nf4 };

// The experts' weights on the device, and as products see them.
template <class Store>
struct Weights {
  std::vector<double> wide;
  std::unique_ptr<DeviceBuffer<Store>> plain;
  std::unique_ptr<DeviceBuffer<std::uint8_t>> parts;  // of quantized ones, an expert's one after another
  ops::QuantizedView view{};

  Weights(Kept kept, int experts, int out, int in) {
    const auto matrix = static_cast<std::size_t>(out * in);
    const auto count = matrix * static_cast<std::size_t>(experts);
    if (kept == Kept::plain) {
      const std::vector<Store> values = randomStored<Store>(count, 61, 0.3F);
      wide = widened(values);
      plain = std::make_unique<DeviceBuffer<Store>>(values, "weights");
      return;
    }
    const std::vector<float> values = randomFloats(count, 61, 0.3F);
    const ops::QuantizedLayout layout{kept == Kept::int8 ? ops::Quantization::int8 : ops::Quantization::nf4, out, in};
    std::vector<std::uint8_t> all;
    for (int e = 0; e < experts; ++e) {
      const ops::QuantizedMatrix quantized(values.data() + static_cast<std::size_t>(e) * matrix, layout);
      const std::uint8_t* const first = quantized.view().codes;
      all.insert(all.end(), first, first + layout.bytes());
      std::vector<Bf16> seen(matrix);
      ops::ref::dequantize(quantized.view(), seen.data());
      for (const Bf16 value : seen) wide.push_back(widened(value));
    }
    parts = std::make_unique<DeviceBuffer<std::uint8_t>>(all, "quantized");
    view = ops::quantizedView(layout, reinterpret_cast<const std::byte*>(parts->data()));
  }
};

// `pad`: of the strides
template <class Store>
void productCase(const Form& form, int in, int out, int pad, Kept kept = Kept::plain) {
  judge("[" + std::to_string(out) + "," + std::to_string(in) + "] of " + form.name(), [=] {
    const Routed routed(form);
    const auto P = static_cast<std::int32_t>(form.pairs());
    const int ldIn = in + pad;
    const int ldOut = out + pad;
    const auto size = [P](int width) { return static_cast<std::size_t>(P) * static_cast<std::size_t>(width); };
    const Weights<Store> weights(kept, form.experts, out, in);
    const std::vector<float> biasList = randomFloats(static_cast<std::size_t>(form.experts * out), 62);
    const std::vector<Store> ins = randomStored<Store>(size(ldIn), 63);
    const std::vector<Store> outs = randomStored<Store>(size(ldOut), 64);
    const DeviceBuffer<std::int32_t> starts(routed.starts, "starts");
    const DeviceBuffer<float> bias(biasList, "bias");
    const DeviceBuffer<Store> x(ins, "x");
    const DeviceBuffer<Store> dy(outs, "dy");
    const DeviceBuffer<Store> y(outs, "y");
    const DeviceBuffer<Store> dx(ins, "dx");
    cuda::ExpertProductT<Store> op{};
    if (kept == Kept::plain) {
      op.weights = weights.plain->data();
    } else {
      op.quantized = weights.view;
      op.quantizedBytes = weights.view.layout.bytes();
    }
    op.x = x.data();
    op.ldx = ldIn;
    op.experts = form.experts;
    op.outFeatures = out;
    op.inFeatures = in;
    op.y = y.data();
    op.ldy = ldOut;
    op.bias = bias.data();
    op.starts = starts.data();
    op.rows = P;
    cuda::expert_matmul(op, nullptr);
    op.x = dy.data();
    op.ldx = ldOut;
    op.y = dx.data();
    op.ldy = ldIn;
    op.bias = nullptr;
    op.backward = true;
    cuda::expert_matmul(op, nullptr);

    const std::vector<double> wideX = widened(ins);
    const std::vector<double> wideDy = widened(outs);
    const std::vector<double> wideBias = widened(biasList);
    std::vector<double> expected = wideDy;
    std::vector<double> expectedBack = wideX;
    ops::ref::expert_matmul(ops::ref::ExpertMatmulT<double>{wideX.data(), ldIn, weights.wide.data(), expected.data(),
                                                            ldOut, wideBias.data(), routed.starts.data(), form.experts,
                                                            out, in});
    ops::ref::expert_matmul_backward(
        ops::ref::ExpertMatmulBackwardT<double>{wideDy.data(), ldOut, weights.wide.data(), expectedBack.data(), ldIn,
                                                routed.starts.data(), form.experts, out, in});
    const double tolerance = kIsFloat<Store> ? 1e-11 : 6e-6;
    return std::vector<Output>{{"expert_matmul", widened(y.download()), expected, tolerance},
                               {"expert_matmul", widened(dx.download()), expectedBack, tolerance}};
  });
}

struct Segment {
  int rows;
  int rank;  // 0: the adapter has no such target
};

// One projection of each segment's adapter; gradients begin at 0. On tensor cores, or plain.
template <class Store, bool kTensor = false>
void loraCase(const Form& form, int in, int out, const std::vector<Segment>& segments) {
  judge((kTensor ? "lora in tiles of " : "lora of ") + form.name(), [=] {
    const int ldx = kTensor ? roundUp8(in) : in;
    const int ldy = kTensor ? roundUp8(out) : out;
    const Routed routed(form);
    const auto P = static_cast<std::int32_t>(form.pairs());
    const auto size = [P](int width) { return static_cast<std::size_t>(P) * static_cast<std::size_t>(width); };
    const int lda = roundUp8(in);
    int maxRank = 0;
    int maxRows = 0;
    for (const Segment& segment : segments) {
      maxRank = std::max(maxRank, segment.rank);
      maxRows = std::max(maxRows, segment.rows);
    }
    const int lds = kTensor ? cuda::ldb(maxRank) : maxRank + 1;
    const std::vector<Store> xs = randomStored<Store>(size(ldx), 71);
    const std::vector<Store> dys = randomStored<Store>(size(ldy), 72);
    const std::vector<Store> zeros(size(lds));
    const DeviceBuffer<Store> x(xs, "x");
    const DeviceBuffer<Store> dy(dys, "dy");
    const DeviceBuffer<Store> y(dys, "y");
    const DeviceBuffer<Store> dx(xs, "dx");
    const DeviceBuffer<Store> s(zeros, "s");
    const DeviceBuffer<Store> ds(zeros, "ds");
    const DeviceBuffer<std::int32_t> order(routed.order, "order");
    const DeviceBuffer<std::int32_t> starts(routed.starts, "starts");

    // A and B of all experts, padded on the device and dense for the reference.
    struct Adapter {
      std::unique_ptr<DeviceBuffer<Store>> a, b;
      std::unique_ptr<DeviceBuffer<float>> da, db;
      std::vector<double> wideA, wideB, wideDa, wideDb;
    };
    const auto dense = [](const auto& padded, int count, int width, int stride) {
      std::vector<double> result;
      for (int i = 0; i < count; ++i) {
        for (int j = 0; j < width; ++j) result.push_back(widened(padded[static_cast<std::size_t>(i * stride + j)]));
      }
      return result;
    };
    const int E = form.experts;
    std::vector<Adapter> adapters;
    std::vector<cuda::LoraSegmentT<Store>> items;
    int row = 0;
    for (const Segment& segment : segments) {
      Adapter& adapter = adapters.emplace_back();
      const int rank = segment.rank;
      const auto seed = static_cast<std::uint32_t>(80 + 10 * row);
      const auto as = randomStored<Store>(static_cast<std::size_t>(E * rank * lda), seed, 0.3F);
      const auto bs = randomStored<Store>(static_cast<std::size_t>(E * out * cuda::ldb(rank)), seed + 1, 0.3F);
      adapter.a = std::make_unique<DeviceBuffer<Store>>(as, "a");
      adapter.b = std::make_unique<DeviceBuffer<Store>>(bs, "b");
      adapter.da = std::make_unique<DeviceBuffer<float>>(std::vector<float>(as.size()), "da");
      adapter.db = std::make_unique<DeviceBuffer<float>>(std::vector<float>(bs.size()), "db");
      adapter.wideA = dense(as, E * rank, in, lda);
      adapter.wideB = dense(bs, E * out, rank, cuda::ldb(rank));
      adapter.wideDa.resize(adapter.wideA.size());
      adapter.wideDb.resize(adapter.wideB.size());
      items.push_back({row,
                       row + segment.rows,
                       rank,
                       out,
                       0,
                       lds,
                       adapter.a->data(),
                       adapter.b->data(),
                       s.data(),
                       ds.data(),
                       adapter.da->data(),
                       adapter.db->data(),
                       1.5F,
                       1.0F,
                       ops::dropoutThreshold(0.0F),
                       {0, 0},
                       0});
      row += segment.rows;
    }
    const DeviceBuffer<cuda::LoraSegmentT<Store>> table(items, "segments");
    const auto count = static_cast<std::int32_t>(segments.size());
    const cuda::LoraRunT<Store> run{table.data(), in, lda, nullptr, {order.data(), starts.data(), E, form.perRow}};
    if constexpr (kTensor) {
      const std::vector<cuda::LoraTile> tileList = cuda::loraTiles(items.data(), count);
      const std::vector<cuda::LoraTile> rowTileList = cuda::loraRowTiles(items.data(), count);
      const cuda::LoraGradientPlan plan = cuda::loraPlacesPlan(items.data(), count, in);
      const DeviceBuffer<cuda::LoraTile> tiles(tileList, "tiles");
      const DeviceBuffer<cuda::LoraTile> rowTiles(rowTileList, "row tiles");
      const DeviceBuffer<cuda::LoraGradientTile> gradientTiles(plan.tiles, "gradient tiles");
      const auto tileCount = static_cast<std::int32_t>(tileList.size());
      cuda::lora_xa(run, tiles.data(), tileCount, x.data(), ldx, nullptr);
      cuda::lora_sb(run, tiles.data(), tileCount, out, y.data(), ldy, nullptr);
      cuda::lora_dyb(run, tiles.data(), tileCount, dy.data(), ldy, nullptr);
      cuda::lora_dsa(run, rowTiles.data(), static_cast<std::int32_t>(rowTileList.size()), 1, count, dx.data(), ldx,
                     nullptr);
      cuda::lora_dsx_dys(run,
                         {gradientTiles.data(), static_cast<std::int32_t>(plan.tiles.size()), nullptr, 0,
                          plan.maxFeatures, 0, nullptr, x.data(), ldx, dy.data(), ldy},
                         nullptr);
    } else {
      const cuda::PlainLoraT<Store> op{run, 1, count, maxRows, maxRank, out};
      cuda::lora_plain_xa(op, x.data(), ldx, nullptr);
      cuda::lora_plain_sb(op, y.data(), ldy, nullptr);
      cuda::lora_plain_dyb(op, dy.data(), ldy, nullptr);
      cuda::lora_plain_dsa(op, dx.data(), ldx, nullptr);
      cuda::lora_plain_dsx_dys(op, x.data(), ldx, dy.data(), ldy, nullptr);
    }

    std::vector<ops::LoraSegmentT<double>> references;
    for (int e = 0; e < E; ++e) {
      for (std::size_t i = 0; i < segments.size(); ++i) {
        const int rank = segments[i].rank;
        const auto isOwn = [&](std::int32_t pair) {
          return pair / form.perRow >= items[i].rowStart && pair / form.perRow < items[i].rowEnd;
        };
        const auto begin = routed.order.begin() + routed.starts[static_cast<std::size_t>(e)];
        const auto end = routed.order.begin() + routed.starts[static_cast<std::size_t>(e + 1)];
        const auto first = std::find_if(begin, end, isOwn);
        const auto last = std::find_if_not(first, end, isOwn);
        ops::LoraSegmentT<double> segment{static_cast<std::int32_t>(first - routed.order.begin()),
                                          static_cast<std::int32_t>(last - routed.order.begin())};
        segment.rank = rank;
        segment.scale = 1.5F;
        if (rank > 0) {
          segment.a = adapters[i].wideA.data() + e * rank * in;
          segment.b = adapters[i].wideB.data() + e * out * rank;
          segment.da = adapters[i].wideDa.data() + e * rank * in;
          segment.db = adapters[i].wideDb.data() + e * out * rank;
        }
        references.push_back(segment);
      }
    }
    std::vector<double> wideS(size(lds));
    const ops::LoraProjectionT<double> projection{
        {references.data(), static_cast<std::int32_t>(references.size()), nullptr, 0}, 0, out, wideS.data(), lds};
    const std::vector<double> wideX = widened(xs);
    const std::vector<double> wideDy = widened(dys);
    std::vector<double> expectedY = wideDy;
    std::vector<double> expectedDx = wideX;
    ops::ref::lora(ops::LoraT<double>{&projection, 1, wideX.data(), ldx, in, expectedY.data(), ldy});
    ops::ref::lora_backward(ops::LoraBackwardT<double>{&projection, 1, wideDy.data(), ldy, wideX.data(), ldx, in,
                                                       expectedDx.data(), ldx, nullptr});
    const std::string name = kTensor ? "lora_" : "lora_plain_";
    const double tolerance = kIsFloat<Store> ? 1e-11 : 1e-5;
    std::vector<Output> outputs{{name + "xa", widened(s.download()), wideS, tolerance},
                                {name + "sb", widened(y.download()), expectedY, tolerance},
                                {name + "dsa", widened(dx.download()), expectedDx, tolerance}};
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const int rank = segments[i].rank;
      if (rank == 0) continue;
      outputs.push_back(
          {name + "dsx_dys", dense(adapters[i].da->download(), E * rank, in, lda), adapters[i].wideDa, tolerance});
      outputs.push_back({name + "dsx_dys", dense(adapters[i].db->download(), E * out, rank, cuda::ldb(rank)),
                         adapters[i].wideDb, tolerance});
    }
    return outputs;
  });
}

}  // namespace

void expertCases() {
  const std::vector<Form> forms = {{1, 1, 1}, {1, 8, 2, false}, {7, 3, 3}, {130, 40, 5}, {23, 33, 2, false}};
  for (const Form& form : forms) routeCase(form);
  routeCase({37, 4, 1, false, 4.01F});
  for (const Form& form : {Form{1, 8, 2}, Form{19, 5, 3}}) {
    rowsCase<float, float>(form, 13);
    rowsCase<Bf16, float>(form, 520);
    rowsCase<Bf16, Bf16>(form, 72);
  }
  // Tiles of one row, of all rows, and several of each expert; widths that are and are not aligned.
  for (const Form& form : {Form{1, 8, 2}, Form{150, 3, 2}, Form{90, 4, 1, true, 9.0F}, Form{20, 40, 1}}) {
    productCase<float>(form, 37, 75, 3);
    productCase<Bf16>(form, 37, 75, 3);
    productCase<Bf16>(form, 72, 144, 8);
  }
  productCase<Bf16>({40, 5, 2}, 200, 268, 4, Kept::plain);
  for (const Kept kept : {Kept::int8, Kept::nf4}) {
    productCase<Bf16>({40, 5, 2}, 72, 136, 0, kept);
    productCase<Bf16>({20, 5, 2}, 101, 75, 3, kept);
    productCase<Bf16>({20, 5, 2}, 101, 75, 11, kept);
  }
  const std::vector<Segment> several = {{9, 8}, {1, 3}, {0, 4}, {8, 0}, {22, 17}};
  loraCase<float>({40, 5, 2}, 37, 29, several);
  loraCase<Bf16>({40, 12, 3}, 37, 29, several);
  loraCase<Bf16>({1, 8, 2}, 24, 16, {{1, 2}});
  loraCase<Bf16, true>({40, 5, 2}, 37, 29, several);
  loraCase<Bf16, true>({160, 3, 2}, 72, 200, {{90, 16}, {1, 3}, {69, 40}});
  loraCase<Bf16, true>({1, 8, 2}, 24, 16, {{1, 2}});
}

}  // namespace loratwin::test
