// lora and lora_backward on one projection and on three that share their input, in every combination of types.
#include <type_traits>

#include "operators.h"
#include "ops/lora.h"

namespace loratwin::test {

namespace {

using ops::ExecContext;

constexpr float kInitialGradient = 0.25F;  // what dA and dB hold before lora_backward adds to them

struct Form {
  std::string name;
  ops::DType store;
  ops::DType out;
  int projections;
  bool odd;           // odd widths, columns and strides, so that nothing lies in whole units of bfloat16
  bool exact = true;  // A and B are what bfloat16 holds, so that their own rounding is no part of the error

  std::int64_t pad() const { return odd ? 3 : 4; }
  std::int64_t rankStride() const { return odd ? 73 : 74; }
  int inFeatures(const Case& c) const { return odd ? c.hidden - 1 : c.hidden; }
  std::int64_t ldx(const Case& c) const { return c.hidden + pad(); }
  int outFeatures(const Case& c, int p) const {
    return p == 0 ? c.intermediate - (odd ? 1 : 0) : c.kvHeads * c.headDim + (odd ? p : 0);
  }
  int column(const Case& c, int p) const { return p == 0 ? (odd ? 5 : 6) : column(c, p - 1) + outFeatures(c, p - 1); }
  std::int64_t ldy(const Case& c) const { return column(c, projections) + pad(); }
  // 0: the segment's adapter lacks the projection. Ranks of odd forms differ between projections.
  int rank(const SegmentCase& s, int p) const {
    const bool lacks = s.rank == 0 || (p > 0 && (s.id + p) % 4 == 0);
    return lacks ? 0 : s.rank + (odd ? p : 0);
  }
};

// inputs x [T, ldx], y [T, ldy], then A, B of each segment's projections; outputs y, the projections' s and x (its
// gradient is dx's start)
template <class Real, class Store>
struct LoraProblem {
  Layout layout;
  std::vector<std::vector<ops::LoraSegmentT<Real>>> segments;  // by projection
  std::vector<std::vector<Store>> s;
  std::vector<ops::LoraProjectionT<Real, Store>> projections;
  std::size_t maxRank = 1;

  LoraProblem(const Form& form, const Case& c, const Tensors<Real>& in, Tensors<Real>* gradients)
      : layout(c), segments(static_cast<std::size_t>(form.projections)) {
    std::size_t next = 2;
    for (std::size_t g = 0; g < c.segments.size(); ++g) {
      const SegmentCase& from = c.segments[g];
      for (int p = 0; p < form.projections; ++p) {
        const int rank = form.rank(from, p);
        ops::LoraSegmentT<Real> segment{.rowStart = layout.starts[g], .rowEnd = layout.starts[g + 1]};
        if (rank > 0) {
          segment.a = in[next].data();
          segment.b = in[next + 1].data();
          if (gradients != nullptr) {
            segment.da = (*gradients)[next].data();
            segment.db = (*gradients)[next + 1].data();
          }
          next += 2;
        }
        segment.rank = rank;
        segment.scale = 2.0F / static_cast<float>(rank + 1);
        segment.dropout = from.dropout;
        segment.seed[0] = 7U + static_cast<std::uint32_t>(from.id);
        segment.seed[1] = 99U;
        maxRank = std::max(maxRank, static_cast<std::size_t>(rank));
        segments[static_cast<std::size_t>(p)].push_back(segment);
      }
    }
    for (int p = 0; p < form.projections; ++p) {
      const auto& list = segments[static_cast<std::size_t>(p)];
      s.emplace_back(static_cast<std::size_t>(c.rows() * form.rankStride()));
      projections.push_back({{list.data(), static_cast<std::int32_t>(list.size()), layout.rowKeys.data(),
                              static_cast<std::uint32_t>(42 + p)},
                             form.column(c, p),
                             form.outFeatures(c, p),
                             s.back().data(),
                             form.rankStride()});
    }
  }
};

template <class Real, class Store, class Out, class Call>
Tensors<Real> run(const Form& form, const Case& c, const Tensors<Real>& in, Call call) {
  LoraProblem<Real, Store> problem(form, c, in, nullptr);
  const std::vector<Store> x = stored<Store>(in[0]);
  std::vector<Out> y = stored<Out>(in[1]);
  call(ops::LoraT<Real, Store, Out>{problem.projections.data(), form.projections, x.data(), form.ldx(c),
                                    form.inFeatures(c), y.data(), form.ldy(c)});
  Tensors<Real> out{reals<Real>(y)};
  for (const std::vector<Store>& s : problem.s) out.push_back(reals<Real>(s));
  out.push_back(in[0]);
  return out;
}

template <class Real, class Store, class Out, class Call>
Tensors<Real> runBackward(const Form& form, const Case& c, const Tensors<Real>& in, const Tensors<Real>& out,
                          const Tensors<Real>& graded, Call call) {
  Tensors<Real> gradients{{}, {}};
  for (std::size_t i = 2; i < in.size(); ++i) gradients.emplace_back(in[i].size(), kInitialGradient);
  LoraProblem<Real, Store> problem(form, c, in, &gradients);
  for (std::size_t p = 0; p < problem.projections.size(); ++p) {
    problem.s[p] = stored<Store>(out[1 + p]);
    problem.projections[p].s = problem.s[p].data();
  }
  const std::vector<Store> x = stored<Store>(in[0]);
  const std::vector<Store> dy = stored<Store>(graded[0]);
  std::vector<Out> dx = stored<Out>(graded.back());
  std::vector<Store> scratch(ops::loraBackwardScratchBytes(static_cast<std::size_t>(c.rows()), problem.maxRank,
                                                           problem.projections.size(), ops::DType::float32) /
                             sizeof(float));
  call(ops::LoraBackwardT<Real, Store, Out>{problem.projections.data(), form.projections, dy.data(), form.ldy(c),
                                            x.data(), form.ldx(c), form.inFeatures(c), dx.data(), form.ldx(c),
                                            scratch.data()});
  gradients[0] = reals<Real>(dx);
  for (std::size_t i = 2; i < in.size(); ++i) {
    for (Real& value : gradients[i]) value -= kInitialGradient;
  }
  return gradients;
}

// body(Store, Out) for the form's types
template <class Body>
auto withTypes(const Form& form, Body&& body) {
  if (form.store == ops::DType::float32) return body(float{}, float{});
  if (form.out == ops::DType::float32) return body(ops::Bf16{}, float{});
  return body(ops::Bf16{}, ops::Bf16{});
}

Operator loraOperator(const Form& form) {
  const bool narrow = form.store == ops::DType::bfloat16;
  const bool narrowOut = form.out == ops::DType::bfloat16;
  Operator op{
      .name = form.name,
      .inputs =
          [form, narrow, narrowOut](const Case& c) {
            std::vector<Tensor> tensors{{.name = "x", .extent = Extent::rows, .width = form.ldx(c), .bf16 = narrow},
                                        {.name = "y", .extent = Extent::rows, .width = form.ldy(c), .bf16 = narrowOut}};
            for (std::size_t g = 0; g < c.segments.size(); ++g) {
              for (int p = 0; p < form.projections; ++p) {
                const std::int64_t rank = form.rank(c.segments[g], p);
                if (rank == 0) continue;
                const bool exact = narrow && form.exact;
                const int segment = static_cast<int>(g);
                tensors.push_back({"A", Extent::segment, rank * form.inFeatures(c), segment, 1.0F, 0.0F, exact});
                tensors.push_back({"B", Extent::segment, rank * form.outFeatures(c, p), segment, 1.0F, 0.0F, exact});
              }
            }
            return tensors;
          },
      .outputs =
          [form, narrow, narrowOut](const Case& c) {
            std::vector<Tensor> tensors{{.name = "y", .extent = Extent::rows, .width = form.ldy(c), .bf16 = narrowOut}};
            for (int p = 0; p < form.projections; ++p) {
              tensors.push_back({.name = "s", .extent = Extent::rows, .width = form.rankStride(), .bf16 = narrow});
            }
            tensors.push_back({.name = "x", .extent = Extent::rows, .width = form.ldx(c), .bf16 = narrow});
            return tensors;
          },
      .forward =
          [form](ExecContext& x, const Case& c, const Tensors<float>& in) {
            return withTypes(form, [&]<class Store, class Out>(Store, Out) {
              return run<float, Store, Out>(form, c, in, [&](const auto& call) { ops::lora(x, call); });
            });
          },
      .forwardReference =
          [form](const Case& c, const Tensors<double>& in) {
            return run<double, double, double>(form, c, in, [](const auto& call) { ops::ref::lora(call); });
          },
      .forwardTolerance = 1e-11,
      .backward =
          [form](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>& out,
                 const Tensors<float>& graded) {
            return withTypes(form, [&]<class Store, class Out>(Store, Out) {
              return runBackward<float, Store, Out>(form, c, in, out, graded,
                                                    [&](const auto& call) { ops::lora_backward(x, call); });
            });
          },
      .backwardReference =
          [form](const Case& c, const Tensors<double>& in, const Tensors<double>& out, const Tensors<double>& graded) {
            return runBackward<double, double, double>(form, c, in, out, graded,
                                                       [](const auto& call) { ops::ref::lora_backward(call); });
          },
      .backwardTolerance = 1e-11,
      .gradedOutput = [](const std::string& name) { return name != "s"; }};
  if (narrow) {
    // s or ds, the result for each 64 ranks, and perhaps A and B are rounded: 1.4e-6 each, more in small tensors.
    op.forwardTolerance = op.backwardTolerance = 2e-5;
    op.gradedBf16 = true;
    op.float32Gradient = true;
  }
  return op;
}

}  // namespace

std::vector<Operator> loraOperators() {
  constexpr ops::DType wide = ops::DType::float32;
  constexpr ops::DType narrow = ops::DType::bfloat16;
  std::vector<Operator> list;
  for (const Form& form :
       {Form{"lora", wide, wide, 1, false}, Form{"lora of three", wide, wide, 3, true},
        Form{"lora bf16", narrow, narrow, 1, true}, Form{"lora of three bf16", narrow, narrow, 3, true},
        Form{"lora in units bf16", narrow, narrow, 3, false, false},
        Form{"lora to float32 bf16", narrow, wide, 1, false}}) {
    list.push_back(loraOperator(form));
  }
  return list;
}

}  // namespace loratwin::test
