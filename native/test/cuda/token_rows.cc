// Rows of adapters in place of the embedding's and of a tied head's, over segments with and without any.
#include <algorithm>
#include <memory>

#include "cuda/token_rows.h"
#include "ops/token_rows.h"
#include "table.h"

namespace loratwin::test {

namespace {

constexpr int kVocabulary = 23;
constexpr float kScale = 1.5F;

struct Shape {
  std::vector<int> segments;  // rows of each
  std::vector<std::vector<std::int32_t>> tokens;
  int hidden;
};

// Of one segment, on the device and for the reference.
template <class Store>
struct Rows {
  std::vector<std::int32_t> ids;
  DeviceBuffer<std::int32_t> tokens;
  DeviceBuffer<Store> rows;
  DeviceBuffer<float> gradient;
  std::vector<double> wideRows;
  std::vector<double> wideGradient;

  // [n, ld]; the reference has no padding.
  Rows(const std::vector<std::int32_t>& of, const std::vector<Store>& r, const std::vector<float>& g, int hidden,
       int ld)
      : ids(of), tokens(of, "tokens"), rows(r, "rows"), gradient(g, "gradient") {
    for (std::size_t i = 0; i < r.size(); ++i) {
      if (static_cast<int>(i) % ld >= hidden) continue;
      wideRows.push_back(widened(r[i]));
      wideGradient.push_back(widened(g[i]));
    }
  }
};

template <class Store>
std::vector<Output> runShape(const Shape& shape) {
  const double tolerance = sizeof(Store) == sizeof(float) ? 1e-11 : 1e-5;
  const int H = shape.hidden;
  const int ld = roundUp8(H);
  const int ldz = roundUp8(kVocabulary);
  int rows = 0;
  cuda::TokenSegmentsT<Store> segments{};
  std::vector<std::unique_ptr<Rows<Store>>> all;
  std::vector<cuda::TokenSegmentT<Store>> items;
  std::vector<ops::TokenSegmentT<double>> expected;
  for (std::size_t s = 0; s < shape.segments.size(); ++s) {
    const int end = rows + shape.segments[s];
    const std::vector<std::int32_t>& tokens = shape.tokens[s];
    if (!tokens.empty() && end > rows) {
      const std::size_t size = tokens.size() * static_cast<std::size_t>(ld);
      const auto seed = static_cast<std::uint32_t>(70 + s);
      all.push_back(
          std::make_unique<Rows<Store>>(tokens, randomStored<Store>(size, seed), randomFloats(size, seed + 20), H, ld));
      Rows<Store>& own = *all.back();
      const auto count = static_cast<std::int32_t>(tokens.size());
      items.push_back({rows, end, count, own.tokens.data(), own.rows.data(), own.gradient.data()});
      expected.push_back({rows, end, own.ids.data(), count, own.wideRows.data(), own.wideGradient.data()});
      segments.maxRows = std::max(segments.maxRows, end - rows);
      segments.maxTokens = std::max(segments.maxTokens, count);
    }
    rows = end;
  }
  const DeviceBuffer<cuda::TokenSegmentT<Store>> table(items, "segments");
  segments.items = table.data();
  segments.count = static_cast<std::int32_t>(items.size());
  segments.hidden = H;
  segments.ld = ld;
  const auto size = [rows](int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); };
  std::vector<std::int32_t> given(static_cast<std::size_t>(rows));
  for (std::size_t t = 0; t < given.size(); ++t) given[t] = static_cast<std::int32_t>(t * 5 % kVocabulary);
  const std::vector<float> outs = randomFloats(size(H), 3);
  const std::vector<Store> xs = randomStored<Store>(size(H), 4);
  const std::vector<float> zs = randomFloats(size(ldz), 5);
  const std::vector<Store> dzs = randomStored<Store>(size(ldz), 6);
  const std::vector<float> gs(size(std::max(segments.maxTokens, 1)), 0.0F);
  const std::int64_t ldg = std::max(segments.maxTokens, 1);
  const DeviceBuffer<std::int32_t> ids(given, "ids");
  const DeviceBuffer<float> out(outs, "out");
  const DeviceBuffer<float> dx(outs, "dx");
  const DeviceBuffer<Store> x(xs, "x");
  const DeviceBuffer<float> z(zs, "z");
  const DeviceBuffer<Store> dz(dzs, "dz");
  const DeviceBuffer<float> g(gs, "g");
  cuda::embed_tokens(segments, ids.data(), kScale, out.data(), nullptr);
  cuda::embed_tokens_backward(segments, ids.data(), kScale, static_cast<const float*>(dx.data()), nullptr);

  const ops::TokenSegmentsT<double> wide{expected.data(), segments.count};
  std::vector<double> wideOut = widened(outs);
  std::vector<double> wideDx = widened(outs);
  ops::ref::embed_tokens({wide, given.data(), wideOut.data(), H, kScale});
  ops::ref::embed_tokens_backward({wide, given.data(), wideDx.data(), H, kScale});
  std::vector<Output> outputs;
  const auto addGradients = [&](const char* kernel) {
    for (const std::unique_ptr<Rows<Store>>& own : all) {
      std::vector<double> gradient;
      const std::vector<float> padded = own->gradient.download();
      for (std::size_t i = 0; i < padded.size(); ++i) {
        if (static_cast<int>(i) % ld < H) gradient.push_back(widened(padded[i]));
      }
      outputs.push_back({kernel, gradient, own->wideGradient, tolerance});
    }
  };
  addGradients("embed_tokens_backward");

  const cuda::HeadTokensT<Store> head{segments, x.data(), z.data(), dz.data(), ldz, g.data(), ldg, dx.data()};
  cuda::head_tokens(head, nullptr);
  cuda::head_tokens_take(head, nullptr);
  cuda::head_tokens_backward(head, nullptr);

  std::vector<double> wideX = widened(xs);
  std::vector<double> wideZ = widened(zs);
  std::vector<double> wideDz = widened(dzs);
  std::vector<double> wideG = widened(gs);
  const ops::HeadTokensT<double> wideHead{wide,          nullptr, rows,         H,   wideX.data(), wideZ.data(), ldz,
                                          wideDz.data(), ldz,     wideG.data(), ldg, wideDx.data()};
  ops::ref::head_tokens(wideHead);
  ops::ref::head_tokens_take(wideHead);
  ops::ref::head_tokens_backward(wideHead);
  outputs.insert(outputs.end(), {{"embed_tokens", widened(out.download()), wideOut, 1e-14},
                                 {"head_tokens", widened(z.download()), wideZ, tolerance},
                                 {"head_tokens_take", widened(dz.download()), wideDz, 0},
                                 {"head_tokens_take", widened(g.download()), wideG, 0},
                                 {"head_tokens_backward", widened(dx.download()), wideDx, tolerance}});
  addGradients("head_tokens_backward");
  return outputs;
}

}  // namespace

void tokenCases() {
  const std::vector<std::pair<std::string, Shape>> shapes = {
      {"one token", {{5}, {{10}}, 16}},
      {"two adapters, one without, an empty one", {{7, 3, 0, 40}, {{0, 5, 22}, {}, {1}, {1, 2, 3, 5, 10, 15}}, 19}},
      {"wide", {{33, 64}, {{5}, {0, 20}}, 264}},
      {"none", {{4}, {{}}, 8}},
  };
  for (const auto& [name, shape] : shapes) {
    judge("token_rows f32: " + name, [&shape = shape] { return runShape<float>(shape); });
    judge("token_rows bf16: " + name, [&shape = shape] { return runShape<Bf16>(shape); });
  }
}

}  // namespace loratwin::test
