// The norms of queries and keys, rope and temperature, on float32 and on bfloat16 tensors, and their references.
#include <algorithm>
#include <cmath>
#include <utility>

#include "operators.h"
#include "ops/head_norm.h"
#include "ops/rope.h"
#include "ops/temperature.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::DType;
using ops::ExecContext;

constexpr float kEps = 1e-5F;

// v before k, and columns of nobody's before, between and behind them.
ops::NormedHeads normedHeads(const Case& c) {
  const int q = c.heads * c.headDim;
  const int kv = c.kvHeads * c.headDim;
  return {kYColumn, kYColumn + q + kv + 1, kYColumn + q, c.heads, c.kvHeads, c.headDim};
}

std::int64_t normedWidth(const Case& c) { return kYColumn + (c.heads + 2 * c.kvHeads) * c.headDim + 1 + kPad; }

template <class Real, class Vector>
ops::HeadNormWeights<Real> normWeights(const std::vector<Vector>& in, HeadNorms norms) {
  const bool weighted = norms != HeadNorms::unweighted;
  return {weighted ? in[1].data() : nullptr, weighted ? in[2].data() : nullptr, norms == HeadNorms::whole, kEps};
}

template <class Store, class Real>
Tensors<Real> normalise(const Case& c, const Tensors<Real>& in, HeadNorms norms, auto call) {
  const std::vector<Store> x = stored<Store>(in[0]);
  std::vector<Store> y = stored<Store>(std::vector<Real>(x.size(), Real{3}));
  call(ops::HeadNormT<Real, Store>{x.data(), y.data(), normedWidth(c), c.rows(), normedHeads(c),
                                   normWeights<Real>(in, norms)});
  return {reals<Real>(y)};
}

// Columns that are neither q, k nor v are 0 in dy, so that they are so in dx, which may be dy.
template <class Store, class Real>
Tensors<Real> differentiate(const Case& c, const Tensors<Real>& in, const Tensors<Real>& graded, HeadNorms norms,
                            bool inPlace, auto call) {
  const std::int64_t ld = normedWidth(c);
  const std::int64_t between = normedHeads(c).k - 1;
  std::vector<Real> clean = graded[0];
  for (std::int64_t t = 0; t < c.rows(); ++t) {
    std::fill_n(clean.begin() + t * ld, kYColumn, Real{0});
    clean[static_cast<std::size_t>(t * ld + between)] = Real{0};
    std::fill_n(clean.begin() + (t + 1) * ld - kPad, kPad, Real{0});
  }
  const std::vector<Store> x = stored<Store>(in[0]);
  std::vector<Store> dy = stored<Store>(clean);
  std::vector<Store> dx(dy.size());
  Store* const to = inPlace ? dy.data() : dx.data();
  call(ops::HeadNormBackwardT<Real, Store>{dy.data(), x.data(), to, ld, c.rows(), normedHeads(c),
                                           normWeights<Real>(in, norms)});
  return {reals<Real>(inPlace ? dy : dx), {}, {}};
}

template <class Store>
Operator headNormOf(const std::string& name, HeadNorms norms, bool inPlace, double tolerance) {
  constexpr bool rounded = std::is_same_v<Store, Bf16>;
  return {
      .name = name,
      .inputs =
          [norms](const Case& c) {
            const bool whole = norms == HeadNorms::whole;
            return std::vector<Tensor>{{"x", Extent::rows, normedWidth(c), -1, 1.0F, 0.0F, std::is_same_v<Store, Bf16>},
                                       {"qWeight", Extent::shared, whole ? c.heads * c.headDim : c.headDim},
                                       {"kWeight", Extent::shared, whole ? c.kvHeads * c.headDim : c.headDim}};
          },
      .outputs =
          [](const Case& c) {
            return std::vector<Tensor>{
                {"y", Extent::rows, normedWidth(c), -1, 1.0F, 0.0F, std::is_same_v<Store, Bf16>}};
          },
      .forward =
          [norms](ExecContext& x, const Case& c, const Tensors<float>& in) {
            return normalise<Store>(c, in, norms,
                                    [&](const ops::HeadNormT<float, Store>& op) { ops::head_norm(x, op); });
          },
      .forwardReference =
          [norms](const Case& c, const Tensors<double>& in) {
            return normalise<double>(c, in, norms, [](const ops::HeadNormT<double>& op) { ops::ref::head_norm(op); });
          },
      .forwardTolerance = tolerance,
      .backward =
          [norms, inPlace](ExecContext& x, const Case& c, const auto& in, const auto&, const auto& graded) {
            return differentiate<Store>(
                c, in, graded, norms, inPlace,
                [&](const ops::HeadNormBackwardT<float, Store>& op) { ops::head_norm_backward(x, op); });
          },
      .backwardReference =
          [norms](const Case& c, const auto& in, const auto&, const auto& graded) {
            return differentiate<double>(c, in, graded, norms, false, [](const ops::HeadNormBackwardT<double>& op) {
              ops::ref::head_norm_backward(op);
            });
          },
      .backwardTolerance = tolerance,
      .gradedOutput = everyOutput,
      .float32Gradient = rounded};
}

std::vector<float> rotaryFrequencies(int headDim, int turned, float base) {
  std::vector<float> frequencies;
  for (int i = 0; i < turned; ++i)
    frequencies.push_back(std::pow(base, -2.0F * static_cast<float>(i) / static_cast<float>(headDim)));
  return frequencies;
}

template <class Store, class Real>
Tensors<Real> rotate(const Case& c, const std::vector<Real>& x, const Turns& turns, bool inverse, auto call) {
  const Layout layout(c);
  const int turned = turns.part ? (c.headDim + 3) / 4 : c.headDim / 2;
  const std::vector<float> frequencies = rotaryFrequencies(c.headDim, turned, 10000.0F);
  const std::vector<float> longFrequencies = rotaryFrequencies(c.headDim, turned, 700.0F);
  std::vector<Store> y = stored<Store>(x);
  const std::int64_t ld = kYColumn + c.heads * c.headDim + kPad;
  const std::int64_t rows = c.rows();
  const std::int64_t cut = rows / 3;  // as a device cuts rows into windows, wherever a sequence is
  constexpr std::int32_t kLongFrom = 17;
  for (const auto& [first, last] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, rows}}) {
    call(ops::RopeT<Store>{.sequences = sequencesOf(layout),
                           .x = y.data(),
                           .ld = ld,
                           .column = kYColumn,
                           .heads = c.heads,
                           .headDim = c.headDim,
                           .frequencies = frequencies.data(),
                           .turned = turned,
                           .inverse = inverse,
                           .first = first,
                           .last = last,
                           .pairs = turns.pairs,
                           .factor = turns.factor,
                           .longFrequencies = turns.longer ? longFrequencies.data() : nullptr,
                           .longFrom = kLongFrom});
  }
  return {reals<Real>(y)};
}

template <class Store>
Operator ropeOf(const std::string& name, const Turns& turns, double tolerance) {
  constexpr bool rounded = std::is_same_v<Store, Bf16>;
  const auto tensors = [](const Case& c) {
    return std::vector<Tensor>{
        {"x", Extent::rows, kYColumn + c.heads * c.headDim + kPad, -1, 1.0F, 0.0F, std::is_same_v<Store, Bf16>}};
  };
  const auto reference = [](const ops::RopeT<double>& op) { ops::ref::rope(op); };
  return {.name = name,
          .inputs = tensors,
          .outputs = tensors,
          .forward =
              [turns](ExecContext& x, const Case& c, const Tensors<float>& in) {
                return rotate<Store>(c, in[0], turns, false, [&](const ops::RopeT<Store>& op) { ops::rope(x, op); });
              },
          .forwardReference =
              [turns, reference](const Case& c, const Tensors<double>& in) {
                return rotate<double>(c, in[0], turns, false, reference);
              },
          .forwardTolerance = tolerance,
          .backward =
              [turns](ExecContext& x, const Case& c, const auto&, const auto&, const auto& graded) {
                return rotate<Store>(c, graded[0], turns, true, [&](const ops::RopeT<Store>& op) { ops::rope(x, op); });
              },
          .backwardReference = [turns, reference](
                                   const Case& c, const auto&, const auto&,
                                   const auto& graded) { return rotate<double>(c, graded[0], turns, true, reference); },
          .backwardTolerance = tolerance,
          .gradedOutput = everyOutput,
          .float32Gradient = rounded};
}

// Of 17 rows each step: most cases have rows of several factors.
template <class Store, class Real>
Tensors<Real> temper(const Case& c, const std::vector<Real>& x, auto call) {
  const Layout layout(c);
  std::vector<Store> y = stored<Store>(x);
  const std::int64_t ld = kYColumn + c.hidden + kPad;
  const std::int64_t rows = c.rows();
  const std::int64_t cut = rows / 3;
  for (const auto& [first, last] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, rows}}) {
    call(ops::TemperatureT<Store>{sequencesOf(layout), y.data(), ld, kYColumn, c.hidden, 0.375F, 17.0F, first, last});
  }
  return {reals<Real>(y)};
}

template <class Store>
Operator temperatureOf(const std::string& name, double tolerance) {
  constexpr bool rounded = std::is_same_v<Store, Bf16>;
  const auto tensors = [](const Case& c) {
    return std::vector<Tensor>{
        {"x", Extent::rows, kYColumn + c.hidden + kPad, -1, 1.0F, 0.0F, std::is_same_v<Store, Bf16>}};
  };
  const auto reference = [](const ops::TemperatureT<double>& op) { ops::ref::temperature(op); };
  return {.name = name,
          .inputs = tensors,
          .outputs = tensors,
          .forward =
              [](ExecContext& x, const Case& c, const Tensors<float>& in) {
                return temper<Store>(c, in[0], [&](const ops::TemperatureT<Store>& op) { ops::temperature(x, op); });
              },
          .forwardReference = [reference](const Case& c,
                                          const Tensors<double>& in) { return temper<double>(c, in[0], reference); },
          .forwardTolerance = tolerance,
          .backward =
              [](ExecContext& x, const Case& c, const auto&, const auto&, const auto& graded) {
                return temper<Store>(c, graded[0],
                                     [&](const ops::TemperatureT<Store>& op) { ops::temperature(x, op); });
              },
          .backwardReference = [reference](const Case& c, const auto&, const auto&,
                                           const auto& graded) { return temper<double>(c, graded[0], reference); },
          .backwardTolerance = tolerance,
          .gradedOutput = everyOutput,
          .float32Gradient = rounded};
}

}  // namespace

Operator headNormOperator(const std::string& name, DType type, HeadNorms norms, bool inPlace) {
  return type == DType::float32 ? headNormOf<float>(name, norms, inPlace, 1e-12)
                                : headNormOf<Bf16>(name, norms, inPlace, 6e-6);
}

Operator ropeOperator(const std::string& name, DType type, const Turns& turns) {
  return type == DType::float32 ? ropeOf<float>(name, turns, 1e-12) : ropeOf<Bf16>(name, turns, 6e-6);
}

Operator temperatureOperator(const std::string& name, DType type) {
  return type == DType::float32 ? temperatureOf<float>(name, 1e-13) : temperatureOf<Bf16>(name, 6e-6);
}

}  // namespace loratwin::test
