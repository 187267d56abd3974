#include "operators.h"

#include <algorithm>
#include <cmath>

#include "ops/adamw.h"
#include "ops/embed.h"
#include "ops/rmsnorm.h"
#include "ops/sum_squares.h"
#include "ops/swiglu.h"

namespace loratwin::test {

namespace {

using ops::ExecContext;

constexpr float kEps = 1e-5F;

Operator embedOperator(const std::string& name, float scale) {
  const auto run = [scale](const Case& c, const auto& in, auto call) {
    const Layout layout(c);
    auto out = std::decay_t<decltype(in[0])>(static_cast<std::size_t>(c.rows() * c.hidden));
    call({in[0].data(), layout.ids.data(), out.data(), c.rows(), c.hidden, c.vocabulary, scale});
    return std::vector<decltype(out)>{out};
  };
  return {.name = name,
          .inputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"table", Extent::shared, std::int64_t{c.vocabulary} * c.hidden}};
              },
          .outputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"out", Extent::rows, c.hidden}};
              },
          .forward =
              [run](ExecContext& x, const Case& c, const Tensors<float>& in) {
                return run(c, in, [&](const ops::Embed& op) { ops::embed(x, op); });
              },
          .forwardReference =
              [run](const Case& c, const Tensors<double>& in) {
                return run(c, in, [](const ops::EmbedT<double>& op) { ops::ref::embed(op); });
              },
          .forwardTolerance = scale == 1.0F ? 0 : 1e-13};
}

// With a residual: in place.
Operator rmsnormOperator(const std::string& name, bool residual) {
  // outputs y, rstd and x itself, whose gradient is the residual of the backward operator
  const auto run = [residual](const Case& c, const auto& in, auto call) {
    using Vector = std::decay_t<decltype(in[0])>;
    Vector y = residual ? in[2] : Vector(in[0].size());
    Vector rstd(static_cast<std::size_t>(c.rows()));
    const auto* const added = residual ? y.data() : nullptr;
    call({in[0].data(), in[1].data(), y.data(), rstd.data(), c.rows(), c.hidden, kEps, added});
    return std::vector<Vector>{y, rstd, in[0]};
  };
  const auto back = [](const Case& c, const auto& in, const auto& out, const auto& graded, auto call) {
    using Vector = std::decay_t<decltype(in[0])>;
    Vector dx(in[0].size());
    call(
        {graded[0].data(), in[0].data(), out[1].data(), in[1].data(), graded[2].data(), dx.data(), c.rows(), c.hidden});
    return std::vector<Vector>{dx, {}, {}};
  };
  return {.name = name,
          .inputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"x", Extent::rows, c.hidden},
                                           {"weight", Extent::shared, c.hidden},
                                           {"residual", Extent::rows, c.hidden}};
              },
          .outputs =
              [](const Case& c) {
                return std::vector<Tensor>{
                    {"y", Extent::rows, c.hidden}, {"rstd", Extent::rows, 1}, {"x", Extent::rows, c.hidden}};
              },
          .forward =
              [run](ExecContext& x, const Case& c, const Tensors<float>& in) {
                return run(c, in, [&](const ops::Rmsnorm& op) { ops::rmsnorm(x, op); });
              },
          .forwardReference =
              [run](const Case& c, const Tensors<double>& in) {
                return run(c, in, [](const ops::RmsnormT<double>& op) { ops::ref::rmsnorm(op); });
              },
          .forwardTolerance = 1e-12,
          .backward =
              [back](ExecContext& x, const Case& c, const auto& in, const auto& out, const auto& graded) {
                return back(c, in, out, graded, [&](const ops::RmsnormBackward& op) { ops::rmsnorm_backward(x, op); });
              },
          .backwardReference =
              [back](const Case& c, const auto& in, const auto& out, const auto& graded) {
                return back(c, in, out, graded,
                            [](const ops::RmsnormBackwardT<double>& op) { ops::ref::rmsnorm_backward(op); });
              },
          .backwardTolerance = 1e-12,
          .gradedOutput = [](const std::string& name) { return name != "rstd"; }};
}

Operator swigluOperator(const std::string& name, ops::Activation activation, float spread) {
  const auto run = [activation](const Case& c, const auto& in, auto call) {
    auto out = std::decay_t<decltype(in[0])>(static_cast<std::size_t>(c.rows() * (c.intermediate + kPad)));
    call({in[0].data(), 2 * c.intermediate + kPad, out.data(), c.intermediate + kPad, c.rows(), c.intermediate,
          activation, kAlpha, kLimit});
    return std::vector<decltype(out)>{out};
  };
  const auto back = [activation](const Case& c, const auto& in, const auto& graded, auto call) {
    auto gradient = std::decay_t<decltype(in[0])>(in[0].size());
    call({in[0].data(), 2 * c.intermediate + kPad, graded[0].data(), c.intermediate + kPad, gradient.data(),
          2 * c.intermediate + kPad, c.rows(), c.intermediate, activation, kAlpha, kLimit});
    return std::vector<decltype(gradient)>{gradient};
  };
  return {.name = name,
          .inputs =
              [spread](const Case& c) {
                return std::vector<Tensor>{{"gateUp", Extent::rows, 2 * c.intermediate + kPad, -1, spread}};
              },
          .outputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"out", Extent::rows, c.intermediate + kPad}};
              },
          .forward =
              [run](ExecContext& x, const Case& c, const Tensors<float>& in) {
                return run(c, in, [&](const ops::Swiglu& op) { ops::swiglu(x, op); });
              },
          .forwardReference =
              [run](const Case& c, const Tensors<double>& in) {
                return run(c, in, [](const ops::SwigluT<double>& op) { ops::ref::swiglu(op); });
              },
          .forwardTolerance = 1e-11,
          .backward =
              [back](ExecContext& x, const Case& c, const auto& in, const auto&, const auto& graded) {
                return back(c, in, graded, [&](const ops::SwigluBackward& op) { ops::swiglu_backward(x, op); });
              },
          .backwardReference =
              [back](const Case& c, const auto& in, const auto&, const auto& graded) {
                return back(c, in, graded,
                            [](const ops::SwigluBackwardT<double>& op) { ops::ref::swiglu_backward(op); });
              },
          .backwardTolerance = 1e-11,
          .gradedOutput = everyOutput};
}

Operator adamwOperator() {
  const auto run = [](const auto& in, auto call) {
    auto out = in;
    call({out[0].data(), out[1].data(), out[2].data(), out[3].data(), out[0].size(), 3, 1e-2, 0.9, 0.999, 1e-8, 0.01,
          0.7});
    return out;
  };
  const auto tensors = [](const Case& c) {
    const std::int64_t count = std::int64_t{c.hidden} * c.intermediate + 5;
    return std::vector<Tensor>{{"parameters", Extent::shared, count},
                               {"firstMoment", Extent::shared, count, -1, 0.1F},
                               {"secondMoment", Extent::shared, count, -1, 0.05F, 0.06F},
                               {"gradients", Extent::shared, count}};
  };
  return {
      .name = "adamw",
      .inputs = tensors,
      .outputs = tensors,
      .forward = [run](ExecContext& x, const Case&,
                       const Tensors<float>& in) { return run(in, [&](const ops::Adamw& op) { ops::adamw(x, op); }); },
      .forwardReference =
          [run](const Case&, const Tensors<double>& in) {
            return run(in, [](const ops::AdamwT<double>& op) { ops::ref::adamw(op); });
          },
      .forwardTolerance = 1e-12};
}

Operator sumSquaresOperator() {
  return {.name = "sum_squares",
          .inputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"x", Extent::shared, std::int64_t{c.hidden} * c.intermediate + 5}};
              },
          .outputs =
              [](const Case&) {
                return std::vector<Tensor>{{"sum", Extent::shared, 1}};
              },
          .forward =
              [](ExecContext& x, const Case&, const Tensors<float>& in) {
                return Tensors<float>{{static_cast<float>(ops::sum_squares(x, in[0].data(), in[0].size()))}};
              },
          .forwardReference =
              [](const Case&, const Tensors<double>& in) {
                return Tensors<double>{{ops::ref::sum_squares(in[0].data(), in[0].size())}};
              },
          .forwardTolerance = 1e-13};
}

}  // namespace

std::vector<Operator> operatorTable() {
  std::vector<Operator> table{
      embedOperator("embed", 1.0F),
      embedOperator("embed scaled", 39.25F),
      rmsnormOperator("rmsnorm", false),
      rmsnormOperator("rmsnorm with residual", true),
      matmulOperator("matmul", MatmulExtra::none),
      matmulOperator("matmul with bias", MatmulExtra::bias),
      matmulOperator("matmul with residual", MatmulExtra::residual),
      matmulOperator("matmul with residual in place", MatmulExtra::residualInPlace),
      headNormOperator("head_norm", ops::DType::float32, HeadNorms::ofHeads, false),
      headNormOperator("head_norm whole", ops::DType::float32, HeadNorms::whole, true),
      headNormOperator("head_norm without weights", ops::DType::float32, HeadNorms::unweighted, true),
      headNormOperator("head_norm bf16", ops::DType::bfloat16, HeadNorms::ofHeads, true),
      headNormOperator("head_norm whole bf16", ops::DType::bfloat16, HeadNorms::whole, false),
      ropeOperator("rope", ops::DType::float32, {}),
      ropeOperator("rope bf16", ops::DType::bfloat16, {}),
      ropeOperator("rope in part", ops::DType::float32, {.part = true, .longer = true, .factor = 1.25F}),
      ropeOperator("rope in pairs", ops::DType::float32, {.pairs = true, .longer = true}),
      ropeOperator("rope in pairs, in part", ops::DType::float32, {.part = true, .pairs = true, .factor = 0.75F}),
      ropeOperator("rope in part bf16", ops::DType::bfloat16, {.part = true, .longer = true, .factor = 1.25F}),
      ropeOperator("rope in pairs bf16", ops::DType::bfloat16, {.pairs = true}),
      temperatureOperator("temperature", ops::DType::float32),
      temperatureOperator("temperature bf16", ops::DType::bfloat16),
      attentionOperator("attention", ops::DType::float32, 2.0F, 1e-10, 1e-9),
      attentionOperator("attention with large scores", ops::DType::float32, 9.0F, 1e-9, 1e-8),
      attentionOperator("attention bf16", ops::DType::bfloat16, 2.0F, 6e-6, 1e-5),
      attentionOperator("attention with large scores bf16", ops::DType::bfloat16, 9.0F, 6e-6, 2e-5),
      swigluOperator("swiglu", ops::Activation::silu, 20.0F),
      swigluOperator("swiglu of gelu", ops::Activation::gelu, 20.0F),
      swigluOperator("swiglu of gelu near 0", ops::Activation::gelu, 1e-3F),
      swigluOperator("swiglu clamped", ops::Activation::clamped, 20.0F),
      adamwOperator(),
      sumSquaresOperator()};
  for (const HeadLossForm& form : headLossForms()) table.push_back(headLossOperator(form));
  for (Operator& op : loraOperators()) table.push_back(std::move(op));
  for (Operator& op : expertOperators()) table.push_back(std::move(op));
  return table;
}

}  // namespace loratwin::test
