// Mixtures of experts, from rows of the run to rows of the run, so that a segment can be taken out of them: products of
// rows at their experts, weighed and added up again, and lora of experts.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>

#include "operators.h"
#include "ops/expert_matmul.h"
#include "ops/expert_rows.h"
#include "ops/isa.h"
#include "ops/lora.h"
#include "ops/quantized.h"
#include "ops/route.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::ExecContext;

template <class Item = float>
std::vector<Item> zeros(std::int64_t count) {
  return std::vector<Item>(static_cast<std::size_t>(count));
}

struct Form {
  std::string name;
  int experts;
  int perRow;
  bool normalized = true;
  float skew = 0.0F;  // added to the logits of expert 0
  ops::DType type = ops::DType::float32;
  std::optional<ops::Quantization> format = std::nullopt;  // of the weights; type is bfloat16 then
};

// What route makes.
template <class Real>
struct Routed {
  std::vector<std::int32_t> chosen;
  std::vector<Real> weights;
  std::vector<std::int32_t> order;
  std::vector<std::int32_t> places;
  std::vector<std::int32_t> starts;

  Routed(int rows, int experts, int perRow)
      : chosen(zeros<std::int32_t>(rows * perRow)),
        weights(zeros<Real>(rows * perRow)),
        order(chosen),
        places(chosen),
        starts(zeros<std::int32_t>(experts + 1)) {}
  ops::RouteT<Real> call(const Form& form, int rows, const Real* logits) {
    return {logits,        rows,           form.experts, form.perRow,   form.normalized,
            chosen.data(), weights.data(), order.data(), places.data(), starts.data()};
  }
};

std::vector<std::byte> scratchFor(int in, int out) {
  return zeros<std::byte>(static_cast<std::int64_t>(
      ops::expertMatmulScratchBytes(static_cast<std::size_t>(in), static_cast<std::size_t>(out))));
}

// The operators as a test calls them: fast ones in a pool, or references.
struct Fast {
  using Real = float;
  ExecContext& context;
  template <class Op>
  void route(const Op& op) const {
    ops::route(context, op);
  }
  template <class Op>
  void routeBackward(const Op& op) const {
    ops::route_backward(context, op);
  }
  template <class Op>
  void gather(const Op& op) const {
    ops::gather_rows(context, op);
  }
  template <class Op>
  void combine(const Op& op) const {
    ops::combine(context, op);
  }
  template <class Op>
  void combineBackward(const Op& op) const {
    ops::combine_backward(context, op);
  }
  template <class Store>
  void multiply(const Form& form, bool backward, const Store* x, const float* w, const float* bias, int in, int out,
                const std::vector<std::int32_t>& starts, Store* y) const {
    ops::MatmulEngine engine(context.threads());
    std::vector<ops::PackedMatrix> experts;
    for (int e = 0; e < form.experts; ++e) {
      const float* const own = w + std::int64_t{e} * in * out;
      if (form.format) {
        experts.emplace_back(engine, own, out, in, *form.format);
      } else {
        experts.emplace_back(engine, stored<Store>(std::vector<float>(own, own + in * out)).data(), out, in, true);
      }
    }
    std::vector<std::byte> scratch = scratchFor(in, out);
    if (backward) {
      ops::expert_matmul_backward(context, engine,
                                  {x, out, experts, y, in, starts.data(), starts.back(), scratch.data()});
    } else {
      ops::expert_matmul(context, engine, {x, in, experts, y, out, bias, starts.data(), starts.back(), scratch.data()});
    }
  }
};

struct Reference {
  using Real = double;
  // Of all experts, as products see them.
  static std::vector<double> dequantized(const Form& form, const double* w, int in, int out) {
    const std::int64_t matrix = std::int64_t{in} * out;
    std::vector<double> seen;
    for (int e = 0; e < form.experts; ++e) {
      const std::vector<float> own(w + e * matrix, w + (e + 1) * matrix);
      std::vector<Bf16> values(own.size());
      ops::ref::dequantize(ops::QuantizedMatrix(own.data(), {*form.format, out, in}).view(), values.data());
      for (const Bf16 value : values) seen.push_back(ops::toFloat(value));
    }
    return seen;
  }
  void route(const ops::RouteT<double>& op) const { ops::ref::route(op); }
  void routeBackward(const ops::RouteBackwardT<double>& op) const { ops::ref::route_backward(op); }
  void gather(const ops::GatherRowsT<double>& op) const { ops::ref::gather_rows(op); }
  void combine(const ops::CombineT<double>& op) const { ops::ref::combine(op); }
  void combineBackward(const ops::CombineBackwardT<double>& op) const { ops::ref::combine_backward(op); }
  void multiply(const Form& form, bool backward, const double* x, const double* w, const double* bias, int in, int out,
                const std::vector<std::int32_t>& starts, double* y) const {
    const std::vector<double> seen = form.format ? dequantized(form, w, in, out) : std::vector<double>{};
    if (form.format) w = seen.data();
    if (backward) {
      ops::ref::expert_matmul_backward(
          ops::ref::ExpertMatmulBackwardT<double>{x, out, w, y, in, starts.data(), form.experts, out, in});
    } else {
      ops::ref::expert_matmul(
          ops::ref::ExpertMatmulT<double>{x, in, w, y, out, bias, starts.data(), form.experts, out, in});
    }
  }
};

// Inputs logits [T,E], x [T,K], W [E,N,K], bias [E,N], residual [T,N]; y = residual + sum of the experts' weights times
// their products.
template <class Store, class Calls>
struct Mixture {
  using Real = Calls::Real;
  const Form& form;
  const Case& shape;
  const Tensors<Real>& in;
  const Calls& calls;
  const int T = shape.rows();
  const int P = T * form.perRow;
  const int K = shape.hidden;
  const int N = shape.intermediate;
  std::vector<Real> logits = in[0];
  Routed<Real> routed{T, form.experts, form.perRow};
  std::vector<Store> products = zeros<Store>(std::int64_t{P} * N);

  Mixture(const Form& f, const Case& c, const Tensors<Real>& inputs, const Calls& made)
      : form(f), shape(c), in(inputs), calls(made) {
    for (int t = 0; t < T; ++t) logits[static_cast<std::size_t>(t * form.experts)] += form.skew;
    calls.route(routed.call(form, T, logits.data()));
    const std::vector<Store> x = stored<Store>(in[1]);
    std::vector<Store> placed = zeros<Store>(std::int64_t{P} * K);
    calls.gather(ops::GatherRowsT<Store>{x.data(), routed.order.data(), placed.data(), T, form.perRow, K});
    calls.multiply(form, false, placed.data(), in[2].data(), in[3].data(), K, N, routed.starts, products.data());
  }
  Tensors<Real> forward() const {
    std::vector<Real> y = in[4];
    calls.combine(ops::CombineT<Real, Store, Real>{products.data(), routed.places.data(), routed.weights.data(),
                                                   y.data(), y.data(), T, form.perRow, N});
    return {y, routed.weights};
  }
  Tensors<Real> backward(const Tensors<Real>& graded) const {
    const std::vector<Store> dy = stored<Store>(graded[0]);
    std::vector<Store> dproducts = products;
    std::vector<Real> dweights = zeros<Real>(P);
    calls.combineBackward(ops::CombineBackwardT<Real, Store>{dy.data(), products.data(), routed.places.data(),
                                                             routed.weights.data(), dproducts.data(), dweights.data(),
                                                             T, form.perRow, N});
    std::vector<Store> placed = zeros<Store>(std::int64_t{P} * K);
    calls.multiply(form, true, dproducts.data(), in[2].data(), nullptr, K, N, routed.starts, placed.data());
    std::vector<Store> dx = zeros<Store>(std::int64_t{T} * K);
    calls.combine(ops::CombineT<Real, Store>{placed.data(), routed.places.data(), nullptr, nullptr, dx.data(), T,
                                             form.perRow, K});
    std::vector<Real> dlogits = zeros<Real>(T * form.experts);
    calls.routeBackward(ops::RouteBackwardT<Real>{dweights.data(), logits.data(), routed.chosen.data(),
                                                  routed.weights.data(), T, form.experts, form.perRow, form.normalized,
                                                  dlogits.data()});
    return {dlogits, reals<Real>(dx), {}, {}, graded[0]};
  }
};

Operator mixtureOperator(const Form& form) {
  const bool narrow = form.type == ops::DType::bfloat16;
  return {.name = form.name,
          .inputs =
              [form, narrow](const Case& c) {
                const std::int64_t E = form.experts;
                return std::vector<Tensor>{{.name = "logits", .extent = Extent::rows, .width = E, .spread = 2.0F},
                                           {.name = "x", .extent = Extent::rows, .width = c.hidden, .bf16 = narrow},
                                           {.name = "w",
                                            .extent = Extent::shared,
                                            .width = E * c.intermediate * c.hidden,
                                            .bf16 = narrow && !form.format},
                                           {.name = "bias", .extent = Extent::shared, .width = E * c.intermediate},
                                           {.name = "residual", .extent = Extent::rows, .width = c.intermediate}};
              },
          .outputs =
              [form](const Case& c) {
                return std::vector<Tensor>{{.name = "y", .extent = Extent::rows, .width = c.intermediate},
                                           {.name = "weights", .extent = Extent::rows, .width = form.perRow}};
              },
          .forward =
              [form](ExecContext& x, const Case& c, const Tensors<float>& in) {
                Tensors<float> out;
                ops::withStore(form.type,
                               [&]<class Store>(Store) { out = Mixture<Store, Fast>(form, c, in, Fast{x}).forward(); });
                return out;
              },
          .forwardReference =
              [form](const Case& c, const Tensors<double>& in) {
                return Mixture<double, Reference>(form, c, in, Reference{}).forward();
              },
          // A product is rounded once, and so is its gradient before the next.
          .forwardTolerance = narrow ? 6e-6 : 1e-11,
          .backward =
              [form](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                     const Tensors<float>& graded) {
                Tensors<float> gradients;
                ops::withStore(form.type, [&]<class Store>(Store) {
                  gradients = Mixture<Store, Fast>(form, c, in, Fast{x}).backward(graded);
                });
                return gradients;
              },
          .backwardReference =
              [form](const Case& c, const Tensors<double>& in, const Tensors<double>&, const Tensors<double>& graded) {
                return Mixture<double, Reference>(form, c, in, Reference{}).backward(graded);
              },
          .backwardTolerance = narrow ? 2e-5 : 1e-11,
          .gradedOutput = [](const std::string& name) { return name == "y"; },
          .gradedBf16 = narrow,
          .float32Gradient = narrow,
          .exactAlone = ops::currentIsa() != ops::Isa::amxbf16};
}

// Inputs logits [T,E], x [T,K], y [T, k N], then A [E,R,K] and B [E,N,R] of each segment; outputs y and s [T, k lds]: a
// row's pairs one after the other. Odd widths.
template <class Store, class Calls>
struct ExpertLora {
  using Real = Calls::Real;
  const Form& form;
  const Case& shape;
  const Tensors<Real>& in;
  const int T = shape.rows();
  const int P = T * form.perRow;
  const int K = shape.hidden - 1;
  const int N = shape.intermediate - 1;
  static constexpr std::int64_t kRankStride = 73;
  Routed<Real> routed{T, form.experts, form.perRow};
  std::vector<ops::LoraSegmentT<Real>> segments;
  std::vector<Store> x = zeros<Store>(std::int64_t{P} * K);
  std::vector<Store> s = zeros<Store>(P * kRankStride);
  std::size_t maxRank = 1;

  ExpertLora(const Form& f, const Case& c, const Tensors<Real>& inputs, const Calls& calls, Tensors<Real>* gradients)
      : form(f), shape(c), in(inputs) {
    calls.route(routed.call(form, T, in[0].data()));
    const std::vector<Store> rows = stored<Store>(in[1]);
    calls.gather(ops::GatherRowsT<Store>{rows.data(), routed.order.data(), x.data(), T, form.perRow, K});
    const Layout layout(c);
    for (int e = 0; e < form.experts; ++e) {
      std::size_t next = 3;
      for (std::size_t g = 0; g < c.segments.size(); ++g) {
        const int rank = c.segments[g].rank;
        const ops::PlaceRange range = ops::placesOf(routed.order.data(), routed.starts.data(), form.perRow, e,
                                                    layout.starts[g], layout.starts[g + 1]);
        ops::LoraSegmentT<Real> segment{.rowStart = range.first, .rowEnd = range.end};
        segment.rank = rank;
        segment.scale = 2.0F / static_cast<float>(rank + 1);
        if (rank > 0) {
          const std::int64_t a = std::int64_t{e} * rank * K;
          const std::int64_t b = std::int64_t{e} * N * rank;
          segment.a = in[next].data() + a;
          segment.b = in[next + 1].data() + b;
          if (gradients != nullptr) {
            segment.da = (*gradients)[next].data() + a;
            segment.db = (*gradients)[next + 1].data() + b;
          }
          next += 2;
        }
        maxRank = std::max(maxRank, static_cast<std::size_t>(rank));
        segments.push_back(segment);
      }
    }
  }
  ops::LoraProjectionT<Real, Store> projection() {
    return {{segments.data(), static_cast<std::int32_t>(segments.size()), nullptr, 0}, 0, N, s.data(), kRankStride};
  }
  // From pairs to places, and back.
  template <class Item>
  std::vector<Item> placed(const std::vector<Item>& pairs, std::int64_t width) const {
    std::vector<Item> to(pairs.size());
    for (int p = 0; p < P; ++p) {
      std::copy_n(pairs.begin() + routed.order[static_cast<std::size_t>(p)] * width, width, to.begin() + p * width);
    }
    return to;
  }
  template <class Item>
  std::vector<Item> paired(const std::vector<Item>& places, std::int64_t width) const {
    std::vector<Item> to(places.size());
    for (int p = 0; p < P; ++p) {
      std::copy_n(places.begin() + p * width, width, to.begin() + routed.order[static_cast<std::size_t>(p)] * width);
    }
    return to;
  }
};

template <class Store, class Calls, class Call>
Tensors<typename Calls::Real> loraForward(const Form& form, const Case& c, const Tensors<typename Calls::Real>& in,
                                          const Calls& calls, Call call) {
  using Real = Calls::Real;
  ExpertLora<Store, Calls> problem(form, c, in, calls, nullptr);
  std::vector<Store> y = problem.placed(stored<Store>(in[2]), problem.N);
  const auto projection = problem.projection();
  call(ops::LoraT<Real, Store>{&projection, 1, problem.x.data(), problem.K, problem.K, y.data(), problem.N});
  return {reals<Real>(problem.paired(y, problem.N)), reals<Real>(problem.paired(problem.s, problem.kRankStride))};
}

template <class Store, class Calls, class Call>
Tensors<typename Calls::Real> loraBackward(const Form& form, const Case& c, const Tensors<typename Calls::Real>& in,
                                           const Tensors<typename Calls::Real>& out,
                                           const Tensors<typename Calls::Real>& graded, const Calls& calls, Call call) {
  using Real = Calls::Real;
  Tensors<Real> gradients{{}, {}, {}};
  for (std::size_t i = 3; i < in.size(); ++i) gradients.push_back(zeros<Real>(static_cast<std::int64_t>(in[i].size())));
  ExpertLora<Store, Calls> problem(form, c, in, calls, &gradients);
  problem.s = problem.placed(stored<Store>(out[1]), problem.kRankStride);
  const std::vector<Store> dy = problem.placed(stored<Store>(graded[0]), problem.N);
  std::vector<Store> dx = zeros<Store>(std::int64_t{problem.P} * problem.K);
  std::vector<Store> scratch = zeros<Store>(static_cast<std::int64_t>(
      ops::loraBackwardScratchBytes(static_cast<std::size_t>(problem.P), problem.maxRank, 1, ops::DType::float32)));
  const auto projection = problem.projection();
  call(ops::LoraBackwardT<Real, Store>{&projection, 1, dy.data(), problem.N, problem.x.data(), problem.K, problem.K,
                                       dx.data(), problem.K, scratch.data()});
  std::vector<Real> sum = zeros<Real>(std::int64_t{problem.T} * problem.K);
  calls.combine(ops::CombineT<Real, Store, Real>{dx.data(), problem.routed.places.data(), nullptr, nullptr, sum.data(),
                                                 problem.T, form.perRow, problem.K});
  gradients[1] = sum;
  gradients[2] = graded[0];
  return gradients;
}

Operator loraOperator(const Form& form) {
  const bool narrow = form.type == ops::DType::bfloat16;
  return {
      .name = form.name,
      .inputs =
          [form, narrow](const Case& c) {
            const std::int64_t E = form.experts;
            const std::int64_t K = c.hidden - 1;
            const std::int64_t N = c.intermediate - 1;
            std::vector<Tensor> tensors{
                {.name = "logits", .extent = Extent::rows, .width = E},
                {.name = "x", .extent = Extent::rows, .width = K, .bf16 = narrow},
                {.name = "y", .extent = Extent::rows, .width = form.perRow * N, .bf16 = narrow}};
            for (std::size_t g = 0; g < c.segments.size(); ++g) {
              const std::int64_t rank = c.segments[g].rank;
              if (rank == 0) continue;
              const int segment = static_cast<int>(g);
              tensors.push_back({"A", Extent::segment, E * rank * K, segment, 1.0F, 0.0F, narrow});
              tensors.push_back({"B", Extent::segment, E * N * rank, segment, 1.0F, 0.0F, narrow});
            }
            return tensors;
          },
      .outputs =
          [form, narrow](const Case& c) {
            const std::int64_t k = form.perRow;
            return std::vector<Tensor>{
                {.name = "y", .extent = Extent::rows, .width = k * (c.intermediate - 1), .bf16 = narrow},
                {.name = "s",
                 .extent = Extent::rows,
                 .width = k * ExpertLora<float, Fast>::kRankStride,
                 .bf16 = narrow}};
          },
      .forward =
          [form](ExecContext& x, const Case& c, const Tensors<float>& in) {
            Tensors<float> out;
            ops::withStore(form.type, [&]<class Store>(Store) {
              out = loraForward<Store>(form, c, in, Fast{x}, [&](const auto& call) { ops::lora(x, call); });
            });
            return out;
          },
      .forwardReference =
          [form](const Case& c, const Tensors<double>& in) {
            return loraForward<double>(form, c, in, Reference{}, [](const auto& call) { ops::ref::lora(call); });
          },
      .forwardTolerance = narrow ? 2e-5 : 1e-11,
      .backward =
          [form](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>& out,
                 const Tensors<float>& graded) {
            Tensors<float> gradients;
            ops::withStore(form.type, [&]<class Store>(Store) {
              gradients = loraBackward<Store>(form, c, in, out, graded, Fast{x},
                                              [&](const auto& call) { ops::lora_backward(x, call); });
            });
            return gradients;
          },
      .backwardReference =
          [form](const Case& c, const Tensors<double>& in, const Tensors<double>& out, const Tensors<double>& graded) {
            return loraBackward<double>(form, c, in, out, graded, Reference{},
                                        [](const auto& call) { ops::ref::lora_backward(call); });
          },
      .backwardTolerance = narrow ? 2e-5 : 1e-11,
      .gradedOutput = [](const std::string& name) { return name == "y"; },
      .gradedBf16 = narrow,
      .float32Gradient = narrow};
}

// Numbers of places that differ from the reference's.
double differentPlaces(ExecContext& context, const Form& form, int rows, const std::vector<float>& logits) {
  Routed<float> fast(rows, form.experts, form.perRow);
  Routed<double> reference(rows, form.experts, form.perRow);
  const std::vector<double> wide(logits.begin(), logits.end());
  ops::route(context, fast.call(form, rows, logits.data()));
  ops::ref::route(reference.call(form, rows, wide.data()));
  const auto differences = [](const auto& a, const auto& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(), std::not_equal_to<>());
  };
  return differences(fast.chosen, reference.chosen) + differences(fast.order, reference.order) +
         differences(fast.places, reference.places) + differences(fast.starts, reference.starts);
}

std::vector<float> waves(std::int64_t count, double step) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(std::sin(step * static_cast<double>(i))));
  return values;
}

// Rows that have other bits at an expert with others than in a product of all rows, and of one more.
double differentRows(ExecContext& context, bool backward, const std::vector<int>& counts) {
  constexpr std::int32_t kOut = 96;
  constexpr std::int32_t kIn = 1200;
  const std::int32_t from = backward ? kOut : kIn;
  const std::int32_t to = backward ? kIn : kOut;
  const std::int64_t ldFrom = from + kPad;
  const std::int64_t ldTo = to + kPad;
  std::vector<std::int32_t> starts{0};
  for (const int count : counts) starts.push_back(starts.back() + count);
  const std::int32_t rows = starts.back();
  const std::vector<float> w = waves(std::int64_t{kOut} * kIn, 0.37);
  const std::vector<float> x = waves((rows + 1) * ldFrom, 0.0113);
  ops::MatmulEngine engine(context.threads());
  std::vector<ops::PackedMatrix> experts;
  for (std::size_t e = 0; e < counts.size(); ++e) experts.emplace_back(engine, w.data(), kOut, kIn, true);
  std::vector<float> y = zeros(rows * ldTo);
  std::vector<float> whole = zeros((rows + 1) * ldTo);
  std::vector<std::byte> scratch = scratchFor(kIn, kOut);
  constexpr ops::DType wide = ops::DType::float32;
  if (backward) {
    ops::expert_matmul_backward(context, engine,
                                {x.data(), ldFrom, experts, y.data(), ldTo, starts.data(), rows, scratch.data()});
    ops::matmul_backward(context, engine, {x.data(), ldFrom, &experts[0], whole.data(), wide, ldTo, rows + 1});
  } else {
    ops::expert_matmul(context, engine,
                       {x.data(), ldFrom, experts, y.data(), ldTo, nullptr, starts.data(), rows, scratch.data()});
    ops::matmul(context, engine,
                {x.data(), ldFrom, &experts[0], whole.data(), wide, ldTo, nullptr, nullptr, 0, rows + 1});
  }
  double different = 0;
  for (std::int32_t row = 0; row < rows; ++row) {
    const std::size_t bytes = static_cast<std::size_t>(to) * sizeof(float);
    different += std::memcmp(y.data() + row * ldTo, whole.data() + row * ldTo, bytes) == 0 ? 0 : 1;
  }
  return different;
}

}  // namespace

std::vector<Operator> expertOperators() {
  constexpr ops::DType narrow = ops::DType::bfloat16;
  std::vector<Operator> list;
  for (const Form& form :
       {Form{"experts", 5, 2}, Form{"experts of all weights", 7, 3, false}, Form{"experts, all of them", 3, 3},
        Form{"experts, one of many", 40, 1}, Form{"experts, all rows at one", 4, 1, false, 4.01F},
        Form{"experts bf16", 5, 2, true, 0.0F, narrow},
        Form{"experts int8", 5, 2, true, 0.0F, narrow, ops::Quantization::int8},
        Form{"experts nf4", 5, 2, true, 0.0F, narrow, ops::Quantization::nf4}}) {
    list.push_back(mixtureOperator(form));
  }
  for (const Form& form : {Form{"lora of experts", 5, 2}, Form{"lora of many experts", 40, 1},
                           Form{"lora of experts bf16", 5, 2, true, 0.0F, narrow}}) {
    list.push_back(loraOperator(form));
  }
  return list;
}

void checkExperts(ExecContext& two, const Report& report) {
  for (const auto& [rows, experts, perRow] : {std::tuple{1, 1, 1}, std::tuple{1, 8, 2}, std::tuple{7, 3, 3},
                                              std::tuple{129, 33, 5}, std::tuple{300, 128, 8}}) {
    const Form form{"", experts, perRow};
    const std::string name =
        "[" + std::to_string(rows) + "," + std::to_string(experts) + "], " + std::to_string(perRow);
    const std::int64_t count = std::int64_t{rows} * experts;
    report("route", "places", name, differentPlaces(two, form, rows, waves(count, 0.71)), 0);
    // Few different logits, and none.
    std::vector<float> steps = waves(count, 0.71);
    for (float& step : steps) step = std::round(step * 2.0F);
    report("route", "ties", name, differentPlaces(two, form, rows, steps), 0);
    report("route", "ties", name + ", all equal", differentPlaces(two, form, rows, zeros(count)), 0);
  }
  // Not a number: experts that there are, each once.
  Routed<float> routed(1, 4, 4);
  const std::vector<float> none(4, std::numeric_limits<float>::quiet_NaN());
  ops::route(two, routed.call({"", 4, 4}, 1, none.data()));
  report("route", "places", "no numbers", routed.starts == std::vector<std::int32_t>{0, 1, 2, 3, 4} ? 0 : 1, 0);
  for (const bool backward : {false, true}) {
    for (const std::vector<int>& counts : {std::vector<int>{1, 0, 1, 2, 3, 17, 0, 1, 33, 300, 1, 1}, {0, 1, 0}}) {
      const std::string name = std::string(backward ? "backward" : "forward") + " of " + std::to_string(counts.size());
      report("expert_matmul", "lone rows", name, differentRows(two, backward, counts), 0);
    }
  }
}

}  // namespace loratwin::test
