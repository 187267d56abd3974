// The operators on bfloat16 tensors: their float forms' references on rounded inputs.
#include <algorithm>

#include "operators.h"
#include "ops/copy.h"
#include "ops/embed.h"
#include "ops/head_loss.h"
#include "ops/matmul.h"
#include "ops/rmsnorm.h"
#include "ops/swiglu.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::ExecContext;

// The rounding of a bfloat16 output: at most 2^-8 of an element, NMSE about 1.4e-6 and more in small tensors.
constexpr double kRounded = 6e-6;
// A product of such a rounded tensor, and the rounding of its own output.
constexpr double kRoundedTwice = 8e-6;
// Likewise where so few elements matter that their roundings do not average: (2^-8)^2.
constexpr double kRoundedAlone = 1.6e-5;

constexpr float kEps = 1e-5F;

// `base` with the named inputs and outputs as bfloat16.
Operator variant(Operator base, const std::string& name, std::vector<std::string> stored) {
  const auto marked = [stored = std::move(stored)](auto tensors) {
    return [stored, tensors](const Case& c) {
      std::vector<Tensor> specs = tensors(c);
      for (Tensor& spec : specs) spec.bf16 = std::find(stored.begin(), stored.end(), spec.name) != stored.end();
      return specs;
    };
  };
  base.name = name;
  base.inputs = marked(base.inputs);
  base.outputs = marked(base.outputs);
  base.forwardTolerance = kRounded;
  base.backwardTolerance = kRounded;
  base.float32Gradient = true;
  return base;
}

std::vector<float> cleanPadding(std::vector<float> values, std::int64_t rows, std::int64_t ld, std::int64_t columns) {
  for (std::int64_t t = 0; t < rows; ++t) std::fill_n(values.begin() + t * ld + columns, ld - columns, 0.0F);
  return values;
}

// y as float32 or bfloat16; x and w are always bfloat16
Operator matmulVariant(Operator base, MatmulExtra extra, ops::DType type) {
  const bool rounded = type == ops::DType::bfloat16;
  const std::string name = base.name + " bf16";
  std::vector<std::string> stored{"x", "w"};
  if (rounded) stored.push_back("y");
  Operator op = variant(std::move(base), name, std::move(stored));
  if (!rounded) op.forwardTolerance = op.backwardTolerance = 1e-11;
  op.forward = [extra, type](ExecContext& x, const Case& c, const Tensors<float>& in) {
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> left = toBf16(in[0]);
    const ops::PackedMatrix w(engine, toBf16(in[1]).data(), c.intermediate, c.hidden, false);
    const std::int64_t ld = c.intermediate + kPad;
    const std::size_t count = static_cast<std::size_t>(c.rows() * ld);
    const float* bias = extra == MatmulExtra::bias ? in[2].data() : nullptr;
    const float* residual = extra == MatmulExtra::residual ? in[3].data() : nullptr;
    std::vector<float> y(count);
    ops::withStore(type, [&]<class Store>(Store) {
      std::vector<Store> out(count);
      ops::matmul(x, engine, {left.data(), c.hidden + kPad, &w, out.data(), type, ld, bias, residual, ld, c.rows()});
      y = toFloats(out);
    });
    return Tensors<float>{cleanPadding(y, c.rows(), ld, c.intermediate)};
  };
  op.backward = [type](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                       const Tensors<float>& graded) {
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> dy = toBf16(graded[0]);
    const ops::PackedMatrix w(engine, toBf16(in[1]).data(), c.intermediate, c.hidden, true);
    const std::int64_t ld = c.hidden + kPad;
    std::vector<float> dx;
    ops::withStore(type, [&]<class Store>(Store) {
      std::vector<Store> out(static_cast<std::size_t>(c.rows() * ld));
      ops::matmul_backward(x, engine, {dy.data(), c.intermediate + kPad, &w, out.data(), type, ld, c.rows()});
      dx = toFloats(out);
    });
    return Tensors<float>{dx, {}, {}, {}};
  };
  op.gradedBf16 = true;
  return op;
}

Operator embedVariant(Operator base) {
  Operator op = variant(std::move(base), "embed bf16", {"table"});
  op.forwardTolerance = 0;
  op.forward = [](ExecContext& x, const Case& c, const Tensors<float>& in) {
    const Layout layout(c);
    const std::vector<Bf16> table = toBf16(in[0]);
    std::vector<float> out(static_cast<std::size_t>(c.rows() * c.hidden));
    ops::embed(x, ops::EmbedBf16{table.data(), layout.ids.data(), out.data(), c.rows(), c.hidden, c.vocabulary});
    return Tensors<float>{out};
  };
  return op;
}

Operator rmsnormVariant(Operator base) {
  Operator op = variant(std::move(base), "rmsnorm bf16", {"y"});
  op.forward = [](ExecContext& x, const Case& c, const Tensors<float>& in) {
    std::vector<Bf16> y(in[0].size());
    std::vector<float> rstd(static_cast<std::size_t>(c.rows()));
    ops::rmsnorm(x, ops::RmsnormBf16{in[0].data(), in[1].data(), y.data(), rstd.data(), c.rows(), c.hidden, kEps});
    return Tensors<float>{toFloats(y), rstd, in[0]};
  };
  // dxCompute in dx's place: the same values, rounded
  op.backward = [](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>& out,
                   const Tensors<float>& graded) {
    std::vector<float> dx(in[0].size());
    std::vector<Bf16> rounded(in[0].size());
    ops::rmsnorm_backward(x, {graded[0].data(), in[0].data(), out[1].data(), in[1].data(), graded[2].data(), dx.data(),
                              c.rows(), c.hidden, rounded.data()});
    return Tensors<float>{toFloats(rounded), {}};
  };
  return op;
}

Operator swigluVariant(Operator base) {
  Operator op = variant(std::move(base), "swiglu bf16", {"gateUp", "out"});
  op.forward = [](ExecContext& x, const Case& c, const Tensors<float>& in) {
    const std::int64_t ldo = c.intermediate + kPad;
    const std::vector<Bf16> gateUp = toBf16(in[0]);
    std::vector<Bf16> out(static_cast<std::size_t>(c.rows() * ldo));
    ops::swiglu(x,
                ops::SwigluBf16{gateUp.data(), 2 * c.intermediate + kPad, out.data(), ldo, c.rows(), c.intermediate});
    return Tensors<float>{toFloats(out)};
  };
  op.backward = [](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                   const Tensors<float>& graded) {
    const std::int64_t ld = 2 * c.intermediate + kPad;
    const std::vector<Bf16> gateUp = toBf16(in[0]);
    const std::vector<Bf16> dout = toBf16(graded[0]);
    std::vector<Bf16> dgateUp(gateUp.size());
    ops::swiglu_backward(x, ops::SwigluBackwardBf16{gateUp.data(), ld, dout.data(), c.intermediate + kPad,
                                                    dgateUp.data(), ld, c.rows(), c.intermediate});
    return Tensors<float>{toFloats(dgateUp)};
  };
  return op;
}

Operator headLossVariant(Operator base, const ops::LogitsKind& kind) {
  const std::string name = base.name + " bf16";
  Operator op = variant(std::move(base), name, {"x", "w"});
  op.forwardTolerance = 1e-11;
  // The gradient of z is rounded before its product.
  op.backwardTolerance = kind.isPlain() ? kRoundedTwice : kRoundedAlone;
  const auto run = [kind](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>* graded,
                          std::vector<float>& dx) {
    const Layout layout(c);
    std::vector<ops::LossSegment> segments;
    for (std::size_t g = 0; g < c.segments.size(); ++g) {
      segments.push_back({layout.starts[g], layout.starts[g + 1], graded == nullptr ? 1.0F : (*graded)[g][0]});
    }
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> rows = toBf16(in[0]);
    const ops::PackedMatrix w(engine, toBf16(in[1]).data(), c.vocabulary, c.hidden, true);
    constexpr std::int32_t kTileRows = 24;
    std::vector<float> scratch(ops::headLossScratchBytes(kTileRows, static_cast<std::size_t>(c.hidden),
                                                         static_cast<std::size_t>(c.vocabulary), ops::DType::bfloat16) /
                               sizeof(float));
    std::vector<double> losses(segments.size());
    dx.assign(in[0].size(), -1.0F);
    ops::head_loss(x, engine,
                   {segments.data(), static_cast<std::int32_t>(segments.size()), layout.targets.data(), rows.data(), &w,
                    graded == nullptr ? nullptr : dx.data(), scratch.data(), kTileRows, c.rows(), losses.data(), kind});
    return losses;
  };
  op.forward = [run](ExecContext& x, const Case& c, const Tensors<float>& in) {
    std::vector<float> dx;
    Tensors<float> out;
    for (const double loss : run(x, c, in, nullptr, dx)) out.push_back({static_cast<float>(loss)});
    return out;
  };
  op.backward = [run](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                      const Tensors<float>& graded) {
    std::vector<float> dx;
    run(x, c, in, &graded, dx);
    return Tensors<float>{dx, {}};
  };
  return op;
}

// There and back: x is rounded once.
Operator copyOperator() {
  const auto tensors = [](const Case& c) { return std::vector<Tensor>{{"x", Extent::rows, c.hidden}}; };
  return {.name = "copy bf16",
          .inputs = tensors,
          .outputs = tensors,
          .forward =
              [](ExecContext& x, const Case& c, const Tensors<float>& in) {
                const std::int64_t count = std::int64_t{c.rows()} * c.hidden;
                std::vector<Bf16> narrow(in[0].size());
                std::vector<float> wide(in[0].size());
                ops::copy(x, {in[0].data(), ops::DType::float32, narrow.data(), ops::DType::bfloat16, count});
                ops::copy(x, {narrow.data(), ops::DType::bfloat16, wide.data(), ops::DType::float32, count});
                return Tensors<float>{wide};
              },
          .forwardReference =
              [](const Case&, const Tensors<double>& in) {
                std::vector<double> wide;
                for (const double value : in[0]) wide.push_back(ops::toFloat(ops::toBf16(static_cast<float>(value))));
                return Tensors<double>{wide};
              },
          .forwardTolerance = 0};
}

}  // namespace

std::vector<Operator> bf16Operators(const std::vector<Operator>& table) {
  const auto base = [&](const std::string& name) {
    return *std::find_if(table.begin(), table.end(), [&](const Operator& op) { return op.name == name; });
  };
  std::vector<Operator> variants{
      embedVariant(base("embed")),
      rmsnormVariant(base("rmsnorm")),
      matmulVariant(base("matmul"), MatmulExtra::none, ops::DType::bfloat16),
      matmulVariant(base("matmul with bias"), MatmulExtra::bias, ops::DType::bfloat16),
      matmulVariant(base("matmul with residual"), MatmulExtra::residual, ops::DType::float32),
      swigluVariant(base("swiglu")),
      copyOperator()};
  for (const HeadLossForm& form : headLossForms()) variants.push_back(headLossVariant(base(form.name), form.kind));
  return variants;
}

}  // namespace loratwin::test
