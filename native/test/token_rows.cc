// Rows of adapters in place of the embedding's and of a tied head's, over segments with and without any.
#include "ops/token_rows.h"

#include <cmath>
#include <cstring>
#include <random>

#include "operators.h"

namespace loratwin::test {

namespace {

using ops::Bf16;

struct TokenCase {
  std::string name;
  std::vector<std::int32_t> segments;  // rows of each
  std::vector<std::vector<std::int32_t>> tokens;
  std::int32_t hidden;
};

constexpr std::int32_t kVocabulary = 23;
constexpr std::int64_t kG = 8;  // columns of g

template <class Real, class Store>
struct TokenRun {
  std::vector<std::int32_t> ids;
  std::vector<Real> out, dx, z, g;
  std::vector<Store> x, dz;
  std::vector<std::vector<Real>> rows, gradients;

  // All of `c`, and what all five make of it, by `run`: its operators on the two kinds of segments.
  TokenRun(const TokenCase& c, auto&& run) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    // Numbers that bfloat16 has.
    const auto drawn = [&]<class To>(std::vector<To>& to, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) {
        const Bf16 value = ops::toBf16(normal(random));
        if constexpr (std::is_same_v<To, Bf16>) {
          to.push_back(value);
        } else {
          to.push_back(static_cast<To>(ops::toFloat(value)));
        }
      }
    };
    std::int32_t total = 0;
    for (const std::int32_t count : c.segments) total += count;
    for (std::int32_t t = 0; t < total; ++t) ids.push_back(t * 5 % kVocabulary);
    drawn(out, std::int64_t{total} * c.hidden);
    drawn(x, std::int64_t{total} * c.hidden);
    drawn(z, std::int64_t{total} * kVocabulary);
    drawn(dz, std::int64_t{total} * kVocabulary);
    g.resize(static_cast<std::size_t>(total * kG));
    dx = out;
    rows.resize(c.tokens.size());
    gradients.resize(c.tokens.size());
    std::vector<ops::TokenSegmentT<Real>> items;
    std::int32_t row = 0;
    for (std::size_t s = 0; s < c.tokens.size(); ++s) {
      const auto count = static_cast<std::int32_t>(c.tokens[s].size());
      drawn(rows[s], std::int64_t{count} * c.hidden);
      drawn(gradients[s], std::int64_t{count} * c.hidden);
      items.push_back({row, row + c.segments[s], c.tokens[s].data(), count, rows[s].data(), gradients[s].data()});
      row += c.segments[s];
    }
    const ops::TokenSegmentsT<Real> segments{items.data(), static_cast<std::int32_t>(items.size())};
    const ops::HeadTokensT<Real, Store> head{segments,    nullptr,   total,       c.hidden, x.data(), z.data(),
                                             kVocabulary, dz.data(), kVocabulary, g.data(), kG,       dx.data()};
    run(segments, ids.data(), out.data(), dx.data(), head);
  }
};

TokenRun<double, double> expected(const TokenCase& c) {
  return {c, [&](auto segments, const std::int32_t* ids, double* out, double* dx, const auto& head) {
            ops::ref::embed_tokens({segments, ids, out, c.hidden, 1.5});
            ops::ref::embed_tokens_backward({segments, ids, dx, c.hidden, 1.5});
            ops::ref::head_tokens(head);
            ops::ref::head_tokens_take(head);
            ops::ref::head_tokens_backward(head);
          }};
}

template <class Store>
TokenRun<float, Store> computed(const TokenCase& c, ops::ExecContext& context) {
  return {c, [&](auto segments, const std::int32_t* ids, float* out, float* dx, const auto& head) {
            ops::embed_tokens(context, ops::EmbedTokensT<float, Store>{segments, ids, out, c.hidden, 1.5F});
            ops::embed_tokens_backward(context, {segments, ids, dx, c.hidden, 1.5F});
            ops::head_tokens(context, head);
            ops::head_tokens_take(context, head);
            ops::head_tokens_backward(context, head);
          }};
}

template <class Got>
double distance(const std::vector<Got>& got, const std::vector<double>& wanted) {
  const auto floats = toFloats(got);
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    error += std::pow(static_cast<double>(floats[i]) - wanted[i], 2);
    size += wanted[i] * wanted[i];
  }
  return size == 0 ? error : error / size;
}

template <class Value>
bool isSame(const std::vector<Value>& left, const std::vector<Value>& right) {
  return std::memcmp(left.data(), right.data(), left.size() * sizeof(Value)) == 0;
}

template <class Store>
void checkCase(const std::string& name, const TokenCase& c, ops::ExecContext& one, ops::ExecContext& two,
               const Report& report) {
  const TokenRun<double, double> wanted = expected(c);
  const TokenRun<float, Store> got = computed<Store>(c, one);
  const TokenRun<float, Store> again = computed<Store>(c, two);
  report(name, "embed", c.name, distance(got.out, wanted.out), 1e-14);
  report(name, "logits", c.name, distance(got.z, wanted.z), 1e-11);
  report(name, "taken", c.name, distance(got.dz, wanted.dz) + distance(got.g, wanted.g), 0);
  report(name, "dx", c.name, distance(got.dx, wanted.dx), 1e-11);
  bool same = isSame(got.z, again.z) && isSame(got.dx, again.dx) && isSame(got.out, again.out);
  for (std::size_t s = 0; s < c.tokens.size(); ++s) {
    report(name, "gradient", c.name, distance(got.gradients[s], wanted.gradients[s]), 1e-11);
    same = same && isSame(got.gradients[s], again.gradients[s]);
  }
  report(name, "threads", c.name, same ? 0 : 1, 0);
}

}  // namespace

void checkTokenRows(ops::ExecContext& one, ops::ExecContext& two, const Report& report) {
  const std::vector<TokenCase> cases{
      {"one token", {5}, {{10}}, 16},
      {"beside none, an empty one", {7, 3, 0, 40}, {{0, 5, 22}, {}, {1}, {1, 2, 3, 5, 10, 15}}, 19},
      {"wide", {33, 64}, {{5}, {0, 20}}, 264},
  };
  for (const TokenCase& c : cases) {
    checkCase<float>("token_rows", c, one, two, report);
    checkCase<Bf16>("token_rows bf16", c, one, two, report);
  }
}

}  // namespace loratwin::test
